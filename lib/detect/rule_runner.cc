#include "detect/rule_runner.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "detect/contributors.h"

namespace surgewatch::detect {
namespace {

using config::RuleType;

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
      final_(closed_) {
  if (shape_.learns) panel_.emplace(shape_);
}

std::optional<PaneIndex> RuleRunner::closed() const {
  return started_ ? std::optional<PaneIndex>(closed_) : std::nullopt;
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
  if (panel_) panel_->start(shape_.last_ended(closed_));
  whole_.skip_to(closed_);
  for (Subject& subject : subjects_) subject.operands.skip_to(closed_);
}

// Nothing in a whole reach and all of that final: nobody fires on news, every window is as the
// last. True if that was so and the panes before the next data, or up to `last`, are closed now.
bool RuleRunner::skip_silence(PaneIndex last) {
  const std::int64_t quiet = shape_.learns ? shape_.reach : shape_.reach + shape_.rule->clear_after;
  if (last_closed_data_ == INT64_MIN || final_ <= last_closed_data_ + quiet) return false;
  PaneIndex next_data = last + 1;
  for (const PaneHistory* history : {&whole_.observed, &whole_.against, &whole_.documents}) {
    if (!history->open().empty()) next_data = std::min(next_data, history->open().front().first);
  }
  const PaneIndex target = shape_.last_ended(std::min(next_data - 1, last));
  if (target <= closed_) return false;
  whole_.skip_to(target);
  for (Subject& subject : subjects_) {
    subject.operands.skip_to(target);
    Life past;
    if (!subject.life.episodes.empty()) past.episodes.push_back(subject.life.episodes.back());
    past.suspects = subject.life.suspects;
    subject.settled = std::move(past);
    std::fill(subject.digests.begin(), subject.digests.end(), 0);
  }
  closed_ = target;
  final_ = std::max(final_, target - late_panes_);
  settled_ = std::max(settled_, final_);
  if (panel_) panel_->skip_to(target, shape_.last_ended(settled_));
  return true;
}

LifeRules RuleRunner::life_rules() const {
  constexpr std::int64_t kProposeAfter = 13;
  LifeRules rules{.clear_after = shape_.rule->clear_after, .propose_after = 0};
  // Before the guard lets the alert's own windows into the baseline, somebody has been asked.
  const bool baseline =
      shape_.rule->type == RuleType::kSurge || shape_.rule->type == RuleType::kRamp;
  if (shape_.learns && baseline) {
    rules.propose_after = static_cast<int>(std::min(kProposeAfter, shape_.rule->learning->guard));
  }
  return rules;
}

bool RuleRunner::has_firing_ancestor(const Subject& subject, Life Subject::*life) const {
  for (std::int32_t above = subject.parent; above != Panel::kWholeSeries;
       above = subjects_[static_cast<std::size_t>(above)].parent) {
    if ((subjects_[static_cast<std::size_t>(above)].*life).firing()) return true;
  }
  return false;
}

void RuleRunner::fold(PaneIndex pane, Life Subject::*life) {
  const LifeRules rules = life_rules();
  for (const std::uint32_t index : order_) {
    Subject& subject = subjects_[index];
    if (subject.first_pane > pane) continue;
    Figures figures = evaluate_at(static_cast<std::int32_t>(index), pane);
    // One alert a tree: what lies below one that fires is part of it.
    if (figures.verdict >= Verdict::kSuspects && has_firing_ancestor(subject, life)) {
      figures.verdict = Verdict::kBetween;
    }
    step(&(subject.*life), pane, figures, rules);
  }
}

void RuleRunner::close_next(Micros passed, Emissions* out) {
  if (!started_) start();
  if (skip_silence(last_closable(passed))) return;
  whole_pane_.reset();
  ++closed_;
  ++stats_.closed;
  for (const PaneHistory* history : {&whole_.observed, &whole_.against, &whole_.documents}) {
    if (!history->open().empty() && history->open().front().first == closed_) {
      last_closed_data_ = closed_;
    }
  }
  whole_.close_next();
  for (Subject& subject : subjects_) subject.operands.close_next();
  if (shape_.ends_window(closed_)) judge_closed(out);
  while (closed_ - settled_ > amendable_) settle_next(out);
}

void RuleRunner::judge_closed(Emissions* out) {
  if (panel_) {
    stats_.evaluations += subjects_.size();
    panel_->close_next([&](std::int32_t index, PaneIndex pane) { return sums_of(index, pane); },
                       [&](PaneIndex pane) { return is_silent(pane); });
  }
  fold(closed_, &Subject::life);
  for (const std::uint32_t index : order_) {
    Subject& subject = subjects_[index];
    if (subject.first_pane > closed_) continue;
    const Figures figures = evaluate_at(static_cast<std::int32_t>(index), closed_);
    stats_.inconclusive += figures.verdict == Verdict::kInconclusive;
    emit_point(&subject, closed_, figures, subject.life, out);
    publish(static_cast<std::int32_t>(index), out);
  }
}

void RuleRunner::finalize_next(Emissions* out) {
  ++final_;
  if (settled_ < final_) settle_next(out);
  for (const std::uint32_t index : order_) publish(static_cast<std::int32_t>(index), out);
}

void RuleRunner::settle_next(Emissions* out) {
  ++settled_;
  if (!shape_.ends_window(settled_)) return;
  fold(settled_, &Subject::settled);
  for (const std::uint32_t index : order_) {
    Subject& subject = subjects_[index];
    if (subject.first_pane > settled_) continue;
    const Figures figures = evaluate_at(static_cast<std::int32_t>(index), settled_);
    if (digest(&subject, settled_) != digest_of(figures)) {
      emit_point(&subject, settled_, figures, subject.settled, out);
    }
    forget_said(&subject);
  }
  if (panel_) {
    panel_->settle_next([&](std::int32_t index, PaneIndex pane) { return sums_of(index, pane); },
                        [&](PaneIndex pane) { return is_silent(pane); });
  }
}

// What is over and final has nothing more to say; the last one is kept.
void RuleRunner::forget_said(Subject* subject) {
  std::vector<Episode>& settled = subject->settled.episodes;
  if (settled.size() > 1) settled.erase(settled.begin());
  std::vector<Episode>& episodes = subject->life.episodes;
  while (episodes.size() > 1 && !settled.empty() && !episodes.front().firing &&
         episodes.front().resolved <= final_ && episodes.front().onset < settled.front().onset) {
    episodes.erase(episodes.begin());
  }
}

void RuleRunner::amend(Emissions* out) {
  if (!any_amended_ && !whole_amended_) return;
  const bool whole = std::exchange(whole_amended_, false);
  any_amended_ = false;
  std::vector<std::int32_t> amended;
  for (const std::uint32_t index : order_) {
    Subject& subject = subjects_[index];
    const bool own = std::exchange(subject.amended, false);
    // Where the whole does not decide, it is still evidence of what has been said.
    const bool by_whole = whole && (shape_.reads_whole || !subject.life.episodes.empty());
    if (own || by_whole) amended.push_back(static_cast<std::int32_t>(index));
  }
  if (panel_) {
    panel_->amend(
        amended, [&](std::int32_t index, PaneIndex pane) { return sums_of(index, pane); },
        [&](PaneIndex pane) { return is_silent(pane); });
    amended.assign(order_.begin(), order_.end());  // each is weighed against the others
  }
  for (const std::int32_t index : amended) recall_settled(index);
  if (panel_) {
    for (PaneIndex pane = shape_.last_ended(settled_) + shape_.window; pane <= closed_;
         pane += shape_.window) {
      fold(pane, &Subject::life);
    }
  } else {
    for (const std::int32_t index : amended) {
      Subject& subject = subjects_[static_cast<std::size_t>(index)];
      for (PaneIndex pane = std::max(settled_ + 1, subject.first_pane); pane <= closed_; ++pane) {
        step(&subject.life, pane, evaluate_at(index, pane), life_rules());
      }
    }
  }
  for (const std::int32_t index : amended) publish(index, out);
}

// Back to what is settled, with the figures that corrections have made of it.
void RuleRunner::recall_settled(std::int32_t index) {
  Subject& subject = subjects_[static_cast<std::size_t>(index)];
  for (Episode& episode : subject.settled.episodes) {
    if (knows(episode.peak)) {
      episode.peak_figures = figures_of(index, episode.peak, episode.peak_figures);
    }
    if (!episode.firing && knows(episode.resolved)) {
      episode.resolved_figures = figures_of(index, episode.resolved, episode.resolved_figures);
    }
  }
  subject.life = subject.settled;
}

void RuleRunner::look_early(Emissions* out) {
  if (!std::exchange(any_touched_, false)) return;
  const bool ready = started_ && shape_.reference_end - 1 <= closed_;
  for (const std::uint32_t order : order_) {
    const auto index = static_cast<std::int32_t>(order);
    Subject& subject = subjects_[order];
    std::vector<PaneIndex> touched = std::exchange(subject.touched, {});
    const bool pending = std::any_of(subject.published.begin(), subject.published.end(),
                                     [&](const Revision& r) { return r.onset > closed_; });
    if (!ready || subject.life.firing() || pending || touched.empty()) continue;
    for (PaneIndex& pane : touched) pane = shape_.last_of_window(pane);
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    if (touched.size() > kMaxEarlyWindows) touched.resize(kMaxEarlyWindows);
    for (const PaneIndex pane : touched) {
      // What is closed by now was judged as such; a detector is ready for the next window only.
      const PaneIndex next = shape_.last_ended(closed_) + shape_.window;
      if (pane <= closed_ || (panel_ ? pane != next : shape_.window_begin(pane) > closed_ + 1)) {
        continue;
      }
      const Figures figures = early_figures(index, pane);
      if (figures.verdict != Verdict::kFires) continue;
      Revision revision;
      revision.onset = revision.reported = pane;
      revision.number = 1;
      revision.timing = Timing::kEarly;
      revision.figures = figures;
      revision.tier = figures.tier;
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
    whole_figures_ = evaluate_whole(shape_, whole_, pane);
    whole_pane_ = pane;
  }
  return whole_figures_;
}

Figures RuleRunner::evaluate_at(std::int32_t index, PaneIndex pane) {
  if (panel_) return panel_->at(index, pane);
  ++stats_.evaluations;
  return evaluate(shape_, subjects_[static_cast<std::size_t>(index)].operands, whole_at(pane), pane,
                  first_pane_);
}

Figures RuleRunner::figures_of(std::int32_t index, PaneIndex pane, const Figures& last) {
  if (!panel_ || panel_->knows(pane)) return evaluate_at(index, pane);
  return reassess(shape_, last, sums_of(index, pane).amount);
}

Figures RuleRunner::early_figures(std::int32_t index, PaneIndex pane) {
  ++stats_.evaluations;
  if (!panel_) {
    return evaluate(shape_, subjects_[static_cast<std::size_t>(index)].operands, whole_at(pane),
                    pane, first_pane_);
  }
  return panel_->early(index, sums_of(index, pane), sums_of(Panel::kWholeSeries, pane));
}

WindowSums RuleRunner::sums_of(std::int32_t index, PaneIndex pane) const {
  const Operands& operands =
      index == Panel::kWholeSeries ? whole_ : subjects_[static_cast<std::size_t>(index)].operands;
  const PaneIndex begin = shape_.window_begin(pane);
  return {static_cast<double>(operands.observed.sum(begin, pane)),
          static_cast<double>(operands.documents.sum(begin, pane))};
}

// Whether the window and those before it hold nothing, each for itself.
bool RuleRunner::is_silent(PaneIndex pane) const {
  for (int i = 0; i <= shape_.silent_windows(); ++i, pane -= shape_.window) {
    if (whole_.observed.sum(shape_.window_begin(pane), pane) != 0) return false;
  }
  return true;
}

bool RuleRunner::knows(PaneIndex pane) const {
  return whole_.observed.knows(pane - shape_.reach + 1);
}

std::uint64_t& RuleRunner::digest(Subject* subject, PaneIndex pane) const {
  const std::int64_t size = amendable_ + 1;
  return subject->digests[static_cast<std::size_t>(pane - floor_div(pane, size) * size)];
}

void RuleRunner::emit_point(Subject* subject, PaneIndex pane, const Figures& figures,
                            const Life& life, Emissions* out) {
  digest(subject, pane) = digest_of(figures);
  if (figures.verdict == Verdict::kNothing) return;
  const bool firing = std::any_of(
      subject->life.episodes.begin(), subject->life.episodes.end(), [&](const Episode& episode) {
        return episode.onset <= pane && (episode.firing || pane < episode.resolved);
      });
  out->points.push_back(make_point(shape_, subject->name, pane, figures, firing, state_of(life)));
}

void RuleRunner::publish(std::int32_t index, Emissions* out) {
  Subject& subject = subjects_[static_cast<std::size_t>(index)];
  if (subject.life.episodes.empty() && subject.published.empty()) return;
  const auto firing = [&] {
    return std::count_if(subject.published.begin(), subject.published.end(),
                         [](const Revision& r) { return r.firing; });
  };
  const auto before = firing();
  reconcile(
      subject.life.episodes, {.closed = closed_, .final = final_},
      [&](const Revision& last) { return figures_of(index, last.onset, last.figures); },
      &subject.published, [&](const Revision& revision) { emit_alert(subject, revision, out); });
  stats_.firing += static_cast<std::uint64_t>(firing() - before);
}

void RuleRunner::emit_alert(const Subject& subject, const Revision& revision, Emissions* out) {
  out->alerts.push_back(
      make_alert(config_, shape_, subject.name, revision,
                 composition(shape_, merger_, subject.name, subject.keys, revision.reported),
                 parts(revision.figures)));
}

std::vector<NamedPart> RuleRunner::parts(const Figures& figures) const {
  std::vector<NamedPart> result;
  if (figures.parts == nullptr) return result;
  for (const Part& part : *figures.parts) {
    result.push_back({&subjects_[static_cast<std::size_t>(part.subject)].name, part});
  }
  return result;
}

}  // namespace surgewatch::detect
