// The topics of the contract, with how they are made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/client.h"

namespace surgewatch::kafka {

// Full names: the configured prefix is in them.
struct Topics {
  explicit Topics(std::string_view prefix);

  std::string invoices, shipments, journal, checkpoints, series, reference, alerts, late,
      dead_letter;

  // What `surgewatch topics create` makes; inputs get `input_partitions`.
  std::vector<TopicSpec> specs(std::int32_t input_partitions) const;
};

}  // namespace surgewatch::kafka
