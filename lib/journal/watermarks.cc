#include "journal/watermarks.h"

#include <algorithm>

namespace surgewatch::journal {

void Watermarks::add_partitions(Topic topic, std::int32_t partitions) {
  for (std::int32_t p = 0; p < partitions; ++p) sources_.try_emplace(SourceId{topic, p});
}

void Watermarks::add_source(SourceId source) { sources_.try_emplace(source); }

void Watermarks::advance(SourceId source, Micros watermark) {
  State& state = sources_[source];
  if (state.watermark.has_value() && watermark <= *state.watermark) return;
  state.watermark = watermark;
  state.idle = false;
  update(source.topic);
}

bool Watermarks::mark_idle(SourceId source, bool idle, std::int64_t owner_epoch) {
  State& state = sources_[source];
  if (owner_epoch < state.owner_epoch) return false;
  state.owner_epoch = owner_epoch;
  state.idle = idle;
  update(source.topic);
  return true;
}

std::optional<Micros> Watermarks::passed(Topic topic) const {
  return passed_[static_cast<std::size_t>(topic)];
}

std::optional<Micros> Watermarks::lowest() const {
  std::optional<Micros> lowest;
  for (const auto& [source, state] : sources_) {
    if (state.idle) continue;
    if (!state.watermark.has_value()) return std::nullopt;
    lowest = std::min(lowest.value_or(*state.watermark), *state.watermark);
  }
  return lowest;
}

void Watermarks::update(Topic topic) {
  std::optional<Micros> lowest_active;
  std::optional<Micros> highest_idle;
  for (const auto& [source, state] : sources_) {
    if (source.topic != topic) continue;
    if (state.idle) {
      if (state.watermark.has_value()) {
        highest_idle = std::max(highest_idle.value_or(*state.watermark), *state.watermark);
      }
      continue;
    }
    if (!state.watermark.has_value()) return;  // it holds everything
    lowest_active = std::min(lowest_active.value_or(*state.watermark), *state.watermark);
  }
  const std::optional<Micros> now = lowest_active.has_value() ? lowest_active : highest_idle;
  std::optional<Micros>& passed = passed_[static_cast<std::size_t>(topic)];
  if (now.has_value()) passed = std::max(passed.value_or(*now), *now);
}

}  // namespace surgewatch::journal
