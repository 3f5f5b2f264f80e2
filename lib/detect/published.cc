#include "detect/published.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/printable.h"
#include "detect/say/evidence.h"

namespace surgewatch::detect {

std::uint64_t Published::digest_of(const v1::Alert& alert) {
  const double figures[] = {alert.observed(),        alert.expected(),    alert.upper_bound(),
                            alert.ratio(),           alert.score(),       alert.peak().observed(),
                            alert.peak().expected(), alert.peak().ratio()};
  std::string bytes;
  for (const std::int64_t part : {std::int64_t{alert.state()}, std::int64_t{alert.timing()},
                                  std::int64_t{alert.severity()}, std::int64_t{alert.mode()},
                                  std::int64_t{alert.resolution() == v1::RESOLUTION_DATA_CORRECTED},
                                  alert.window_start().seconds(), alert.window_end().seconds(),
                                  alert.peak().window_end().seconds()}) {
    bytes += fmt::format(" {}", part);
  }
  for (const double figure : figures)
    bytes += fmt::format(" {:x}", std::bit_cast<std::uint64_t>(figure));
  // That it may be a new normal is part of the state.
  for (const v1::Evidence& evidence : alert.evidence()) {
    if (evidence.name() == kNewNormal) bytes += fmt::format(" {}", evidence.value());
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

void Published::load(const std::vector<v1::Alert>& alerts) {
  for (const v1::Alert& alert : alerts) {
    Newest& newest = newest_[alert.alert_id()];
    // Behind the last number there is none to go on with.
    if (alert.revision() <= newest.revision || alert.revision() == INT32_MAX) continue;
    newest = {alert.revision(), digest_of(alert)};
    if (alert.state() == v1::ALERT_STATE_FIRING) {
      unclaimed_[alert.alert_id()] = alert;
    } else {
      unclaimed_.erase(alert.alert_id());
    }
  }
}

bool Published::take(v1::Alert* alert) {
  unclaimed_.erase(alert->alert_id());
  const std::uint64_t digest = digest_of(*alert);
  const auto [entry, is_new] = newest_.try_emplace(alert->alert_id());
  Newest& newest = entry->second;
  if (is_new && alert->state() != v1::ALERT_STATE_FIRING) {
    newest_.erase(entry);
    return false;
  }
  if (!is_new && newest.digest == digest) return false;
  newest = {newest.revision + 1, digest};
  alert->set_revision(newest.revision);
  return true;
}

std::vector<v1::Alert> Published::withdraw(const config::Config& config) {
  std::vector<v1::Alert> result;
  for (auto& [id, alert] : std::exchange(unclaimed_, {})) {
    const auto rule = std::ranges::find(config.rules, alert.rule(), &config::Rule::name);
    v1::Resolution resolution = v1::RESOLUTION_DATA_CORRECTED;
    std::string why = "the figures as they are now do not reach the line";
    if (rule == config.rules.end()) {
      resolution = v1::RESOLUTION_RULE_REMOVED;
      why = "no rule of this name is in force any more";
    } else if (rule->version != alert.rule_version()) {
      resolution = v1::RESOLUTION_RULE_CHANGED;
      why = "the rule has changed, and as it is now it does not raise this alert";
    }
    alert.set_state(v1::ALERT_STATE_RESOLVED);
    alert.set_timing(v1::TIMING_FINAL);
    alert.set_resolution(resolution);
    alert.set_explanation(
        fmt::format("Withdrawn: {}. Before: {}", why, printable_line(alert.explanation())));
    alert.set_ruleset_version(config.ruleset_version);
    if (take(&alert)) result.push_back(std::move(alert));
  }
  return result;
}

}  // namespace surgewatch::detect
