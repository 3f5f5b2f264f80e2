// A pair that this process owns: what the orders of two partitions of one number say. Both halves
// are the same worker's, since the group assigns by range; a half that is read again from its
// beginning takes the other along, as a pair of its own.
//
// Threads: as OwnedSource's: the worker feeds it, the flusher collects from it; each member says
// whose it is.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "aggregate/order_log.h"
#include "aggregate/pair_writer.h"
#include "aggregator/claim.h"
#include "base/source.h"
#include "config/config.h"
#include "observe/reference_index.h"
#include "orders/pair.h"

namespace surgewatch::services {

inline Topic other_half(Topic topic) {
  return topic == Topic::kInvoices ? Topic::kShipments : Topic::kInvoices;
}

struct OwnedPair {
  OwnedPair(std::int32_t number, const std::shared_ptr<const config::Config>& config)
      : partition(number),
        index(config->reference.get()),
        pair(config),
        feeders{aggregate::PairFeeder(Topic::kInvoices, &index, &pair),
                aggregate::PairFeeder(Topic::kShipments, &index, &pair)},
        writer(config.get(), number) {}

  SourceId id() const { return {Topic::kOrders, partition}; }

  const std::int32_t partition;
  const observe::ReferenceIndex index;
  orders::Pair pair;

  // The worker's; by Topic.
  std::array<aggregate::PairFeeder, 2> feeders;
  std::array<bool, 2> is_fed{};

  // Written by the flusher, read by the worker; relaxed, a figure of its own: whether the half has
  // fallen silent.
  std::array<std::atomic<bool>, 2> idle{};

  // The flusher's.
  Claim claim;
  aggregate::PairWriter writer;
  std::array<std::int64_t, 2> reached{};  // by Topic: offsets below it are in what was collected
};

}  // namespace surgewatch::services
