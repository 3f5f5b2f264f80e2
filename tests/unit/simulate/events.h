// Reading a scenario's events in tests.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/time.h"
#include "simulate/scenario.h"

namespace surgewatch::simulate {

inline std::unique_ptr<Scenario> must_make(std::string_view name, std::uint64_t events,
                                           std::uint64_t seed) {
  auto scenario = make_scenario(name, events, seed);
  if (!scenario.ok()) throw std::runtime_error(std::string(scenario.status().message()));
  return *std::move(scenario);
}

inline Micros micros_of(const google::protobuf::Timestamp& time) {
  return time.seconds() * kMicrosPerSecond + time.nanos() / 1'000;
}
inline Micros time_of(const v1::Event& event) {
  return micros_of(event.has_invoice() ? event.invoice().issue_time()
                                       : event.shipment().despatch_time());
}

}  // namespace surgewatch::simulate
