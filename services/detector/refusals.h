// What of the journal is refused, counted and named: the first of each kind at once, then one a
// minute.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/seldom.h"
#include "detector/meters.h"
#include "journal/refusal.h"

namespace surgewatch::services {

class Refusals {
 public:
  Refusals(std::string journal, DetectorService::Meters* meters)
      : journal_(std::move(journal)), meters_(*meters) {}

  // Of the record at this offset. Those that the detector has refused it counts itself.
  void of_journal(std::int64_t offset, std::span<const journal::Refused> refused);
  // No record at all.
  void unreadable(std::int64_t offset, const journal::Refused& refused);

 private:
  void name(std::int64_t offset, const journal::Refused& refused);

  const std::string journal_;  // topic
  DetectorService::Meters& meters_;
  Seldom seldom_;
};

}  // namespace surgewatch::services
