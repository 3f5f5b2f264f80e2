#include "simulate/scenario.h"

#include <fmt/format.h>

#include "base/status.h"
#include "simulate/deepseek.h"
#include "simulate/steady.h"

namespace surgewatch::simulate {

std::vector<ScenarioInfo> scenarios() {
  return {
      {"deepseek",
       "NVIDIA's reported revenue by billing region, fiscal 2024 and 2025, as invoices and "
       "shipments that add up to it to the dollar; the documents, their parties, the split of "
       "deliveries and the 10,000 H100 and 10,000 H800 that reach China are synthetic"},
      {"steady",
       "synthetic load without a surge: 1,000 documents a minute from 2024-01-01, some late by up "
       "to an hour, with duplicates, corrections, cancellations, credit notes, returns and a few "
       "that must be rejected"},
  };
}

absl::StatusOr<std::unique_ptr<Scenario>> make_scenario(std::string_view name, std::uint64_t events,
                                                        std::uint64_t seed) {
  if (name == "deepseek") return make_deepseek(events, seed);
  if (name == "steady") return make_steady(events, seed);
  std::string known;
  for (const ScenarioInfo& scenario : scenarios()) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", scenario.name);
  }
  return not_found("no scenario is called {}; there are: {}", name, known);
}

}  // namespace surgewatch::simulate
