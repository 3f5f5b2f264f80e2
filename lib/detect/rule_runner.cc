#include "detect/rule_runner.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace surgewatch::detect {
namespace {

using config::RuleType;

constexpr std::string_view kNotStated = "ZZ";

std::int64_t panes_in(Micros span, Micros pane_length) {
  return (span + pane_length - 1) / pane_length;
}

// Never 0, which stands for a point that was not emitted.
std::uint64_t digest_of(const Figures& figures) {
  std::uint64_t hash = static_cast<std::uint64_t>(figures.verdict) + 1;
  for (const double value : {figures.observed, figures.expected, figures.upper_bound}) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * 0x9E37'79B9'7F4A'7C15ULL;
    hash ^= hash >> 32;
  }
  return hash | 1;
}

}  // namespace

RuleRunner::RuleRunner(const config::Config& config, std::size_t rule_index,
                       const journal::Merger& merger)
    : config_(config),
      merger_(merger),
      shape_(config, rule_index),
      own_series_(shape_.rule->series),
      against_series_(shape_.rule->against_series.value_or(own_series_)),
      late_panes_(panes_in(config.event_time.allowed_lateness, shape_.pane_length) + 1),
      amendable_(std::min(late_panes_, kMaxAmendablePanes)),
      correctable_(std::max(
          amendable_, std::min(panes_in(config.event_time.correction_horizon, shape_.pane_length),
                               kMaxAmendablePanes))),
      capacity_(shape_.reach + correctable_ + 2),
      whole_(shape_, capacity_, pane_of(kMinEventTime, shape_.pane_length) - 1),
      first_pane_(pane_of(kMinEventTime, shape_.pane_length)),
      closed_(first_pane_ - 1),
      settled_(closed_),
      final_(closed_) {}

std::optional<PaneIndex> RuleRunner::closed() const {
  return started_ ? std::optional<PaneIndex>(closed_) : std::nullopt;
}

// ---- what arrives ------------------------------------------------------------------------------

void RuleRunner::take(const journal::Change& change) {
  const auto m = static_cast<std::size_t>(shape_.rule->measure);
  const Int128 delta = static_cast<Int128>(change.after.values[m]) - change.before.values[m];
  if (delta == 0) return;
  const bool own = change.series == own_series_;
  const Target target = target_of(change.series, change.key);
  const bool in_reference =
      change.pane >= shape_.reference_begin && change.pane < shape_.reference_end;

  lowest_data_ = std::min(lowest_data_, change.pane);
  highest_data_ = std::max(highest_data_, change.pane);
  if (started_ && change.pane <= closed_) {
    last_closed_data_ = std::max(last_closed_data_, change.pane);
    whole_amended_ = true;
  }
  whole_pane_.reset();

  if (own) {
    whole_.observed.add(change.pane, delta);
    if (in_reference) whole_.reference += delta;
  }
  if (!own || against_series_ == own_series_) whole_.against.add(change.pane, delta);
  if (target.observed >= 0) {
    Operands& operands = subjects_[static_cast<std::size_t>(target.observed)].operands;
    operands.observed.add(change.pane, delta);
    if (in_reference) operands.reference += delta;
    if (target.unstated) operands.unstated.add(change.pane, delta);
    mark(target.observed, change.pane);
  }
  if (target.against >= 0) {
    subjects_[static_cast<std::size_t>(target.against)].operands.against.add(change.pane, delta);
    mark(target.against, change.pane);
  }
}

void RuleRunner::mark(std::int32_t index, PaneIndex pane) {
  Subject& subject = subjects_[static_cast<std::size_t>(index)];
  subject.first_pane = std::min(subject.first_pane, pane);
  if (started_ && pane <= closed_) {
    subject.amended = true;
    any_amended_ = true;
  } else if (shape_.can_be_early) {
    if (subject.touched.empty() || subject.touched.back() != pane) subject.touched.push_back(pane);
    any_touched_ = true;
  }
}

RuleRunner::Target RuleRunner::target_of(std::size_t series, journal::KeyId key) {
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
  std::vector<std::string> values;
  for (const std::size_t position : shape_.rule->per) values.push_back(key[position]);
  target.observed = subject_index(std::move(values));
  subjects_[static_cast<std::size_t>(target.observed)].keys.push_back(id);
  if (shape_.rule->type == RuleType::kDivergence && against_series_ == own_series_) {
    const std::string& destination = key[shape_.rule->against_position];
    if (destination == key[shape_.rule->per[0]]) target.against = target.observed;
    target.unstated = destination == kNotStated || destination.empty();
  }
  return target;
}

RuleRunner::Target RuleRunner::against_target(const std::vector<std::string>& key) {
  Target target;
  target.against = subject_index({key[shape_.rule->against_position]});
  return target;
}

std::int32_t RuleRunner::subject_index(std::vector<std::string> values) {
  SubjectName name = subject_name(shape_, std::move(values));
  const auto [entry, added] =
      by_name_.try_emplace(name.canonical, static_cast<std::int32_t>(subjects_.size()));
  if (!added) return entry->second;
  subjects_.push_back(
      {.name = std::move(name),
       .operands = Operands(shape_, capacity_, closed_),
       .keys = {},
       .settled = {},
       .episodes = {},
       .published = {},
       .digests = std::vector<std::uint64_t>(static_cast<std::size_t>(amendable_ + 1)),
       .touched = {}});
  const auto index = static_cast<std::uint32_t>(entry->second);
  const auto place =
      std::lower_bound(order_.begin(), order_.end(), index, [&](std::uint32_t a, std::uint32_t b) {
        return subjects_[a].name.canonical < subjects_[b].name.canonical;
      });
  order_.insert(place, index);
  return entry->second;
}

// ---- closing and settling ----------------------------------------------------------------------

PaneIndex RuleRunner::last_closable(Micros passed) const {
  if (passed >= journal::kEndOfInput) return highest_data_;
  return pane_of(passed, shape_.pane_length) - 1;
}

std::optional<Micros> RuleRunner::next_close_at(Micros passed) const {
  if (lowest_data_ == INT64_MAX) return std::nullopt;
  const PaneIndex next = started_ ? closed_ + 1 : lowest_data_;
  if (next > last_closable(passed)) return std::nullopt;
  return shape_.end_of(next);
}

std::optional<Micros> RuleRunner::next_final_at(Micros passed) const {
  if (final_ >= closed_) return std::nullopt;
  const Micros at = shape_.end_of(final_ + 1) + config_.event_time.allowed_lateness;
  return at <= passed ? std::optional<Micros>(at) : std::nullopt;
}

void RuleRunner::start() {
  started_ = true;
  first_pane_ = lowest_data_;
  closed_ = settled_ = final_ = lowest_data_ - 1;
  whole_.observed.skip_to(closed_);
  whole_.against.skip_to(closed_);
  for (Subject& subject : subjects_) {
    subject.operands.observed.skip_to(closed_);
    subject.operands.against.skip_to(closed_);
    subject.operands.unstated.skip_to(closed_);
  }
}

// Nothing in a whole reach and all of that final: nobody fires on news, every window is as the
// last. True if that was so and the panes before the next data, or up to `last`, are closed now.
bool RuleRunner::skip_silence(PaneIndex last) {
  const std::int64_t quiet = shape_.reach + shape_.rule->clear_after;
  if (last_closed_data_ == INT64_MIN || final_ <= last_closed_data_ + quiet) return false;
  PaneIndex next_data = last + 1;
  for (const PaneHistory* history : {&whole_.observed, &whole_.against}) {
    if (!history->open().empty()) next_data = std::min(next_data, history->open().front().first);
  }
  const PaneIndex target = std::min(next_data - 1, last);
  if (target <= closed_) return false;
  whole_.observed.skip_to(target);
  whole_.against.skip_to(target);
  for (Subject& subject : subjects_) {
    subject.operands.observed.skip_to(target);
    subject.operands.against.skip_to(target);
    subject.operands.unstated.skip_to(target);
    subject.settled.clear();
    if (!subject.episodes.empty()) subject.settled.push_back(subject.episodes.back());
    std::fill(subject.digests.begin(), subject.digests.end(), 0);
  }
  closed_ = target;
  final_ = std::max(final_, target - late_panes_);
  settled_ = std::max(settled_, final_);
  return true;
}

void RuleRunner::close_next(Micros passed, Emissions* out) {
  if (!started_) start();
  if (skip_silence(last_closable(passed))) return;
  whole_pane_.reset();
  ++closed_;
  ++stats_.closed;
  for (PaneHistory* history : {&whole_.observed, &whole_.against}) {
    if (!history->open().empty() && history->open().front().first == closed_) {
      last_closed_data_ = closed_;
    }
    history->close_next();
  }
  for (Subject& subject : subjects_) {
    subject.operands.observed.close_next();
    subject.operands.against.close_next();
    subject.operands.unstated.close_next();
  }
  for (const std::uint32_t index : order_) {
    Subject& subject = subjects_[index];
    if (subject.first_pane > closed_) continue;
    const Figures figures = evaluate_at(subject, closed_);
    stats_.inconclusive += figures.verdict == Verdict::kInconclusive;
    step(&subject.episodes, closed_, figures, shape_.rule->clear_after);
    emit_point(&subject, closed_, figures, out);
    publish(&subject, out);
  }
  while (closed_ - settled_ > amendable_) settle_next(out);
}

void RuleRunner::finalize_next(Emissions* out) {
  ++final_;
  if (settled_ < final_) settle_next(out);
  for (const std::uint32_t index : order_) publish(&subjects_[index], out);
}

void RuleRunner::settle_next(Emissions* out) {
  ++settled_;
  for (const std::uint32_t index : order_) {
    Subject& subject = subjects_[index];
    if (subject.first_pane > settled_) continue;
    const Figures figures = evaluate_at(subject, settled_);
    if (digest(&subject, settled_) != digest_of(figures)) {
      emit_point(&subject, settled_, figures, out);
    }
    step(&subject.settled, settled_, figures, shape_.rule->clear_after);
    if (subject.settled.size() > 1) subject.settled.erase(subject.settled.begin());
    // What is over and final has nothing more to say; the last one is kept.
    std::vector<Episode>& episodes = subject.episodes;
    while (episodes.size() > 1 && !subject.settled.empty() && !episodes.front().firing &&
           episodes.front().resolved <= final_ &&
           episodes.front().onset < subject.settled.front().onset) {
      episodes.erase(episodes.begin());
    }
  }
}

void RuleRunner::amend(Emissions* out) {
  if (!any_amended_ && !whole_amended_) return;
  const bool whole = std::exchange(whole_amended_, false);
  any_amended_ = false;
  for (const std::uint32_t index : order_) {
    Subject& subject = subjects_[index];
    const bool amended = std::exchange(subject.amended, false);
    // Where the whole does not decide, it is still evidence of what has been said.
    const bool by_whole = whole && (shape_.reads_whole || !subject.episodes.empty());
    if (!amended && !by_whole) continue;
    refold(&subject);
    publish(&subject, out);
  }
}

void RuleRunner::refold(Subject* subject) {
  for (Episode& episode : subject->settled) {
    if (knows(episode.peak)) episode.peak_figures = evaluate_at(*subject, episode.peak);
    if (!episode.firing && knows(episode.resolved)) {
      episode.resolved_figures = evaluate_at(*subject, episode.resolved);
    }
  }
  subject->episodes = subject->settled;
  for (PaneIndex pane = std::max(settled_ + 1, subject->first_pane); pane <= closed_; ++pane) {
    step(&subject->episodes, pane, evaluate_at(*subject, pane), shape_.rule->clear_after);
  }
}

void RuleRunner::look_early(Emissions* out) {
  if (!std::exchange(any_touched_, false)) return;
  const bool ready = started_ && shape_.reference_end - 1 <= closed_;
  for (const std::uint32_t index : order_) {
    Subject& subject = subjects_[index];
    std::vector<PaneIndex> touched = std::exchange(subject.touched, {});
    const bool fires = !subject.episodes.empty() && subject.episodes.back().firing;
    const bool pending = std::any_of(subject.published.begin(), subject.published.end(),
                                     [&](const Revision& r) { return r.onset > closed_; });
    if (!ready || fires || pending || touched.empty()) continue;
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    if (touched.size() > kMaxEarlyWindows) touched.resize(kMaxEarlyWindows);
    for (const PaneIndex pane : touched) {
      // The baseline must be closed; what is closed by now was judged as such.
      if (pane <= closed_ || shape_.window_begin(pane) - shape_.guard > closed_ + 1) continue;
      const Figures figures = evaluate_at(subject, pane);
      if (figures.verdict != Verdict::kFires) continue;
      Revision revision;
      revision.onset = revision.reported = pane;
      revision.number = 1;
      revision.timing = Timing::kEarly;
      revision.figures = figures;
      subject.published.push_back(revision);
      ++stats_.firing;
      emit_alert(subject, revision, out);
      break;
    }
  }
}

// ---- evaluating and saying ---------------------------------------------------------------------

const Whole& RuleRunner::whole_at(PaneIndex pane) {
  if (whole_pane_ != pane) {
    whole_figures_ = evaluate_whole(shape_, whole_, pane, first_pane_);
    whole_pane_ = pane;
  }
  return whole_figures_;
}

Figures RuleRunner::evaluate_at(const Subject& subject, PaneIndex pane) {
  ++stats_.evaluations;
  return evaluate(shape_, subject.operands, whole_at(pane), pane, first_pane_);
}

bool RuleRunner::knows(PaneIndex pane) const {
  return whole_.observed.knows(pane - shape_.reach + 1);
}

std::uint64_t& RuleRunner::digest(Subject* subject, PaneIndex pane) const {
  const std::int64_t size = amendable_ + 1;
  return subject->digests[static_cast<std::size_t>(pane - floor_div(pane, size) * size)];
}

void RuleRunner::emit_point(Subject* subject, PaneIndex pane, const Figures& figures,
                            Emissions* out) {
  digest(subject, pane) = digest_of(figures);
  if (figures.verdict == Verdict::kNothing) return;
  const bool firing =
      std::any_of(subject->episodes.begin(), subject->episodes.end(), [&](const Episode& episode) {
        return episode.onset <= pane && (episode.firing || pane < episode.resolved);
      });
  out->points.push_back(make_point(shape_, subject->name, pane, figures, firing));
}

void RuleRunner::publish(Subject* subject, Emissions* out) {
  if (subject->episodes.empty() && subject->published.empty()) return;
  const auto firing = [&] {
    return std::count_if(subject->published.begin(), subject->published.end(),
                         [](const Revision& r) { return r.firing; });
  };
  const auto before = firing();
  reconcile(
      subject->episodes, {.closed = closed_, .final = final_},
      [&](PaneIndex pane) { return evaluate_at(*subject, pane); }, &subject->published,
      [&](const Revision& revision) { emit_alert(*subject, revision, out); });
  stats_.firing += static_cast<std::uint64_t>(firing() - before);
}

void RuleRunner::emit_alert(const Subject& subject, const Revision& revision, Emissions* out) {
  out->alerts.push_back(make_alert(config_, shape_, subject.name, revision,
                                   contributors(subject, revision.reported)));
}

std::vector<Contributor> RuleRunner::contributors(const Subject& subject, PaneIndex pane) const {
  struct Part {
    Int128 amount = 0;
    journal::KeyId key = 0;
  };
  const std::vector<config::Dimension>& dimensions = shape_.series->group_by;
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const auto& per = shape_.rule->per;
    if (std::find(per.begin(), per.end(), i) == per.end()) rest.push_back(i);
  }
  if (rest.empty()) return {};

  std::vector<Part> parts;
  for (const journal::KeyId key : subject.keys) {
    Part part{.key = key};
    merger_.log(own_series_, key)
        .visit(shape_.window_begin(pane), pane, [&](const journal::PaneLog::Entry& entry) {
          part.amount += entry.values[shape_.rule->measure];
        });
    if (part.amount > 0) parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end(), [&](const Part& a, const Part& b) {
    if (a.amount != b.amount) return a.amount > b.amount;
    return merger_.key(own_series_, a.key) < merger_.key(own_series_, b.key);
  });
  if (parts.size() > kMaxContributors) parts.resize(kMaxContributors);

  std::vector<Contributor> result;
  for (const Part& part : parts) {
    Contributor contributor{.labels = {}, .amount = static_cast<double>(part.amount)};
    for (const std::size_t i : rest) {
      contributor.labels.emplace_back(config::dimension_name(dimensions[i]),
                                      merger_.key(own_series_, part.key)[i]);
    }
    result.push_back(std::move(contributor));
  }
  return result;
}

}  // namespace surgewatch::detect
