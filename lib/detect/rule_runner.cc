#include "detect/rule_runner.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace surgewatch::detect {
namespace {

bool is_same(const Life& a, const Life& b) {
  if (a.suspects != b.suspects || a.episodes.size() != b.episodes.size()) return false;
  if (a.episodes.empty()) return true;
  const Episode& last = a.episodes.back();
  const Episode& other = b.episodes.back();
  return last.firing == other.firing && last.quiet_run == other.quiet_run &&
         last.windows == other.windows;
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
      stories_(InOrder{&subjects_}),
      to_refold_(InOrder{&subjects_}) {
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
    if (is_worth_a_point(of, closed_) || (life.firing() && !is_standstill(closed_, figures))) {
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

bool RuleRunner::amend(std::size_t limit, Emissions* out) {
  if (to_refold_.empty()) find_amended();
  while (!to_refold_.empty()) {
    if (out->alerts.size() + out->points.size() >= limit) return false;
    const std::int32_t index = *to_refold_.begin();
    to_refold_.erase(to_refold_.begin());
    refold(index, refold_from_, out);
  }
  return true;
}

void RuleRunner::find_amended() {
  const PaneIndex whole_from = std::exchange(whole_amended_from_, INT64_MAX);
  if (amended_.empty() && whole_from == INT64_MAX) return;
  std::vector<std::pair<std::int32_t, PaneIndex>> amended;
  PaneIndex& from = refold_from_ = whole_from;
  for (const std::int32_t index : std::exchange(amended_, {})) {
    const PaneIndex of = std::exchange(subject(index).amended_from, INT64_MAX);
    amended.emplace_back(index, of);
    from = std::min(from, of);
  }
  Ordered& again = to_refold_;
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
    if (whole_from != INT64_MAX && (shape_.reads_whole || shape_.rule->against_series)) {
      again = order_;
    }
  }
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
    if (was_said || is_worth_a_point(of, pane) ||
        (life.firing() && !is_standstill(pane, figures))) {
      say_point(&of, pane, figures, life, out);
    }
  };
  if (panel_) {
    // The bounds of alerts are said with them.
    const bool has_begun = of.story != nullptr || panel_->suspects(index);
    panel_->replay(index, has_begun ? INT64_MIN / 2 : from, visit);
  } else {
    const auto next_said = [&](PaneIndex from_pane) {
      const auto said = find_said(&of, from_pane);
      return said == of.said.end() ? closed_ + 1 : pane_of_said(*said);
    };
    for (PaneIndex pane = settled_ + 1; pane <= closed_;) {
      PaneIndex next = of.operands.next(pane).value_or(closed_ + 1);
      if (life.firing() || is_worth_a_point(of, pane) || next_said(pane) == pane) {
        const Figures figures = evaluate_at(index, pane);
        visit(pane, figures);
        if (!is_standstill(pane, figures)) {
          ++pane;
          continue;
        }
        next = std::min(next, whole_.next(pane).value_or(closed_ + 1));
      }
      pane = std::max(pane + 1, std::min(next, next_said(pane + 1)));
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

}  // namespace surgewatch::detect
