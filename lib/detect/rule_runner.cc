#include "detect/rule_runner.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "detect/contributors.h"

namespace surgewatch::detect {
namespace {

using config::RuleType;

// Forgetting looks at every subject, so it waits until this many panes can go.
constexpr std::int64_t kForgetStep = 64;

// Of what is said of a point, but for its labels.
std::uint32_t digest_of(const Figures& figures, bool firing, LifeState state) {
  std::uint64_t hash = static_cast<std::uint64_t>(figures.verdict) * 64 +
                       static_cast<std::uint64_t>(state) * 2 + firing;
  constexpr std::uint64_t kOdd = 0x9E37'79B9'7F4A'7C15ULL;
  for (const double value : {figures.observed, figures.expected, figures.upper_bound}) {
    // Doubles that are twice one another differ in their highest bits alone.
    hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * kOdd;
    hash = (hash ^ hash >> 32) * kOdd;
  }
  return static_cast<std::uint32_t>(hash >> 32);
}

bool is_same(const Life& a, const Life& b) {
  if (a.suspects != b.suspects || a.episodes.size() != b.episodes.size()) return false;
  if (a.episodes.empty()) return true;
  const Episode& last = a.episodes.back();
  const Episode& other = b.episodes.back();
  return last.firing == other.firing && last.quiet_run == other.quiet_run &&
         last.windows == other.windows;
}

// Whether one of the life's alerts is firing once the window that ends with `pane` is in.
bool fires_at(const Life& life, PaneIndex pane) {
  return std::ranges::any_of(life.episodes, [&](const Episode& episode) {
    return episode.onset <= pane && (episode.firing || pane < episode.resolved);
  });
}

}  // namespace

RuleRunner::RuleRunner(const config::Config& config, std::size_t rule_index,
                       const journal::Merger& merger)
    : config_(config),
      merger_(merger),
      shape_(config, rule_index),
      own_series_(shape_.rule->series),
      against_series_(shape_.rule->against_series.value_or(own_series_)),
      by_name_(0, NameHash{&subjects_}, NameEqual{&subjects_}),
      order_(InOrder{&subjects_}),
      stories_(InOrder{&subjects_}) {
  if (!shape_.learns) return;
  const auto operands = [this](std::int32_t index) -> const Operands& {
    return index == Panel::kWholeSeries ? whole_ : subject(index).operands;
  };
  panel_.emplace(
      shape_,
      Panel::Sums{
          .of = [this](std::int32_t index, PaneIndex pane) { return sums_of(index, pane); },
          .any =
              [operands](std::int32_t index, PaneIndex first, PaneIndex last) {
                return operands(index).next(first - 1).value_or(last + 1) <= last;
              },
          .next = [operands](std::int32_t index,
                             PaneIndex pane) { return operands(index).observed.next(pane); },
          .size = [operands](std::int32_t index) { return operands(index).observed.size(); }});
}

// ---- closing and settling ----------------------------------------------------------------------

PaneIndex RuleRunner::highest_data() {
  if (!highest_data_.has_value()) {
    PaneIndex highest = INT64_MIN;
    for (const std::int32_t index : order_) {
      highest = std::max(highest, subject(index).operands.last().value_or(INT64_MIN));
    }
    highest_data_ = highest;
  }
  return *highest_data_;
}

PaneIndex RuleRunner::last_closable(Micros passed) {
  if (passed >= journal::kEndOfInput) return highest_data();
  return pane_of(passed, shape_.pane_length) - 1;
}

std::optional<Micros> RuleRunner::next_close_at(Micros passed) {
  if (!started_ && open_panes_.empty()) return std::nullopt;
  const PaneIndex next = started_ ? closed_ + 1 : *open_panes_.begin();
  if (next > last_closable(passed)) return std::nullopt;
  return shape_.end_of(next);
}

std::optional<PaneIndex> RuleRunner::end_of_silence(PaneIndex pane) const {
  for (const Range& silence : silences_) {
    if (silence.first <= pane && pane <= silence.last) return silence.last;
  }
  return std::nullopt;
}

std::optional<Micros> RuleRunner::next_final_at(Micros passed) const {
  if (!started_ || final_ >= closed_) return std::nullopt;
  const Micros at = shape_.end_of(final_ + 1) + config_.event_time.allowed_lateness;
  return at <= passed ? std::optional<Micros>(at) : std::nullopt;
}

void RuleRunner::start() {
  started_ = true;
  first_pane_ = *open_panes_.begin();
  const auto first = merger_.first_watermark(own_series_, against_series_);
  if (first.has_value()) {
    first_pane_ = std::min(
        first_pane_, pane_of(*first - config_.event_time.allowed_lateness, shape_.pane_length));
  }
  closed_ = settled_ = final_ = first_pane_ - 1;
  if (panel_) panel_->start(shape_.last_ended(closed_));
}

// After a whole reach of panes without any data, when the last window has changed nothing, no
// window will until there is data again. True if that was so, and the panes before the next data,
// or up to `last`, are closed now.
bool RuleRunner::skip_silence(PaneIndex last) {
  const std::int64_t quiet = shape_.reach + (shape_.learns ? 4 * shape_.window : 1);
  const bool nothing_yet = last_closed_data_ == INT64_MIN;
  if (has_changed_ || (!nothing_yet && closed_ <= last_closed_data_ + quiet)) return false;
  const PaneIndex next_data = open_panes_.empty() ? last + 1 : *open_panes_.begin();
  const PaneIndex target = shape_.last_ended(std::min(next_data - 1, last));
  if (target <= closed_) return false;
  silences_.push_back({.first = closed_ + 1, .last = target});
  closed_ = target;
  if (panel_) panel_->skip_to(target);
  return true;
}

bool RuleRunner::close_next(Micros passed, std::size_t limit, Emissions* out) {
  if (!closing_) {
    if (!started_) start();
    if (!skip_silence(last_closable(passed))) {
      whole_pane_.reset();
      ++closed_;
      ++stats_.closed;
      if (!open_panes_.empty() && *open_panes_.begin() == closed_) {
        open_panes_.erase(open_panes_.begin());
        last_opened_.reset();
        last_closed_data_ = closed_;
      }
      closing_ = shape_.ends_window(closed_);
      said_last_.reset();
      if (closing_ && panel_) {
        panel_->close_next([&](std::int32_t index) { return is_watched(subject(index), closed_); });
      }
      if (closing_) has_changed_ = false;
    }
  }
  if (closing_) closing_ = !judge_closed(limit, out);
  if (closing_) return false;
  while (closed_ - settled_ > shape_.correctable) settle_next();
  return true;
}

bool RuleRunner::judge_closed(std::size_t limit, Emissions* out) {
  auto next = said_last_.has_value() ? order_.upper_bound(*said_last_) : order_.begin();
  for (; next != order_.end(); ++next) {
    if (out->alerts.size() + out->points.size() >= limit) return false;
    const std::int32_t index = *next;
    said_last_ = index;
    Subject& of = subject(index);
    if (!is_watched(of, closed_)) continue;
    Figures figures;
    if (panel_) {
      const std::optional<Figures> at = panel_->at(index);
      if (!at.has_value()) continue;
      figures = *at;
    } else {
      figures = evaluate_at(index, closed_);
    }
    ++stats_.evaluations;
    stats_.inconclusive += figures.verdict == Verdict::kInconclusive;
    Life life = of.story == nullptr ? Life{} : of.story->life;
    const Life before = life;
    step_life(of, closed_, figures, &life);
    const bool moved = !is_same(before, life);
    if (moved || of.story != nullptr) story_of(index).life = life;
    const std::size_t points = out->points.size();
    if (is_worth_a_point(of, closed_) || life.firing()) {
      say_point(&of, closed_, figures, life, out);
    }
    has_changed_ |= moved || out->points.size() != points;
    if (of.story != nullptr) publish(index, out);
  }
  return true;
}

void RuleRunner::finalize_next(Micros passed, Emissions* out) {
  const PaneIndex most = std::min(
      closed_, passed >= journal::kEndOfInput
                   ? closed_
                   : pane_of(passed - config_.event_time.allowed_lateness, shape_.pane_length) - 1);
  final_ = std::max(final_ + 1, std::min(end_of_silence(final_ + 1).value_or(final_ + 1), most));
  for (const std::int32_t index : Ordered(stories_)) publish(index, out);
}

void RuleRunner::settle_next() {
  const std::optional<PaneIndex> silence = end_of_silence(settled_ + 1);
  const bool is_silence = silence.has_value();
  settled_ = std::min(silence.value_or(settled_ + 1), closed_ - shape_.correctable);
  if (panel_ && !is_silence && shape_.ends_window(settled_)) {
    panel_->settle(
        settled_, [&](std::int32_t index) { return subject(index).story != nullptr; },
        [&](std::int32_t index, const Figures& figures) {
          step_life(subject(index), settled_, figures, &subject(index).story->settled);
        });
  } else if (panel_) {
    panel_->settle_to(shape_.last_ended(settled_));
  } else if (!is_silence) {
    for (const std::int32_t index : stories_) {
      step_life(subject(index), settled_, evaluate_at(index, settled_),
                &subject(index).story->settled);
    }
  }
  std::erase_if(silences_,
                [&](const Range& range) { return range.last <= settled_ && range.last <= final_; });
  if (kept_from_ != INT64_MIN && settled_ - kept_from_ < shape_.reach + kForgetStep) return;
  forget_told();
  forget_silent();
}

// What is over, final and settled has nothing more to say.
void RuleRunner::forget_told() {
  std::vector<std::int32_t> over;
  for (const std::int32_t index : stories_) {
    Story& story = *subject(index).story;
    const auto is_told = [&](const Episode& episode) {
      return !episode.firing && episode.resolved <= std::min(settled_, final_);
    };
    std::erase_if(story.published, [&](const Revision& revision) {
      const bool stands = std::ranges::any_of(story.life.episodes, [&](const Episode& episode) {
        return episode.onset == revision.onset && !is_told(episode);
      });
      return !stands && !revision.firing && revision.timing == Timing::kFinal &&
             revision.onset <= settled_;
    });
    std::erase_if(story.settled.episodes, is_told);
    std::erase_if(story.life.episodes, is_told);
    const auto has_begun = [](const Life& life) {
      return !life.episodes.empty() || life.suspects != 0;
    };
    if (!has_begun(story.life) && !has_begun(story.settled) && story.published.empty()) {
      over.push_back(index);
    }
  }
  for (const std::int32_t index : over) {
    stories_.erase(index);
    subject(index).story.reset();
  }
}

// ---- amending ----------------------------------------------------------------------------------

void RuleRunner::amend(Emissions* out) {
  const PaneIndex whole_from = std::exchange(whole_amended_from_, INT64_MAX);
  if (amended_.empty() && whole_from == INT64_MAX) return;
  std::vector<std::pair<std::int32_t, PaneIndex>> amended;
  PaneIndex from = whole_from;
  for (const std::int32_t index : std::exchange(amended_, {})) {
    const PaneIndex of = std::exchange(subject(index).amended_from, INT64_MAX);
    amended.emplace_back(index, of);
    from = std::min(from, of);
  }
  Ordered again(order_.key_comp());
  if (panel_) {
    std::vector<Panel::Amended> list;
    for (const auto& [index, of] : amended) list.push_back({index, of});
    const auto moved = panel_->amend(
        list, whole_from == INT64_MAX ? std::nullopt : std::optional<PaneIndex>(whole_from));
    again.insert(moved.begin(), moved.end());
    // What lies below one that fires is part of it, so all may have changed.
    if (!again.empty() && !shape_.rule->rollup.empty()) again = order_;
  } else {
    for (const auto& [index, of] : amended) again.insert(index);
    if (whole_from != INT64_MAX &&
        (shape_.reads_whole || shape_.rule->type == RuleType::kDivergence)) {
      again = order_;
    }
  }
  for (const std::int32_t index : again) refold(index, from, out);
}

// From what is settled on, over the windows as they are now; points are said from the one that
// holds `from` on.
void RuleRunner::refold(std::int32_t index, PaneIndex from, Emissions* out) {
  Subject& of = subject(index);
  Life life = of.story == nullptr ? Life{} : of.story->settled;
  const auto visit = [&](PaneIndex pane, const Figures& figures) {
    ++stats_.evaluations;
    step_life(of, pane, figures, &life);
    if (pane < from) return;
    const auto said = find_said(&of, pane);
    const bool was_said = said != of.said.end() && pane_of_said(*said) == pane;
    if (was_said || is_worth_a_point(of, pane) || life.firing()) {
      say_point(&of, pane, figures, life, out);
    }
  };
  if (panel_) {
    // The bounds of alerts are said with them.
    const bool has_begun = of.story != nullptr || panel_->suspects(index);
    panel_->replay(index, has_begun ? INT64_MIN / 2 : from, visit);
  } else {
    std::size_t said = 0;
    for (PaneIndex pane = settled_ + 1; pane <= closed_;) {
      while (said < of.said.size() && pane_of_said(of.said[said]) < pane) ++said;
      const bool is_due = life.firing() || is_worth_a_point(of, pane) ||
                          (said < of.said.size() && pane_of_said(of.said[said]) == pane);
      if (is_due) {
        visit(pane, evaluate_at(index, pane));
        ++pane;
        continue;
      }
      PaneIndex next = of.operands.next(pane).value_or(closed_ + 1);
      if (said < of.said.size()) next = std::min(next, pane_of_said(of.said[said]));
      pane = std::max(pane + 1, next);
    }
  }
  if (of.story == nullptr && life.episodes.empty() && life.suspects == 0) return;
  story_of(index).life = std::move(life);
  publish(index, out);
}

RuleRunner::Story& RuleRunner::story_of(std::int32_t index) {
  Subject& of = subject(index);
  if (of.story == nullptr) {
    of.story = std::make_unique<Story>();
    stories_.insert(index);
  }
  return *of.story;
}

void RuleRunner::look_early(Emissions* out) {
  if (touched_.empty()) return;
  std::vector<std::pair<std::int32_t, PaneIndex>> touched = std::exchange(touched_, {});
  if (!started_ || shape_.reference_end - 1 > closed_) return;
  for (auto& [index, pane] : touched) pane = shape_.last_of_window(pane);
  std::sort(touched.begin(), touched.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return order_.key_comp()(a.first, b.first);
    return a.second < b.second;
  });
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  std::size_t looked_at = 0;
  for (std::size_t i = 0; i < touched.size(); ++i) {
    const auto [index, pane] = touched[i];
    looked_at = i > 0 && touched[i - 1].first == index ? looked_at + 1 : 0;
    const Subject& of = subject(index);
    const bool speaks = of.story != nullptr &&
                        (of.story->life.firing() ||
                         std::ranges::any_of(of.story->published,
                                             [&](const Revision& r) { return r.onset > closed_; }));
    if (speaks || looked_at >= kMaxEarlyWindows) continue;
    // What is closed by now was judged as such; a detector is ready for the next window only.
    const PaneIndex next = shape_.last_ended(closed_) + shape_.window;
    if (pane <= closed_ || (panel_ ? pane != next : shape_.window_begin(pane) > closed_ + 1)) {
      continue;
    }
    ++stats_.evaluations;
    const Figures figures = panel_ ? panel_->early(index) : evaluate_at(index, pane);
    if (figures.verdict != Verdict::kFires) continue;
    Revision revision;
    revision.onset = revision.reported = pane;
    revision.number = 1;
    revision.timing = Timing::kEarly;
    revision.figures = figures;
    revision.tier = figures.tier;
    story_of(index).published.push_back(revision);
    ++stats_.firing;
    emit_alert(index, revision, out);
  }
}

// ---- evaluating and saying ---------------------------------------------------------------------

// Whether there is nothing to be seen in the window.
bool RuleRunner::is_silent(const Subject& of, PaneIndex pane) const {
  return of.operands.judged(shape_.window_begin(pane), pane) == 0;
}

// Points are said of what holds something, and once of the silence behind it.
bool RuleRunner::is_worth_a_point(const Subject& of, PaneIndex pane) const {
  return !is_silent(of, pane) || !is_silent(of, pane - (shape_.learns ? shape_.window : 1));
}

// Whether the window can change an alert though it may hold nothing.
bool RuleRunner::is_watched(const Subject& of, PaneIndex pane) const {
  // A share can fall by holding nothing.
  if (panel_ && shape_.rule->type == RuleType::kShareShift) return true;
  const bool has_begun =
      of.story != nullptr &&
      (of.story->life.firing() || of.story->life.suspects != 0 || !of.story->published.empty());
  return has_begun || is_worth_a_point(of, pane);
}

const Whole& RuleRunner::whole_at(PaneIndex pane) {
  if (whole_pane_ != pane) {
    whole_figures_ = evaluate_whole(shape_, whole_, pane);
    whole_pane_ = pane;
  }
  return whole_figures_;
}

Figures RuleRunner::evaluate_at(std::int32_t index, PaneIndex pane) {
  return evaluate(shape_, subject(index).operands, whole_at(pane), pane, first_pane_);
}

// Of a window that may be settled; `last` is what was said of it.
Figures RuleRunner::figures_of(std::int32_t index, PaneIndex pane, const Figures& last) {
  if (!panel_) return shape_.window_begin(pane) >= kept_from_ ? evaluate_at(index, pane) : last;
  if (pane <= panel_->settled()) return reassess(shape_, last, sums_of(index, pane).judged);
  Figures result = last;
  panel_->replay(index, pane, [&](PaneIndex at, const Figures& figures) {
    if (at == pane) result = figures;
  });
  return result;
}

WindowSums RuleRunner::sums_of(std::int32_t index, PaneIndex pane) const {
  const Operands& operands = index == Panel::kWholeSeries ? whole_ : subject(index).operands;
  const PaneIndex begin = shape_.window_begin(pane);
  const Int128 learned = operands.observed.sum(begin, pane);
  return {.amount = static_cast<double>(learned),
          .documents = static_cast<double>(operands.documents(begin, pane)),
          .judged = static_cast<double>(operands.judged(begin, pane))};
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

bool RuleRunner::fires_above(const Subject& of, PaneIndex pane) const {
  for (std::int32_t above = of.parent; above != Panel::kWholeSeries;
       above = subject(above).parent) {
    const Story* story = subject(above).story.get();
    if (story != nullptr && fires_at(story->life, pane)) return true;
  }
  return false;
}

bool RuleRunner::step_life(const Subject& of, PaneIndex pane, Figures figures, Life* life) const {
  if (figures.verdict >= Verdict::kSuspects && fires_above(of, pane)) {
    figures.verdict = Verdict::kBetween;
  }
  step(life, pane, figures, life_rules());
  return life->firing();
}

std::vector<RuleRunner::Said>::iterator RuleRunner::find_said(Subject* of, PaneIndex pane) const {
  return std::ranges::lower_bound(of->said, pane, {},
                                  [this](const Said& said) { return pane_of_said(said); });
}

void RuleRunner::say_point(Subject* of, PaneIndex pane, const Figures& figures, const Life& life,
                           Emissions* out) {
  const std::uint32_t digest = digest_of(figures, life.firing(), state_of(life));
  const auto place = find_said(of, pane);
  const bool was_said = place != of->said.end() && pane_of_said(*place) == pane;
  // new_entity has nothing to say of those that are old.
  if (!was_said && figures.verdict == Verdict::kNothing && panel_) return;
  if (was_said) {
    if (place->digest == digest) return;
    place->digest = digest;
  } else {
    of->said.insert(place, {static_cast<std::uint32_t>(pane - first_pane_), digest});
  }
  out->points.push_back(
      make_point(shape_, name_of(*of), pane, figures, life.firing(), state_of(life)));
}

void RuleRunner::publish(std::int32_t index, Emissions* out) {
  Story& story = *subject(index).story;
  const auto firing = [&] { return std::ranges::count_if(story.published, &Revision::firing); };
  const auto before = firing();
  reconcile(
      story.life.episodes, {.closed = closed_, .final = final_},
      [&](const Revision& last) { return figures_of(index, last.onset, last.figures); },
      &story.published, [&](const Revision& revision) { emit_alert(index, revision, out); });
  stats_.firing += static_cast<std::uint64_t>(firing() - before);
}

void RuleRunner::restate(Emissions* out) {
  for (const std::int32_t index : stories_) {
    for (const Revision& revision : subject(index).story->published) {
      emit_alert(index, revision, out);
    }
  }
}

void RuleRunner::emit_alert(std::int32_t index, const Revision& said, Emissions* out) {
  const Subject& of = subject(index);
  Revision revision = said;
  // What stands beside the figures, as it is now.
  std::vector<NamedPart> parts;
  std::vector<SubjectName> names;
  if (panel_) {
    panel_->refresh(index, revision.reported, &revision.figures);
    const std::vector<Part> below = panel_->parts(index, revision.reported, [&](std::int32_t part) {
      return name_of(subject(part)).canonical;
    });
    names.reserve(below.size());
    for (const Part& part : below) {
      names.push_back(name_of(subject(part.subject)));
      parts.push_back({&names.back(), part});
    }
  } else if (shape_.window_begin(revision.reported) >= kept_from_) {
    const Figures now =
        evaluate(shape_, of.operands, whole_at(revision.reported), revision.reported, first_pane_);
    if (is_same(now, revision.figures)) revision.figures = now;
  }
  const SubjectName name = name_of(of);
  out->alerts.push_back(make_alert(config_, shape_, name, revision,
                                   composition(shape_, merger_, name, of.keys, revision.reported),
                                   parts));
  const std::string& reference = merger_.reference_data_version();
  if (!reference.empty()) out->alerts.back().set_reference_data_version(reference);
}

}  // namespace surgewatch::detect
