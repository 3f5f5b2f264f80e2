// The checks of rules that learn what is usual: surge, ramp, new_entity, and share_shift without a
// reference.
#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "config/checks.h"
#include "config/rule_types.h"
#include "statistics/first_seen.h"
#include "statistics/ranges.h"
#include "statistics/share_cusum.h"
#include "statistics/surge_ramp.h"

namespace surgewatch::config {
namespace {

using statistics::kWarmUpRange;
using statistics::Range;

constexpr Micros kLongest = 10'000 * kMicrosPerDay;
constexpr int kMaxAccepted = 1'000;
constexpr Micros kWeek = 7 * kMicrosPerDay;
constexpr double kDaysPerYear = 365.25;

constexpr Micros kHalfYear = 182 * kMicrosPerDay;

// Windows in a season: a year for weeks and longer, a week for days, a day for less; none where
// that is no whole number of windows, or more than a season may have.
std::int64_t default_period(Micros window) {
  if (window >= kWeek) {
    const double windows =
        kDaysPerYear * static_cast<double>(kMicrosPerDay) / static_cast<double>(window);
    return std::max<std::int64_t>(1, std::llround(windows));
  }
  const Micros season = window >= kMicrosPerDay ? kWeek : kMicrosPerDay;
  const std::int64_t period = season % window == 0 ? season / window : 1;
  return statistics::kPeriodRange.holds(period) ? period : 1;
}

// Half a year of weeks, a season of anything shorter.
std::int64_t default_guard(Micros window) {
  const Micros span = window >= kWeek ? kHalfYear : window >= kMicrosPerDay ? kWeek : kMicrosPerDay;
  return std::clamp(span / window, statistics::kGuardRange.low, statistics::kGuardRange.high);
}

std::int64_t default_warm_up(Micros window) {
  constexpr std::int64_t kUsual = 26, kLeast = 8;
  return window <= kWeek ? kUsual : std::max(kLeast, kHalfYear / window);
}

class LearningCheck {
 public:
  LearningCheck(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                const RuleTypeTraits& traits, const Series* series, Rule* rule)
      : check_(check), path_(path), given_(given), traits_(traits), series_(series), rule_(*rule) {}

  void run() {
    if (series_ != nullptr) {
      const Micros window = rule_.window_panes * series_->pane_length;
      learning_.period = default_period(window);
      learning_.guard = default_guard(window);
      learning_.warm_up = default_warm_up(window);
    }
    check_words();
    take_defaults();
    check_numbers();
    check_baseline();
    check_rollup();
    check_accepted();
    rule_.learning = learning_;
  }

 private:
  std::string at(std::string_view field) const { return child(path_, field); }
  bool readable(std::string_view field) const { return check_.readable(at(field)); }

  void check_words() {
    if (traits_.type == RuleType::kRamp) learning_.method = Method::kRamp;
    if (readable("method")) {
      const auto method =
          check_.word(at("method"), given_.method(), {"surge", "ramp", "surge+ramp"}, "a method");
      if (method) learning_.method = static_cast<Method>(*method);
    }
    if (readable("direction")) {
      const auto direction =
          check_.word(at("direction"), given_.direction(), {"up", "down", "both"}, "a direction");
      if (direction) learning_.direction = static_cast<Direction>(*direction);
    }
  }

  // Those of lib/statistics: there the tests of surge+ramp share out the false alarms.
  void take_defaults() {
    const Micros window = series_ != nullptr ? rule_.window_panes * series_->pane_length : kWeek;
    const auto shared = window >= kWeek           ? statistics::SurgeRampParameters::weekly()
                        : window >= kMicrosPerDay ? statistics::SurgeRampParameters::daily()
                                                  : statistics::SurgeRampParameters::hourly();
    const bool shares = learning_.method == Method::kSurgeAndRamp;
    const statistics::GammaPoissonParameters baseline;
    const statistics::RampParameters ramp;
    learning_.alpha = shares ? shared.baseline.alpha : baseline.alpha;
    learning_.h = shares ? shared.ramp.threshold : ramp.threshold;
    learning_.kappa = ramp.factor;
    if (traits_.type == RuleType::kShareShift) {
      learning_.h = statistics::ShareParameters().threshold;
      learning_.odds_ratio = statistics::ShareParameters().odds_ratio;
    }
    if (traits_.type == RuleType::kNewEntity) {
      learning_.alpha = statistics::NewEntityParameters().alpha;
    }
  }

  void whole(std::string_view field, std::int64_t value, const Range<std::int64_t>& range,
             std::int64_t* into) {
    if (readable(field) && check_.in_range(at(field), value, range.low, range.high)) *into = value;
  }
  void figure(std::string_view field, double value, const Range<double>& range, double* into) {
    if (!readable(field)) return;
    if (range.holds(value)) {
      *into = value;
    } else {
      check_.problem(at(field), "{} is not within {} to {}", value, range.low, range.high);
    }
  }

  void check_numbers() {
    whole("period", given_.period(), statistics::kPeriodRange, &learning_.period);
    whole("guard", given_.guard(), statistics::kGuardRange, &learning_.guard);
    whole("warm_up", given_.warm_up(), kWarmUpRange, &learning_.warm_up);
    figure("alpha", given_.alpha(), statistics::kAlphaRange, &learning_.alpha);
    figure("false_discovery_rate", given_.false_discovery_rate(), statistics::kAlphaRange,
           &learning_.false_discovery_rate);
    figure("kappa", given_.kappa(), statistics::kFactorRange, &learning_.kappa);
    figure("odds_ratio", given_.odds_ratio(), statistics::kOddsRatioRange, &learning_.odds_ratio);
    figure("h", given_.h(), statistics::kThresholdRange, &learning_.h);
  }

  // How the length of the history was given before rules learned: the warm-up as a duration.
  void check_baseline() {
    if (!readable("baseline")) return;
    if (check_.has(at("warm_up"))) {
      check_.problem_at_key(at("baseline"), "says the same as 'warm_up', as a duration: give one");
      return;
    }
    const auto span = check_.duration(at("baseline"), given_.baseline(), 1, kLongest);
    if (!span || series_ == nullptr) return;
    const Micros window = rule_.window_panes * series_->pane_length;
    if (*span % window != 0) {
      check_.problem(at("baseline"), "{} is not a multiple of the window, {}", given_.baseline(),
                     format_duration(window));
      return;
    }
    const std::int64_t windows = *span / window;
    if (!kWarmUpRange.holds(windows)) {
      check_.problem(at("baseline"), "{} has {} windows; {} to {} are allowed", given_.baseline(),
                     windows, kWarmUpRange.low, kWarmUpRange.high);
      return;
    }
    learning_.warm_up = windows;
  }

  std::optional<std::size_t> position_of(const std::string& path, const std::string& name) const {
    std::vector<std::string> names;
    for (const Dimension dimension : series_->group_by)
      names.emplace_back(dimension_name(dimension));
    return check_.word(path, name, names,
                       fmt::format("in the group_by of series '{}'", series_->name));
  }

  void check_rollup() {
    if (series_ == nullptr || !readable("rollup")) return;
    std::vector<std::vector<std::size_t>> levels;
    for (int i = 0; i < given_.rollup_size(); ++i) {
      const std::string here = element(at("rollup"), i);
      std::vector<std::size_t> level;
      for (int j = 0; j < given_.rollup(i).per_size(); ++j) {
        const auto position = position_of(element(here, j), given_.rollup(i).per(j));
        if (!position) return;
        level.push_back(*position);
      }
      if (!levels.empty()) {
        const bool holds_all =
            std::all_of(levels.back().begin(), levels.back().end(), [&](std::size_t position) {
              return std::count(level.begin(), level.end(), position) == 1;
            });
        if (!holds_all || level.size() <= levels.back().size()) {
          check_.problem(here,
                         "a level names the dimensions of the level before it, once each, and at "
                         "least one more");
          return;
        }
      }
      levels.push_back(std::move(level));
    }
    if (levels.size() < 2) {
      check_.problem(at("rollup"), "needs at least two levels, such as [[], [{}]]",
                     series_->group_by.empty() ? "bill_to" : dimension_name(series_->group_by[0]));
      return;
    }
    if (given_.per_size() > 0 && rule_.per != levels.back()) {
      check_.problem_at_key(at("per"), "the last level of 'rollup' says it; leave 'per' out");
      return;
    }
    rule_.per = levels.back();
    rule_.rollup = std::move(levels);
  }

  void check_accepted() {
    if (series_ == nullptr || !readable("accepted")) return;
    if (given_.accepted_size() > kMaxAccepted) {
      check_.problem(at("accepted"), "has {} entries; at most {} are allowed",
                     given_.accepted_size(), kMaxAccepted);
      return;
    }
    for (int i = 0; i < given_.accepted_size(); ++i) {
      check_accepted_level(element(at("accepted"), i), given_.accepted(i));
    }
  }

  void check_accepted_level(const std::string& here, const v1::AcceptedLevel& given) {
    AcceptedLevel accepted;
    std::vector<std::vector<std::size_t>> levels = rule_.rollup;
    if (levels.empty()) levels.push_back(rule_.per);
    for (const auto& [name, value] : given.subject()) {
      if (!position_of(child(child(here, "subject"), name), name)) return;
    }
    for (const std::vector<std::size_t>& level : levels) {
      if (level.size() != given.subject().size()) continue;
      for (const std::size_t position : level) {
        const auto value =
            given.subject().find(std::string(dimension_name(series_->group_by[position])));
        if (value != given.subject().end()) accepted.values.push_back(value->second);
      }
      if (accepted.values.size() == level.size()) {
        accepted.per = level;
        break;
      }
      accepted.values.clear();
    }
    if (accepted.per.size() != given.subject().size()) {
      check_.problem(child(here, "subject"),
                     "names a value for each dimension of the rule's 'per'");
      return;
    }
    if (!check_.has(child(here, "from"))) {
      check_.missing(here, "from", "write the first day of the new level as 2024-05-01");
      return;
    }
    const auto from = parse_date(given.from());
    if (!from.ok()) {
      check_.problem(child(here, "from"), "{}", message_of(from.status()));
      return;
    }
    accepted.from = *from;
    rule_.accepted.push_back(std::move(accepted));
  }

  const Checker& check_;
  const std::string& path_;
  const v1::RuleConfig& given_;
  const RuleTypeTraits& traits_;
  const Series* series_;  // null: not known
  Rule& rule_;
  Learning learning_;
};

}  // namespace

void check_learning(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                    const RuleTypeTraits& traits, const Series* series, Rule* rule) {
  LearningCheck(check, path, given, traits, series, rule).run();
}

}  // namespace surgewatch::config
