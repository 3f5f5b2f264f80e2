// How changes of panes reach a rule's subjects: the part of RuleRunner that knows keys.
#include <algorithm>
#include <utility>

#include "detect/rule_runner.h"

namespace surgewatch::detect {
namespace {

using config::RuleType;

constexpr std::string_view kNotStated = "ZZ";

}  // namespace

void RuleRunner::take(const journal::Change& change) {
  const auto difference = [&](Measure measure) {
    return static_cast<Int128>(change.after[measure]) - change.before[measure];
  };
  const Int128 delta = difference(shape_.rule->measure);
  const Int128 documents = shape_.in_documents ? difference(Measure::kDocuments) : 0;
  if (delta == 0 && documents == 0) return;
  const bool own = change.series == own_series_;
  const Target& target = target_of(change.series, change.key);
  const bool in_reference =
      change.pane >= shape_.reference_begin && change.pane < shape_.reference_end;

  lowest_data_ = std::min(lowest_data_, change.pane);
  highest_data_ = std::max(highest_data_, change.pane);
  if (started_ && change.pane <= closed_) {
    last_closed_data_ = std::max(last_closed_data_, change.pane);
    whole_amended_ |= change.pane <= shape_.last_ended(closed_);
  }
  whole_pane_.reset();

  if (own) {
    whole_.observed.add(change.pane, delta);
    whole_.documents.add(change.pane, documents);
    if (in_reference) whole_.reference += delta;
  }
  if (!own || against_series_ == own_series_) whole_.against.add(change.pane, delta);
  for (const std::int32_t index : target.observed) {
    Operands& operands = subjects_[static_cast<std::size_t>(index)].operands;
    operands.observed.add(change.pane, delta);
    operands.documents.add(change.pane, documents);
    if (in_reference) operands.reference += delta;
    if (target.unstated) operands.unstated.add(change.pane, delta);
    mark(index, change.pane);
  }
  if (target.against >= 0) {
    subjects_[static_cast<std::size_t>(target.against)].operands.against.add(change.pane, delta);
    mark(target.against, change.pane);
  }
}

void RuleRunner::mark(std::int32_t index, PaneIndex pane) {
  Subject& subject = subjects_[static_cast<std::size_t>(index)];
  subject.first_pane = std::min(subject.first_pane, pane);
  if (started_ && pane <= shape_.last_ended(closed_)) {
    subject.amended = true;
    any_amended_ = true;
  } else if (shape_.can_be_early) {
    if (subject.touched.empty() || subject.touched.back() != pane) subject.touched.push_back(pane);
    any_touched_ = true;
  }
}

const RuleRunner::Target& RuleRunner::target_of(std::size_t series, journal::KeyId key) {
  const bool own = series == own_series_;
  auto& targets = own ? own_targets_ : against_targets_;
  if (key >= targets.size()) targets.resize(key + 1);
  if (!targets[key].has_value()) {
    const std::vector<std::string>& values = merger_.key(series, key);
    targets[key] = own ? own_target(values, key) : against_target(values);
  }
  return *targets[key];
}

RuleRunner::Target RuleRunner::own_target(const std::vector<std::string>& key, journal::KeyId id) {
  Target target;
  for (const config::Rule::Filter& filter : shape_.rule->where) {
    if (!filter.condition.admits(key[filter.position])) return target;
  }
  std::vector<std::vector<std::size_t>> levels = shape_.rule->rollup;
  if (levels.empty()) levels.push_back(shape_.rule->per);
  std::int32_t parent = Panel::kWholeSeries;
  for (std::size_t level = 0; level < levels.size(); ++level) {
    std::vector<std::string> values;
    for (const std::size_t position : levels[level]) values.push_back(key[position]);
    parent = subject_index(levels[level], std::move(values), parent, static_cast<int>(level));
    subjects_[static_cast<std::size_t>(parent)].keys.push_back(id);
    target.observed.push_back(parent);
  }
  if (shape_.rule->type == RuleType::kDivergence && against_series_ == own_series_) {
    const std::string& destination = key[shape_.rule->against_position];
    if (destination == key[shape_.rule->per[0]]) target.against = target.observed[0];
    target.unstated = destination == kNotStated || destination.empty();
  }
  return target;
}

RuleRunner::Target RuleRunner::against_target(const std::vector<std::string>& key) {
  Target target;
  target.against =
      subject_index(shape_.rule->per, {key[shape_.rule->against_position]}, Panel::kWholeSeries, 0);
  return target;
}

std::int32_t RuleRunner::subject_index(const std::vector<std::size_t>& per,
                                       std::vector<std::string> values, std::int32_t parent,
                                       int level) {
  SubjectName name = subject_name(shape_, per, std::move(values));
  const auto [entry, added] =
      by_name_.try_emplace(name.canonical, static_cast<std::int32_t>(subjects_.size()));
  if (!added) return entry->second;
  if (panel_) panel_->add_subject(name.canonical, parent, level, accepted_of(name));
  subjects_.push_back(
      {.name = std::move(name),
       .operands = Operands(shape_, capacity_, closed_),
       .keys = {},
       .level = level,
       .parent = parent,
       .settled = {},
       .life = {},
       .published = {},
       .digests = std::vector<std::uint64_t>(static_cast<std::size_t>(amendable_ + 1)),
       .touched = {}});
  const auto index = static_cast<std::uint32_t>(entry->second);
  const auto place =
      std::lower_bound(order_.begin(), order_.end(), index, [&](std::uint32_t a, std::uint32_t b) {
        const Subject& left = subjects_[a];
        const Subject& right = subjects_[b];
        return left.level != right.level ? left.level < right.level
                                         : left.name.canonical < right.name.canonical;
      });
  order_.insert(place, index);
  return entry->second;
}

// Last panes of the windows from which on a level of the subject has been accepted.
std::vector<PaneIndex> RuleRunner::accepted_of(const SubjectName& name) const {
  std::vector<PaneIndex> result;
  for (const config::AcceptedLevel& accepted : shape_.rule->accepted) {
    if (accepted.per != name.per || accepted.values != name.values) continue;
    result.push_back(shape_.last_of_window(pane_of(accepted.from, shape_.pane_length)));
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace surgewatch::detect
