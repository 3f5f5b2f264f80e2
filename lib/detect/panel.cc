#include "detect/panel.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "statistics/multiple_testing.h"

namespace surgewatch::detect {
namespace {

using config::Method;
using config::RuleType;

// A calm window is one that chance makes more unusual in 1 of 20 cases.
constexpr double kCalmP = 0.05;
constexpr double kCalmEvidence = 0.25;  // of h
// More first-seen subjects than this in one window are a change of the books, not of the market.
constexpr int kCrowd = 3;
constexpr std::size_t kMaxParts = 5;

WindowInputs inputs_of(PaneIndex pane, WindowSums own, WindowSums whole, bool silent) {
  WindowInputs in;
  in.pane = pane;
  in.own = own;
  in.whole = whole;
  in.silent = silent;
  return in;
}

Figures advance(const RuleShape& shape, Tracker* tracker, const WindowInputs& in) {
  return std::visit([&](auto& t) { return t.advance(shape, in); }, *tracker);
}

}  // namespace

Panel::Panel(const RuleShape& shape)
    : shape_(shape),
      whole_{.settled = make_tracker(shape, {}),
             .live = make_tracker(shape, {}),
             .settled_share = {},
             .live_share = {},
             .recent = {},
             .share_rises = {}} {}

void Panel::start(PaneIndex pane) { start_ = settled_ = judged_ = pane; }

void Panel::add_subject(std::string name, std::int32_t parent, int level,
                        std::vector<PaneIndex> accepted) {
  const auto recent = static_cast<std::size_t>((judged_ - settled_) / shape_.window);
  Track track{.settled = make_tracker(shape_, accepted),
              .live = make_tracker(shape_, std::move(accepted)),
              .settled_share = {},
              .live_share = {},
              .recent = std::vector<Figures>(recent),
              .share_rises = std::vector<bool>(recent),
              .name = std::move(name),
              .parent = parent,
              .level = level};
  if (parent != kWholeSeries) {
    track.settled_share.emplace(shape_);
    track.live_share.emplace(shape_);
  }
  everyone_.push_back(static_cast<std::int32_t>(tracks_.size()));
  levels_ = std::max(levels_, level + 1);
  tracks_.push_back(std::move(track));
}

PaneIndex Panel::pane_of_recent(std::size_t index) const {
  return settled_ + static_cast<PaneIndex>(index + 1) * shape_.window;
}

bool Panel::knows(PaneIndex pane) const { return pane > settled_ && pane <= judged_; }

const Figures& Panel::at(std::int32_t subject, PaneIndex pane) const {
  SW_CHECK(knows(pane));
  const auto index = static_cast<std::size_t>((pane - settled_) / shape_.window - 1);
  return tracks_[static_cast<std::size_t>(subject)].recent[index];
}

// ---- windows -----------------------------------------------------------------------------------

void Panel::close_next(Sums sums, Silence silent) {
  judged_ += shape_.window;
  const std::size_t index = whole_.recent.size();
  whole_.recent.emplace_back();
  for (Track& track : tracks_) {
    track.recent.emplace_back();
    track.share_rises.push_back(false);
  }
  step(everyone_, judged_, index, false, sums, silent);
  weigh(index);
}

void Panel::skip_to(PaneIndex pane, PaneIndex settled) {
  const auto past = [&](Track* track) {
    track->settled = track->live;
    track->settled_share = track->live_share;
    const auto left = static_cast<std::size_t>((pane - settled) / shape_.window);
    track->recent.assign(left, {});
    track->share_rises.assign(left, false);
  };
  past(&whole_);
  for (Track& track : tracks_) past(&track);
  settled_ = settled;
  judged_ = pane;
}

void Panel::settle_next(Sums sums, Silence silent) {
  SW_CHECK(settled_ < judged_);
  step(everyone_, pane_of_recent(0), 0, true, sums, silent);
  settled_ += shape_.window;
  whole_.recent.erase(whole_.recent.begin());
  for (Track& track : tracks_) {
    track.recent.erase(track.recent.begin());
    track.share_rises.erase(track.share_rises.begin());
  }
}

void Panel::amend(const std::vector<std::int32_t>& subjects, Sums sums, Silence silent) {
  const bool all = shape_.reads_whole || levels_ > 1 || shape_.rule->type == RuleType::kNewEntity;
  const std::vector<std::int32_t>& changed = all ? everyone_ : subjects;
  whole_.live = whole_.settled;
  for (const std::int32_t subject : changed) {
    Track& track = tracks_[static_cast<std::size_t>(subject)];
    track.live = track.settled;
    track.live_share = track.settled_share;
  }
  for (std::size_t index = 0; index < whole_.recent.size(); ++index) {
    step(changed, pane_of_recent(index), index, false, sums, silent);
    // Where the whole does not decide, it is still evidence.
    for (Track& track : tracks_) {
      Figures& figures = track.recent[index];
      const Figures& whole = whole_.recent[index];
      if (!all && figures.conclusive() && whole.conclusive()) {
        compare_with_whole(whole, whole.expected, &figures);
      }
    }
    weigh(index);
  }
}

std::vector<double> Panel::sibling_rates(bool settled) const {
  std::vector<double> rates;
  if (shape_.rule->type != RuleType::kNewEntity) return rates;
  for (const Track& track : tracks_) {
    const auto& tracker = std::get<EntityTracker>(settled ? track.settled : track.live);
    if (const std::optional<double> rate = tracker.rate()) rates.push_back(*rate);
  }
  std::sort(rates.begin(),
            rates.end());  // subjects come in the order in which they were first seen
  return rates;
}

void Panel::step(const std::vector<std::int32_t>& subjects, PaneIndex pane, std::size_t index,
                 bool settle, Sums sums, Silence silent) {
  const bool is_silent = silent(pane);
  const WindowSums whole = sums(kWholeSeries, pane);
  const std::vector<double> rates = sibling_rates(settle);
  const std::int64_t windows = (pane - start_) / shape_.window;
  WindowInputs in = inputs_of(pane, whole, whole, is_silent);
  in.wants_bound = false;
  if (shape_.rule->type == RuleType::kSurge || shape_.rule->type == RuleType::kRamp) {
    Figures figures = advance(shape_, settle ? &whole_.settled : &whole_.live, in);
    if (!settle) whole_.recent[index] = std::move(figures);
  }
  in.wants_bound = !settle;
  in.whole_figures = &whole_.recent[index];
  in.sibling_rates = rates;
  in.warm = windows > shape_.rule->learning->warm_up;
  for (const std::int32_t subject : subjects) {
    Track& track = tracks_[static_cast<std::size_t>(subject)];
    in.own = sums(subject, pane);
    Figures figures = advance(shape_, settle ? &track.settled : &track.live, in);
    if (!settle) track.recent[index] = std::move(figures);
    if (track.parent == kWholeSeries) continue;
    WindowInputs share = inputs_of(pane, in.own, sums(track.parent, pane), is_silent);
    ShareTracker& tracker = settle ? *track.settled_share : *track.live_share;
    tracker.advance(shape_, share);
    if (!settle) track.share_rises[index] = tracker.has_risen_lately();
  }
}

// ---- verdicts ----------------------------------------------------------------------------------

void Panel::weigh(std::size_t index) {
  for (int level = 0; level < levels_; ++level) decide(looked_at(level, index), index);
  if (levels_ > 1) gather_parts(index);
}

// The tested subjects of a level that are worth a look: all, or parts of what is above its line or
// whose own share has risen lately.
std::vector<std::int32_t> Panel::looked_at(int level, std::size_t index) {
  std::vector<std::int32_t> result;
  for (const std::int32_t subject : everyone_) {
    Track& track = tracks_[static_cast<std::size_t>(subject)];
    Figures& f = track.recent[index];
    if (track.level != level || f.verdict < Verdict::kQuiet) continue;
    f.tests = f.pages = 0;
    if (track.parent != kWholeSeries) {
      const Figures& parent = tracks_[static_cast<std::size_t>(track.parent)].recent[index];
      if (parent.verdict < Verdict::kSuspects && !track.share_rises[index]) {
        f.verdict =
            lines_of(shape_, f).undercut && f.p > kCalmP ? Verdict::kQuiet : Verdict::kBetween;
        continue;
      }
    }
    result.push_back(subject);
  }
  return result;
}

void Panel::decide(const std::vector<std::int32_t>& looked_at, std::size_t index) {
  const config::Learning& learning = *shape_.rule->learning;
  std::vector<Figures*> tests;
  std::vector<double> p_values, e_values;
  int first_seen = 0;
  for (const std::int32_t subject : looked_at) {
    Figures& f = tracks_[static_cast<std::size_t>(subject)].recent[index];
    if (f.tested) {
      tests.push_back(&f);
      p_values.push_back(f.p);
      e_values.push_back(f.e_value);
      first_seen += f.first_seen;
    } else {
      f.verdict = Verdict::kQuiet;
    }
  }
  const double q = learning.false_discovery_rate;
  const auto by_p = statistics::benjamini_hochberg(p_values, q);
  const auto by_e = statistics::e_bh(e_values, q);
  const bool uses_p =
      learning.method != Method::kRamp && shape_.rule->type != RuleType::kShareShift;
  const bool uses_e = learning.method != Method::kSurge;
  const bool entities = shape_.rule->type == RuleType::kNewEntity;
  int pages = 0;
  for (std::size_t i = 0; i < tests.size(); ++i) {
    Figures& f = *tests[i];
    const Lines lines = lines_of(shape_, f);
    const bool unlikely = uses_p && f.p <= learning.alpha && (!entities || f.first_seen);
    const bool ramps = uses_e && f.reaches;
    const bool reaches = ramps || f.pair_reaches;
    f.others_new = entities ? first_seen - f.first_seen : 0;
    const bool crowded = f.others_new > kCrowd;
    const bool page = ((unlikely && by_p.chosen[i]) || (ramps && by_e.chosen[i])) && !crowded;
    f.tier = page ? Tier::kPage : Tier::kTicket;
    const bool calm = (!uses_p || f.p > kCalmP) &&
                      (!uses_e || entities || f.evidence < kCalmEvidence * learning.h);
    if (lines.reached && (page || reaches || f.first_seen)) {
      f.verdict = Verdict::kFires;
      pages += page;
    } else if (lines.reached && unlikely) {
      f.verdict = Verdict::kSuspects;
    } else {
      const bool quiet = calm && (lines.undercut || entities);
      f.verdict = quiet ? Verdict::kQuiet : Verdict::kBetween;
    }
  }
  for (Figures* f : tests) {
    f->tests = static_cast<int>(tests.size());
    f->pages = pages;
  }
}

// What lies below each subject and is unusual too, for its alert.
void Panel::gather_parts(std::size_t index) {
  std::vector<std::vector<Part>> parts(tracks_.size());
  for (const std::int32_t subject : everyone_) {
    const Track& track = tracks_[static_cast<std::size_t>(subject)];
    const Figures& f = track.recent[index];
    if (track.parent == kWholeSeries || f.verdict < Verdict::kSuspects) continue;
    const Part part{subject, f.observed, f.expected, f.p};
    for (std::int32_t above = track.parent; above != kWholeSeries;
         above = tracks_[static_cast<std::size_t>(above)].parent) {
      parts[static_cast<std::size_t>(above)].push_back(part);
    }
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::vector<Part>& mine = parts[i];
    Figures& f = tracks_[i].recent[index];
    f.parts = nullptr;
    if (mine.empty()) continue;
    const auto name = [&](const Part& p) {
      return tracks_[static_cast<std::size_t>(p.subject)].name;
    };
    std::sort(mine.begin(), mine.end(), [&](const Part& a, const Part& b) {
      const double left = a.observed - a.expected, right = b.observed - b.expected;
      return left != right ? left > right : name(a) < name(b);
    });
    if (mine.size() > kMaxParts) mine.resize(kMaxParts);
    f.parts = std::make_shared<const std::vector<Part>>(std::move(mine));
  }
}

Figures Panel::early(std::int32_t subject, const WindowSums& own, const WindowSums& whole) const {
  const Track& track = tracks_[static_cast<std::size_t>(subject)];
  WindowInputs in = inputs_of(judged_ + shape_.window, own, whole, false);
  // Open windows are looked at after every flush: the bound, which takes longest, is for alerts
  // only.
  const auto look = [&](bool wants_bound) {
    in.wants_bound = wants_bound;
    Tracker tracker = track.live;
    return advance(shape_, &tracker, in);
  };
  Figures f = look(false);
  if (!f.tested || !lines_of(shape_, f).reached) return f;
  const config::Learning& learning = *shape_.rule->learning;
  // A p-value of at most q/n survives Benjamini-Hochberg, whatever the others are.
  const auto tests = static_cast<double>(std::max<std::size_t>(tracks_.size(), 1));
  f.tests = static_cast<int>(tracks_.size());
  const bool page = learning.method != Method::kRamp && f.p <= learning.alpha &&
                    f.p <= learning.false_discovery_rate / tests;
  const bool reaches = learning.method != Method::kSurge && f.reaches;
  if (!page && !reaches) return f;
  f.upper_bound = look(true).upper_bound;
  f.tier = page ? Tier::kPage : Tier::kTicket;
  f.verdict = Verdict::kFires;
  return f;
}

}  // namespace surgewatch::detect
