#include "detect/firings.h"

#include <algorithm>
#include <iterator>

#include "base/at_most.h"
#include "base/check.h"

namespace surgewatch::detect {

Firings::Firings(const config::Config& config, std::size_t rule)
    : typology_(*config.rules[rule].typology),
      series_(static_cast<std::uint32_t>(config.rules[rule].series)),
      pane_length_(config.series[config.rules[rule].series].pane_length),
      windows_(typology_.findings.size()) {}

// Null where the subject lacks a value that the typology's has: that of a coarser level of a
// rollup.
Firings::Windows* Firings::windows_of(std::size_t finding, const SubjectName& subject) {
  auto& known = windows_[finding];
  if (const auto found = known.find(subject.canonical); found != known.end()) return &found->second;
  std::vector<std::string> values;
  for (const std::size_t position : typology_.findings[finding].by) {
    const auto at = std::ranges::find(subject.per, position);
    if (at == subject.per.end()) return nullptr;
    values.push_back(subject.values[static_cast<std::size_t>(at - subject.per.begin())]);
  }
  values.push_back(typology_.findings[finding].name);
  return &known.emplace(subject.canonical, Windows{.key = key_of(std::move(values)), .ends = {}})
              .first->second;
}

journal::KeyId Firings::key_of(std::vector<std::string> values) {
  const auto [place, is_new] = ids_.try_emplace(values);
  if (!is_new) return place->second;
  if (free_.empty()) {
    place->second = static_cast<journal::KeyId>(keys_.size());
    keys_.emplace_back();
  } else {
    place->second = free_.back();
    free_.pop_back();
  }
  keys_[place->second].values = std::move(values);
  return place->second;
}

void Firings::count(const Windows& windows, Micros end, std::int64_t delta) {
  const PaneIndex pane = pane_at(end);
  if (pane < forgotten_before_) return;
  std::int64_t& held = keys_[windows.key].panes[pane];
  before_.try_emplace({windows.key, pane}, held);
  held += delta;
}

void Firings::add(std::size_t finding, const SubjectName& subject, Micros end) {
  Windows* windows = windows_of(finding, subject);
  if (windows == nullptr) return;
  SW_CHECK(windows->ends.empty() || windows->ends.back() < end);
  windows->ends.push_back(end);
  count(*windows, end, 1);
}

void Firings::replace(std::size_t finding, const SubjectName& subject, Micros behind,
                      std::span<const Micros> ends) {
  if (ends.empty() && !windows_[finding].contains(subject.canonical)) return;
  Windows* windows = windows_of(finding, subject);
  if (windows == nullptr) return;
  const auto first = std::ranges::upper_bound(windows->ends, behind);
  std::vector<Micros> gone, come;
  std::set_difference(first, windows->ends.end(), ends.begin(), ends.end(),
                      std::back_inserter(gone));
  std::set_difference(ends.begin(), ends.end(), first, windows->ends.end(),
                      std::back_inserter(come));
  windows->ends.erase(first, windows->ends.end());
  windows->ends.insert(windows->ends.end(), ends.begin(), ends.end());
  for (const Micros end : gone) count(*windows, end, -1);
  for (const Micros end : come) count(*windows, end, 1);
}

std::vector<journal::Change> Firings::take_changes() {
  std::vector<journal::Change> changes;
  for (const auto& [place, before] : before_) {
    const auto& [key, pane] = place;
    const auto held = keys_[key].panes.find(pane);
    const std::int64_t after = held->second;
    if (after == 0) keys_[key].panes.erase(held);
    if (after == before) continue;
    const auto findings = [](std::int64_t count) {
      MeasureValues values;
      values[Measure::kDocuments] = count;
      return values;
    };
    journal::Change& change = changes.emplace_back();
    change.series = series_;
    change.key = key;
    change.pane = pane;
    change.before = findings(before);
    change.after = findings(after);
  }
  before_.clear();
  return changes;
}

std::vector<journal::KeyId> Firings::forget(PaneIndex pane) {
  SW_CHECK(before_.empty());
  forgotten_before_ = std::max(forgotten_before_, pane);
  for (auto& known : windows_) {
    absl::erase_if(known, [&](auto& entry) {
      std::vector<Micros>& ends = entry.second.ends;
      const auto kept =
          std::ranges::find_if(ends, [&](Micros end) { return pane_at(end) >= forgotten_before_; });
      ends.erase(ends.begin(), kept);
      return ends.empty();
    });
  }
  std::vector<journal::KeyId> released;
  for (auto at = ids_.begin(); at != ids_.end();) {
    auto& panes = keys_[at->second].panes;
    panes.erase(panes.begin(), panes.lower_bound(forgotten_before_));
    if (!panes.empty()) {
      ++at;
      continue;
    }
    keys_[at->second] = {};
    free_.push_back(at->second);
    released.push_back(at->second);
    at = ids_.erase(at);
  }
  return released;
}

Saturating Firings::at_most(Saturating subjects, Saturating keys, Saturating panes,
                            std::size_t name_bytes) {
  using ValuesNode = std::pair<const std::vector<std::string>, journal::KeyId>;
  const Saturating windows =
      at_most::flat_hash(subjects, sizeof(std::pair<const std::string, Windows>)) +
      subjects * (at_most::text(name_bytes) + at_most::vector(panes, sizeof(Micros)));
  const Saturating values = at_most::block(2 * sizeof(std::string)) + at_most::text(name_bytes);
  return windows + at_most::vector(keys, sizeof(Key)) +
         keys * (at_most::btree(panes, sizeof(std::pair<PaneIndex, std::int64_t>)) +
                 at_most::tree_node(sizeof(ValuesNode)) + 2 * values);
}

}  // namespace surgewatch::detect
