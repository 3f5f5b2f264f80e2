// How changes of panes reach a rule's subjects: the part of RuleRunner that knows keys.
#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "detect/rule_runner.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {
namespace {

constexpr std::string_view kNotStated = "ZZ";

// Texts in one, each with an end of its own: they may hold any bytes. Ordered as the texts are.
// What a level of a rollup leaves out is not there, so that no two levels meet.
constexpr char kEnd = '\0', kEscape = '\1';

std::string pack_values(const std::vector<std::string>& values, int level) {
  std::string packed;
  for (int i = 0; i < level; ++i) packed += kEscape;
  for (const std::string& value : values) {
    for (const char c : value) {
      if (c == kEnd || c == kEscape) packed += kEscape;
      packed += c;
    }
    packed += kEnd;
  }
  return packed;
}

std::vector<std::string> unpack_values(std::string_view packed, int level) {
  std::vector<std::string> values;
  std::string value;
  for (std::size_t i = static_cast<std::size_t>(level); i < packed.size(); ++i) {
    if (packed[i] == kEnd) {
      values.push_back(std::exchange(value, {}));
    } else {
      value += packed[i] == kEscape ? packed[++i] : packed[i];
    }
  }
  return values;
}

}  // namespace

std::size_t RuleRunner::NameHash::operator()(std::string_view name) const {
  return absl::Hash<std::string_view>{}(name);
}
std::size_t RuleRunner::NameHash::operator()(std::int32_t index) const {
  return (*this)((*subjects)[static_cast<std::size_t>(index)].values);
}

bool RuleRunner::InOrder::operator()(std::int32_t a, std::int32_t b) const {
  const Subject& left = (*subjects)[static_cast<std::size_t>(a)];
  const Subject& right = (*subjects)[static_cast<std::size_t>(b)];
  return left.level != right.level ? left.level < right.level : left.values < right.values;
}

void RuleRunner::take(const journal::Change& change) {
  const auto difference = [&](Measure measure) {
    return change.after[measure] - change.before[measure];
  };
  const Int128 delta = difference(shape_.rule->measure);
  const Int128 documents = shape_.in_documents ? difference(Measure::kDocuments) : 0;
  if (delta == 0 && documents == 0) return;
  const bool own = change.series == own_series_;
  const Membership member = membership_of(change.series, change.key);
  const bool in_reference =
      change.pane >= shape_.reference_begin && change.pane < shape_.reference_end;
  if (in_reference && own) {
    unfiltered_.with_more().reference += delta;
    for (std::int32_t at = member.observed; at >= 0; at = subject(at).parent) {
      subject(at).operands.with_more().reference += delta;
    }
  }
  // Of windows that overlap, those behind what is settled may still count it.
  const bool is_settled = change.pane <= timeline_.settled();
  stats_.too_old += is_settled;
  const bool is_gone = change.pane < timeline_.kept_from() || (shape_.learns && is_settled);
  if (is_gone && !in_reference) return;

  const bool is_closed = timeline_.note_data(change.pane);
  const bool was_held = unfiltered_.next(change.pane - 1) == change.pane;
  unfiltered_pane_.reset();
  if (own) {
    add(change, delta, documents, &unfiltered_);
    for (std::int32_t at = member.observed; at >= 0; at = subject(at).parent) {
      add(change, delta, documents, &subject(at).operands);
      if (shape_.rule->parts.has_value()) {
        subject(at).operands.with_flow().parts[part_names_[change.key]].add(change.pane, delta);
      }
      if (member.unstated) subject(at).operands.with_more().unstated.add(change.pane, delta);
      note_changed(at, change.pane);
    }
  }
  if (member.against >= 0 || !own || against_series_ == own_series_) {
    if (shape_.rule->against_series.has_value()) {
      unfiltered_.with_more().against.add(change.pane, delta);
    }
    if (member.against >= 0) {
      subject(member.against).operands.with_more().against.add(change.pane, delta);
      note_changed(member.against, change.pane);
    }
  }
  if (!is_closed) return;
  unfiltered_amended_from_ = std::min(unfiltered_amended_from_, change.pane);
  const bool is_held = unfiltered_.next(change.pane - 1) == change.pane;
  if (is_held != was_held) stillness_amended_from_ = std::min(stillness_amended_from_, change.pane);
}

void RuleRunner::add(const journal::Change& change, Int128 delta, Int128 documents,
                     Operands* operands) const {
  const bool aside = shape_.learns && change.is_correction;
  (aside ? operands->with_more().corrected : operands->observed).add(change.pane, delta);
  // new_entity asks for the whole's alone.
  const bool needs_documents =
      shape_.in_documents && (!shape_.type->traits.knows_its_like || operands == &unfiltered_);
  if (needs_documents && !aside) operands->with_more().documents.add(change.pane, documents);
}

void RuleRunner::activate(std::int32_t index) {
  Subject& of = subject(index);
  if (!of.is_active) active_.insert(index);
  of.is_active = true;
  if (panel_) panel_->activate(index);
}

void RuleRunner::note_changed(std::int32_t index, PaneIndex pane) {
  Subject& of = subject(index);
  activate(index);
  if (timeline_.has_begun() && pane <= timeline_.closed_window()) {
    if (of.amended_from == INT64_MAX) amended_.push_back(index);
    of.amended_from = std::min(of.amended_from, pane);
  } else if (shape_.can_be_early) {
    const std::pair touched(index, pane);
    if (touched_.empty() || touched_.back() != touched) touched_.push_back(touched);
  }
}

const RuleRunner::Membership& RuleRunner::membership_of(std::size_t series, journal::KeyId key) {
  const bool own = series == own_series_;
  auto& memberships = own ? own_memberships_ : against_memberships_;
  if (key >= memberships.size()) memberships.resize(key + std::size_t{1});
  if (memberships[key].observed == Membership::kUnknown) {
    const std::vector<std::string> values =
        findings_ != nullptr ? findings_->key(key) : merger_.key(series, key);
    memberships[key] = own ? own_membership(values, key) : against_membership(values);
  }
  return memberships[key];
}

RuleRunner::Membership RuleRunner::own_membership(const std::vector<std::string>& key,
                                                  journal::KeyId id) {
  Membership member{.observed = Membership::kNone, .against = Membership::kNone, .unstated = false};
  for (const config::Rule::Filter& filter : shape_.rule->where) {
    if (!filter.condition.admits(key[filter.position])) return member;
  }
  std::vector<std::vector<std::size_t>> levels = shape_.rule->rollup;
  if (levels.empty()) levels.push_back(shape_.rule->per);
  std::int32_t parent = Panel::kUnfiltered;
  for (std::size_t level = 0; level < levels.size(); ++level) {
    std::vector<std::string> values;
    for (const std::size_t position : levels[level]) values.push_back(key[position]);
    parent = subject_index(levels[level], std::move(values), parent, static_cast<int>(level));
    subject(parent).keys.push_back(id);
  }
  member.observed = parent;
  if (shape_.rule->parts.has_value()) {
    if (id >= part_names_.size()) part_names_.resize(id + std::size_t{1});
    part_names_[id] = key[*shape_.rule->parts];
  }
  if (shape_.rule->against_series == own_series_) {
    const std::string& destination = key[shape_.rule->against_position];
    if (destination == key[shape_.rule->per[0]]) member.against = parent;
    member.unstated = destination == kNotStated || destination.empty();
  }
  return member;
}

RuleRunner::Membership RuleRunner::against_membership(const std::vector<std::string>& key) {
  return {.observed = Membership::kNone,
          .against = subject_index(shape_.rule->per, {key[shape_.rule->against_position]},
                                   Panel::kUnfiltered, 0),
          .unstated = false};
}

std::int32_t RuleRunner::subject_index(const std::vector<std::size_t>& per,
                                       std::vector<std::string> values, std::int32_t parent,
                                       int level) {
  const std::string packed = pack_values(values, shape_.rule->rollup.empty() ? 0 : level);
  const auto found = by_name_.find(std::string_view(packed));
  if (found != by_name_.end()) return *found;
  auto index = static_cast<std::int32_t>(subjects_.size());
  if (free_.empty()) {
    subjects_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Subject& added = subject(index);
  added.values = packed;
  added.parent = parent;
  added.level = static_cast<std::int16_t>(level);
  added.is_used = true;
  if (shape_.type->spec.by_country) added.operands.with_flow().country = values[0];
  if (panel_) {
    panel_->add_subject(index, parent, level,
                        accepted_of(subject_name(shape_, per, std::move(values))));
  }
  by_name_.insert(index);
  order_.insert(index);
  return index;
}

void RuleRunner::drop_key(std::size_t series, journal::KeyId key) {
  const auto drop = [&](std::deque<Membership>* memberships) {
    if (key >= memberships->size()) return;
    for (std::int32_t at = (*memberships)[key].observed; at >= 0; at = subject(at).parent) {
      absl::InlinedVector<journal::KeyId, 2>& keys = subject(at).keys;
      keys.erase(std::remove(keys.begin(), keys.end(), key), keys.end());
    }
    (*memberships)[key] = {};
    if (memberships == &own_memberships_ && key < part_names_.size()) part_names_[key] = {};
  };
  if (series == own_series_) drop(&own_memberships_);
  if (series == against_series_ && series != own_series_) drop(&against_memberships_);
}

SubjectName RuleRunner::name_of(const Subject& of) const {
  const std::vector<std::vector<std::size_t>>& rollup = shape_.rule->rollup;
  return subject_name(
      shape_, rollup.empty() ? shape_.rule->per : rollup[static_cast<std::size_t>(of.level)],
      unpack_values(of.values, rollup.empty() ? 0 : of.level));
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

// Whether a subject that has held nothing since this pane is, in the end, what a new one is. Of
// those that learn: Tracker counts windows, of which there are no more than panes that hold
// something.
bool RuleRunner::is_forgotten(PaneIndex last) const {
  if (last == INT64_MIN) return true;
  if (last >= timeline_.settled() - shape_.forgotten_after) return false;
  return !panel_ ||
         unfiltered_.observed.count(last + 1, timeline_.settled()) > shape_.forgotten_after;
}

// Panes that no window needs any more, and subjects of which nothing is left: what they would be if
// they came back is what a new subject is.
void RuleRunner::forget_silent() {
  timeline_.forget();
  const PaneIndex kept = timeline_.kept_from();
  unfiltered_.forget_before(kept - (panel_ ? panel_->unfiltered_reach() : 0));
  std::vector<std::int32_t> silent;
  for (const std::int32_t index : order_) {
    Subject& of = subject(index);
    of.last_held = std::max(of.last_held, of.operands.last().value_or(INT64_MIN));
    const bool is_needed = of.story != nullptr || of.operands.reference() != 0 ||
                           of.amended_from != INT64_MAX || !of.keys.empty() ||
                           !is_forgotten(of.last_held);
    if (!is_needed && shape_.rule->rollup.empty()) {
      silent.push_back(index);
    } else if (!panel_ || panel_->is_kept(index)) {
      of.operands.forget_before(kept);
    }
    const auto old = std::ranges::find_if(
        of.said, [&](const Said& s) { return pane_of_said(s) > timeline_.settled(); });
    if (old != of.said.begin()) of.said = std::vector<Said>(old, of.said.end());
  }
  remove(silent);
}

void RuleRunner::remove(const std::vector<std::int32_t>& indexes) {
  if (indexes.empty()) return;
  for (const std::int32_t index : indexes) {
    by_name_.erase(index);
    order_.erase(index);
    active_.erase(index);
    if (panel_) panel_->remove_subject(index);
    subject(index) = {};
    free_.push_back(index);
    ++stats_.forgotten;
  }
  // No key of theirs is left, but what was delivered to them may be known by keys that are.
  for (Membership& member : against_memberships_) {
    if (member.against >= 0 && !subject(member.against).is_used) member = {};
  }
  std::erase_if(touched_, [&](const auto& entry) { return !subject(entry.first).is_used; });
}

}  // namespace surgewatch::detect
