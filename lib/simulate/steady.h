// The scenario `steady`: stationary random documents for load and robustness tests, with everything
// that a real stream brings: disorder, duplicates, corrections in any order, cancellations, credit
// notes, returns, and documents that must be rejected.
//
// Document i is a function of i and the seed. Corrections pick an earlier document among the last
// kReach and find it by computing it again, so nothing is kept.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "simulate/scenario.h"

namespace surgewatch::simulate {

absl::StatusOr<std::unique_ptr<Scenario>> make_steady(std::uint64_t events, std::uint64_t seed);

}  // namespace surgewatch::simulate
