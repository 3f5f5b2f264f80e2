#include "journal/watermarks.h"

#include <algorithm>

namespace surgewatch::journal {

void Watermarks::set_partitions(Topic topic, std::int32_t partitions) {
  for (std::int32_t p = 0; p < partitions; ++p) sources_.try_emplace(SourceId{topic, p});
  const auto gone = absl::erase_if(sources_, [&](const auto& entry) {
    return entry.first.topic == topic && entry.first.partition >= partitions &&
           !entry.second.is_spoken_of;
  });
  if (gone > 0) update(topic);
}

void Watermarks::add_source(SourceId source) { sources_[source].is_spoken_of = true; }

void Watermarks::advance(SourceId source, Micros watermark, std::optional<Micros> first) {
  State& state = sources_[source];
  state.is_spoken_of = true;
  if (first.has_value()) state.first = std::min(state.first.value_or(*first), *first);
  if (state.watermark.has_value() && watermark <= *state.watermark) return;
  if (!state.first.has_value() && watermark < kEndOfInput) state.first = watermark;
  state.watermark = watermark;
  state.idle = false;
  update(source.topic);
}

void Watermarks::mark_idle(SourceId source, bool idle) {
  State& state = sources_[source];
  state.is_spoken_of = true;
  state.idle = idle;
  update(source.topic);
}

std::optional<Micros> Watermarks::first(Topics topics) const {
  std::optional<Micros> first;
  for (const auto& [source, state] : sources_) {
    if (!topics.has(source.topic) || !state.first.has_value()) continue;
    first = std::min(first.value_or(*state.first), *state.first);
  }
  return first;
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

void Watermarks::follow(const Watermarks& other) {
  for (std::size_t i = 0; i < combined_.size(); ++i) {
    if (!other.combined_[i].has_value()) continue;
    combined_[i] = std::max(combined_[i].value_or(*other.combined_[i]), *other.combined_[i]);
  }
}

void Watermarks::update(Topic topic) {
  for (const Topics topics : {Topics(topic), Topics::both()}) {
    const std::optional<Micros> now = bound(topics);
    std::optional<Micros>& combined = combined_[topics.index()];
    if (now.has_value()) combined = std::max(combined.value_or(*now), *now);
  }
}

std::optional<Micros> Watermarks::bound(Topics topics) const {
  std::array<bool, 2> is_there{};
  std::optional<Micros> lowest_active;
  std::optional<Micros> highest_idle;
  for (const auto& [source, state] : sources_) {
    if (!topics.has(source.topic)) continue;
    is_there[static_cast<std::size_t>(source.topic)] = true;
    if (state.idle) {
      if (state.watermark.has_value()) {
        highest_idle = std::max(highest_idle.value_or(*state.watermark), *state.watermark);
      }
      continue;
    }
    if (!state.watermark.has_value()) return std::nullopt;  // it holds everything
    lowest_active = std::min(lowest_active.value_or(*state.watermark), *state.watermark);
  }
  for (const Topic topic : kInputTopics) {
    if (topics.has(topic) && !is_there[static_cast<std::size_t>(topic)]) return std::nullopt;
  }
  return lowest_active.has_value() ? lowest_active : highest_idle;
}

}  // namespace surgewatch::journal
