// How what one owner, or one generation, has said takes the place of what another had.
#include <algorithm>
#include <tuple>
#include <utility>

#include "journal/generation.h"

namespace surgewatch::journal {
namespace {

// Of invoices and shipments.
bool has_reached(const std::pair<std::int64_t, std::int64_t>& offsets,
                 const std::pair<std::int64_t, std::int64_t>& others) {
  return offsets.first >= others.first && offsets.second >= others.second;
}

}  // namespace

bool Generation::has_caught_up_with(const Generation& other) const {
  return std::ranges::all_of(other.sources_, [this](const auto& entry) {
    if (entry.second.progress_offset < 0) return true;
    const auto mine = sources_.find(entry.first);
    if (mine == sources_.end()) return false;
    if (entry.first.topic != Topic::kOrders) {
      return mine->second.progress_offset >= entry.second.progress_offset;
    }
    return mine->second.former == nullptr &&
           has_reached(mine->second.reached, entry.second.standing().reached);
  });
}

// ---- owners -------------------------------------------------------------------------------------

void Generation::begin(SourceId source) {
  if (source.topic == Topic::kOrders) return begin_pair(source);
  SourceState& state = state_of(source);
  for (std::size_t i = 0; i < series_.size(); ++i) drop_held(i, &state.series[i]);
  state.catches_up_to = state.furthest;
}

void Generation::begin_pair(SourceId source) {
  SourceState& state = state_of(source);
  if (state.former != nullptr) {
    // Whoever was gathered has been followed before he had come so far.
    for (std::size_t i = 0; i < series_.size(); ++i) let_go(i, &state.series[i], INT64_MAX);
  } else if (state.progress_offset >= 0) {
    state.former = std::make_unique<Said>(std::move(state));
  }
  static_cast<Said&>(state) = {};
  state.series.resize(series_.size());
  for (std::size_t i = 0; i < series_.size(); ++i) {
    state.series[i].kept_from = series_[i].forgotten_before;
  }
  state.progress_offset = -1;
  state.progress_by.reset();
}

void Generation::replace_former(SourceId source, SourceState* state, std::vector<Change>* changes) {
  if (state->former == nullptr || !has_reached(state->reached, state->former->reached)) return;
  const std::unique_ptr<Said> former = std::move(state->former);
  using Sums = std::pair<WideMeasures, WideMeasures>;  // before and after
  for (std::size_t i = 0; i < series_.size(); ++i) {
    absl::btree_map<std::pair<KeyId, PaneIndex>, Sums> moved;
    const auto gather = [&](const Parts& parts, WideMeasures Sums::*side) {
      for (const auto& [index, pane] : parts.panes) {
        for (const auto& [key, part] : pane.parts) {
          const auto wide = pane.wide.find(key);
          moved[{key, index}].*side =
              wide == pane.wide.end() ? WideMeasures(part.values) : wide->second;
        }
      }
    };
    gather(former->series[i], &Sums::first);
    gather(state->series[i], &Sums::second);
    for (const auto& [place, sums] : moved) {
      if (sums.first == sums.second) continue;
      move(source,
           {.series = static_cast<std::uint32_t>(i),
            .key = keys(i).counts_as(place.first),
            .pane = place.second,
            .is_correction = false,
            .before = sums.first,
            .after = sums.second},
           changes);
    }
    let_go(i, &former->series[i], INT64_MAX);
  }
}

// ---- taking another's place --------------------------------------------------------------------

void Generation::differences(const Generation* former, std::vector<Change>* changes) const {
  struct Moved {
    WideMeasures before, after;
  };
  // Key, pane, whether a correction.
  using Place = std::tuple<KeyId, PaneIndex, bool>;
  for (std::size_t series = 0; series < series_.size(); ++series) {
    absl::btree_map<Place, Moved> moved;
    const auto gather = [&](const Generation& from, WideMeasures Moved::*side) {
      const SeriesState& state = from.series_[series];
      const auto add = [&](KeyId key, const PaneLog& log, bool is_correction,
                           const WideSums& wide) {
        log.visit(INT64_MIN, INT64_MAX, state.columns, [&](const PaneLog::Entry& entry) {
          const auto exact = wide.find({key, entry.pane});
          moved[{key, entry.pane, is_correction}].*side =
              exact == wide.end() ? WideMeasures(entry.values) : exact->second;
        });
      };
      for (std::size_t key = 0; key < state.updates.size(); ++key) {
        add(static_cast<KeyId>(key), state.updates[key], false, state.wide_updates);
      }
      for (const auto& [key, log] : state.corrections) {
        add(key, log, true, state.wide_corrections);
      }
    };
    gather(*this, &Moved::after);
    if (former != nullptr) gather(*former, &Moved::before);
    for (const auto& [place, sums] : moved) {
      if (sums.before == sums.after) continue;
      changes->push_back({.series = static_cast<std::uint32_t>(series),
                          .key = std::get<0>(place),
                          .pane = std::get<1>(place),
                          .is_correction = std::get<2>(place),
                          .before = sums.before,
                          .after = sums.after});
    }
  }
}

}  // namespace surgewatch::journal
