// The scenario `deepseek`: the orders of the story as one stream of documents.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "simulate/scenario.h"

namespace surgewatch::simulate {

absl::StatusOr<std::unique_ptr<Scenario>> make_deepseek(std::uint64_t events, std::uint64_t seed);

}  // namespace surgewatch::simulate
