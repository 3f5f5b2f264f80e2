// Synthetic events: the same scenario, number and seed give the same events, byte for byte, on
// every machine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::simulate {

struct ScenarioInfo {
  std::string_view name;
  std::string_view description;  // one line; says what is synthetic
};
std::vector<ScenarioInfo> scenarios();

// A stream of events in the order in which they are sent.
class Scenario {
 public:
  virtual ~Scenario() = default;
  // False at the end.
  virtual bool next(v1::Event* event) = 0;
  // How many there are in all.
  virtual std::uint64_t total() const = 0;
};

// NOT_FOUND names the scenarios there are; INVALID_ARGUMENT if `events` is too few for the scenario
// (the message says how many it takes).
absl::StatusOr<std::unique_ptr<Scenario>> make_scenario(std::string_view name, std::uint64_t events,
                                                        std::uint64_t seed);

}  // namespace surgewatch::simulate
