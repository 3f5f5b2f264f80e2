#include "detect/rule_runner.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "detect/rules/rule_type.h"

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

bool has_begun(const Life& life) { return !life.episodes.empty() || life.suspects != 0; }

// When the life's alerts have fired: from the windows of their onsets to before those that ended
// them.
std::vector<std::pair<PaneIndex, PaneIndex>> times_of_firing(const Life& life) {
  std::vector<std::pair<PaneIndex, PaneIndex>> times;
  for (const Episode& episode : life.episodes) {
    times.emplace_back(episode.onset, episode.firing ? INT64_MAX : episode.resolved);
  }
  return times;
}

}  // namespace

RuleRunner::RuleRunner(const config::Config& config, std::size_t rule_index,
                       const journal::Merger& merger, const Firings* findings)
    : config_(config),
      merger_(merger),
      findings_(findings),
      shape_(config, rule_index),
      timeline_(shape_, [this] { return newest_data(); }),
      own_series_(shape_.rule->series),
      against_series_(shape_.rule->against_series.value_or(own_series_)),
      by_name_(0, NameHash{&subjects_}, NameEqual{&subjects_}),
      order_(InOrder{&subjects_}),
      active_(InOrder{&subjects_}),
      stories_(InOrder{&subjects_}),
      to_refold_(InOrder{&subjects_}) {
  if (!shape_.learns) return;
  const auto operands = [this](std::int32_t index) -> const Operands& {
    return index == Panel::kUnfiltered ? unfiltered_ : subject(index).operands;
  };
  panel_.emplace(
      shape_, timeline_,
      Panel::Sums{
          .of = [this](std::int32_t index, PaneIndex pane) { return sums_of(index, pane); },
          .any =
              [operands](std::int32_t index, PaneIndex first, PaneIndex last) {
                return operands(index).next(first - 1).value_or(last + 1) <= last;
              },
          .next = [operands](std::int32_t index,
                             PaneIndex pane) { return operands(index).observed.next(pane); },
          .size = [operands](std::int32_t index) { return operands(index).observed.size(); },
          .has_story = [this](std::int32_t index) { return subject(index).story != nullptr; }});
}

// ---- closing and settling ----------------------------------------------------------------------

PaneIndex RuleRunner::newest_data() const {
  PaneIndex newest = INT64_MIN;
  for (const std::int32_t index : order_) {
    newest = std::max(newest, subject(index).operands.last().value_or(INT64_MIN));
  }
  return newest;
}

std::optional<Micros> RuleRunner::next_close_at(Micros passed) {
  const std::optional<PaneIndex> next = timeline_.next_to_close(passed);
  return next.has_value() ? std::optional<Micros>(shape_.end_of(*next)) : std::nullopt;
}

std::optional<Micros> RuleRunner::next_final_at(Micros passed) const {
  const std::optional<PaneIndex> next = timeline_.next_to_be_final();
  if (!next.has_value()) return std::nullopt;
  const Micros at = shape_.end_of(*next) + config_.event_time.allowed_lateness;
  return at <= passed ? std::optional<Micros>(at) : std::nullopt;
}

void RuleRunner::begin() {
  const auto heard = merger_.first_watermark(own_series_, against_series_);
  timeline_.begin(heard.has_value()
                      ? std::optional<PaneIndex>(pane_of(
                            *heard - config_.event_time.allowed_lateness, shape_.pane_length))
                      : std::nullopt);
}

bool RuleRunner::close(Micros passed, std::size_t limit, Emissions* out) {
  if (!closing_) {
    if (!timeline_.has_begun()) begin();
    if (has_changed_ || !timeline_.close_silence(passed)) {
      unfiltered_pane_.reset();
      timeline_.close_pane();
      ++stats_.closed;
      closing_ = shape_.ends_window(timeline_.closed());
      said_last_.reset();
      if (closing_ && panel_) {
        panel_->close_window(
            [&](std::int32_t index) { return is_watched(subject(index), timeline_.closed()); });
      }
      if (closing_) has_changed_ = false;
    }
  }
  if (closing_) closing_ = !judge_closed(limit, out);
  if (closing_) return false;
  while (timeline_.can_settle()) settle_oldest();
  return true;
}

bool RuleRunner::judge_closed(std::size_t limit, Emissions* out) {
  auto next = said_last_.has_value() ? active_.upper_bound(*said_last_) : active_.begin();
  while (next != active_.end()) {
    if (out->alerts.size() + out->points.size() >= limit) return false;
    const std::int32_t index = *next;
    said_last_ = index;
    Subject& of = subject(index);
    if (stays_active(of)) {
      ++next;
    } else {
      of.is_active = false;
      next = active_.erase(next);
    }
    if (!is_watched(of, timeline_.closed())) continue;
    Figures figures;
    if (panel_) {
      const std::optional<Figures> at = panel_->at(index);
      if (!at.has_value()) continue;
      figures = *at;
    } else {
      figures = evaluate_at(index, timeline_.closed());
    }
    ++stats_.evaluations;
    stats_.inconclusive += figures.verdict == Verdict::kInconclusive;
    const Life before = of.story == nullptr ? Life{} : of.story->life.live();
    Life life = before;
    step_life(of, timeline_.closed(), figures, &life);
    const bool moved = !is_same(before, life);
    if (moved || of.story != nullptr) take_in(&story_of(index), timeline_.closed(), life);
    const bool is_in_force = life.firing() && !is_standstill(timeline_.closed(), figures);
    if (listener_ && is_in_force) {
      listener_->add(name_of(of), shape_.end_of(timeline_.closed()));
    }
    const std::size_t points = out->points.size();
    if (is_worth_a_point(of, timeline_.closed()) || is_in_force) {
      say_point(&of, timeline_.closed(), figures, life, out);
    }
    has_changed_ |= moved || out->points.size() != points;
    if (of.story != nullptr) publish(index, out);
  }
  return true;
}

// Whether a window behind the one that has closed last can have something to say of it, though
// nothing may come.
bool RuleRunner::stays_active(const Subject& of) const {
  if (panel_ && shape_.type->traits.shares) return true;
  const PaneIndex read_from = shape_.window_begin(timeline_.closed());
  return of.story != nullptr || of.operands.last().value_or(INT64_MIN) >= read_from;
}

void RuleRunner::make_final(Micros passed, Emissions* out) {
  timeline_.make_final(
      passed >= journal::kEndOfInput
          ? timeline_.closed()
          : pane_of(passed - config_.event_time.allowed_lateness, shape_.pane_length) - 1);
  for (const std::int32_t index : Ordered(stories_)) publish(index, out);
}

void RuleRunner::settle_oldest() {
  const bool is_silence = timeline_.settle_oldest();
  const PaneIndex settled = timeline_.settled();
  if (panel_ && !is_silence && shape_.ends_window(settled)) {
    panel_->settle(settled, [&](std::int32_t index, const Figures& figures) {
      subject(index).story->life.settle(
          settled, [&](Life* life) { step_life(subject(index), settled, figures, life); });
    });
  } else if (!panel_ && !is_silence) {
    for (const std::int32_t index : stories_) {
      subject(index).story->life.settle(settled, [&](Life* life) {
        step_life(subject(index), settled, evaluate_at(index, settled), life);
      });
    }
  }
  if (!timeline_.can_forget()) return;
  forget_told();
  forget_silent();
}

void RuleRunner::take_in(Story* story, PaneIndex pane, Life life) {
  if (has_begun(life)) story->begun_to = std::max(story->begun_to, pane);
  story->life.close(pane, grid(), [&](Life* live) { *live = std::move(life); });
}

// What is over, final and settled has nothing more to say.
void RuleRunner::forget_told() {
  std::vector<std::int32_t> over;
  for (const std::int32_t index : stories_) {
    Story& story = *subject(index).story;
    const auto is_told = [&](const Episode& episode) {
      return !episode.firing &&
             episode.resolved <= std::min(timeline_.settled(), timeline_.final());
    };
    std::erase_if(story.published, [&](const Revision& revision) {
      const bool stands =
          std::ranges::any_of(story.life.live().episodes, [&](const Episode& episode) {
            return episode.onset == revision.onset && !is_told(episode);
          });
      return !stands && !revision.firing && revision.timing == Timing::kFinal &&
             revision.onset <= timeline_.settled();
    });
    story.life.each([&](Life* life) { std::erase_if(life->episodes, is_told); });
    if (story.begun_to <= timeline_.settled() && !has_begun(story.life.live()) &&
        !has_begun(story.life.settled()) && story.published.empty()) {
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
    const auto [index, from] = *to_refold_.begin();
    to_refold_.erase(to_refold_.begin());
    refold(index, from, out);
  }
  return true;
}

void RuleRunner::refold_from(std::int32_t index, PaneIndex from) {
  PaneIndex& at = to_refold_.try_emplace(index, from).first->second;
  at = std::min(at, from);
}

void RuleRunner::find_amended() {
  const PaneIndex unfiltered_from = std::exchange(unfiltered_amended_from_, INT64_MAX);
  const PaneIndex stillness_from = std::exchange(stillness_amended_from_, INT64_MAX);
  if (amended_.empty() && unfiltered_from == INT64_MAX) return;
  std::vector<Panel::Amended> amended;
  for (const std::int32_t index : std::exchange(amended_, {})) {
    amended.push_back({index, std::exchange(subject(index).amended_from, INT64_MAX)});
  }
  if (panel_) {
    const bool is_whole_amended = unfiltered_from != INT64_MAX;
    amended =
        panel_->amend(std::move(amended),
                      is_whole_amended ? std::optional<PaneIndex>(unfiltered_from) : std::nullopt);
  } else if (shape_.reads_whole && unfiltered_from != INT64_MAX) {
    for (const std::int32_t index : order_) refold_from(index, unfiltered_from);
  }
  for (const auto& [index, from] : amended) refold_from(index, from);
  if (stillness_from == INT64_MAX) return;
  for (const std::int32_t index : stories_) refold_from(index, stillness_from);
}

// Over the windows as they are now, from the one that holds `from` on.
void RuleRunner::refold(std::int32_t index, PaneIndex from, Emissions* out) {
  Subject& of = subject(index);
  from = std::max(shape_.last_of_window(from), timeline_.settled() + 1);
  // A subject without a story has had none since what is settled.
  Life life;
  PaneIndex after = from - 1;
  std::vector<std::pair<PaneIndex, PaneIndex>> fired;
  std::vector<Micros> in_force;
  if (of.story != nullptr) {
    fired = times_of_firing(of.story->life.live());
    after = std::max(of.story->life.rewind(from), timeline_.settled());
    life = of.story->life.live();
  }
  const auto visit = [&](PaneIndex pane, const Figures& figures) {
    ++stats_.evaluations;
    step_life(of, pane, figures, &life);
    if (of.story != nullptr || has_begun(life)) take_in(&story_of(index), pane, life);
    if (pane < from) return;
    const bool is_in_force = life.firing() && !is_standstill(pane, figures);
    if (is_in_force) in_force.push_back(shape_.end_of(pane));
    const auto said = find_said(&of, pane);
    const bool was_said = said != of.said.end() && pane_of_said(*said) == pane;
    if (was_said || is_worth_a_point(of, pane) || is_in_force) {
      say_point(&of, pane, figures, life, out);
    }
  };
  if (panel_) {
    panel_->replay(index, after + 1, visit);
  } else {
    visit_panes(index, after + 1, life, visit);
  }
  if (of.story == nullptr) return;
  if (listener_) listener_->replace(name_of(of), shape_.end_of(from) - 1, in_force);
  publish(index, out);
  if (!panel_ || shape_.rule->rollup.empty()) return;
  // What lies below one that fires is part of it.
  if (times_of_firing(of.story->life.live()) == fired) return;
  panel_->for_each_below(index, [&](std::int32_t below) { refold_from(below, from); });
}

// Those of a rule that does not learn: where nothing is held and nothing was said, nothing is said.
void RuleRunner::visit_panes(std::int32_t index, PaneIndex from, const Life& life,
                             absl::FunctionRef<void(PaneIndex, const Figures&)> visitor) {
  Subject& of = subject(index);
  const PaneIndex end = timeline_.closed() + 1;
  const auto next_said = [&](PaneIndex from_pane) {
    const auto said = find_said(&of, from_pane);
    return said == of.said.end() ? end : pane_of_said(*said);
  };
  for (PaneIndex pane = from; pane < end;) {
    PaneIndex next = of.operands.next(pane).value_or(end);
    if (life.firing() || is_worth_a_point(of, pane) || next_said(pane) == pane) {
      const Figures figures = evaluate_at(index, pane);
      visitor(pane, figures);
      if (!is_standstill(pane, figures)) {
        ++pane;
        continue;
      }
      next = std::min(next, unfiltered_.next(pane).value_or(end));
    }
    pane = std::max(pane + 1, std::min(next, next_said(pane + 1)));
  }
}

RuleRunner::Story& RuleRunner::story_of(std::int32_t index) {
  Subject& of = subject(index);
  if (of.story == nullptr) {
    of.story = std::make_unique<Story>();
    stories_.insert(index);
    activate(index);
  }
  return *of.story;
}

void RuleRunner::look_early(Emissions* out) {
  if (touched_.empty()) return;
  std::vector<std::pair<std::int32_t, PaneIndex>> touched = std::exchange(touched_, {});
  if (!timeline_.has_begun() || shape_.reference_end - 1 > timeline_.closed()) return;
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
    const bool speaks =
        of.story != nullptr && (of.story->life.live().firing() ||
                                std::ranges::any_of(of.story->published, [&](const Revision& r) {
                                  return r.onset > timeline_.closed();
                                }));
    if (speaks || looked_at >= kMaxEarlyWindows) continue;
    // What is closed by now was judged as such; a detector is ready for the next window only.
    const PaneIndex next = shape_.last_ended(timeline_.closed()) + shape_.window;
    if (pane <= timeline_.closed() ||
        (panel_ ? pane != next : shape_.window_begin(pane) > timeline_.closed() + 1)) {
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
