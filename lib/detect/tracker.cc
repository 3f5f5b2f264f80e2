#include "detect/tracker.h"

#include <cmath>
#include <optional>
#include <utility>

#include "base/at_most.h"
#include "detect/rules/rule_type.h"

namespace surgewatch::detect {
namespace {

double z_line(double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); }

}  // namespace

Tracker::Tracker(const RuleShape& shape, std::vector<PaneIndex> accepted)
    : learner_(shape.type->make_learner(shape, accepted)), accepted_(std::move(accepted)) {}

Tracker::Tracker(const Tracker& other)
    : learner_(other.learner_->clone()),
      accepted_(other.accepted_),
      empty_windows_(other.empty_windows_) {}

Tracker& Tracker::operator=(const Tracker& other) {
  *this = Tracker(other);
  return *this;
}

LearnerAtMost Tracker::at_most(const RuleShape& shape) {
  LearnerAtMost most = shape.type->learner_at_most(shape);
  most.own += at_most::exact_vector(shape.rule->accepted.size(), sizeof(PaneIndex)) * 2;
  return most;
}

Figures Tracker::advance(const RuleShape& shape, const WindowInputs& in) {
  if (in.own.amount != 0) {
    if (empty_windows_ * shape.window > shape.forgotten_after) {
      learner_ = shape.type->make_learner(shape, accepted_);
    }
    empty_windows_ = 0;
  } else if (!in.silent) {
    ++empty_windows_;
  }
  return learner_->advance(shape, in);
}

Lines lines_of(const RuleShape& shape, const Figures& f) {
  const config::Thresholds& fire = shape.rule->fire_at;
  const config::Thresholds& clear = shape.rule->clear_at;
  const bool share = shape.type->traits.shares;
  Lines lines{.reached = true, .undercut = true};
  const auto look = [&](const std::optional<double>& fire_line,
                        const std::optional<double>& clear_line, double figure) {
    lines.reached = lines.reached && (!fire_line || figure >= *fire_line);
    lines.undercut = lines.undercut && (!clear_line || figure < *clear_line);
  };
  look(fire.ratio, clear.ratio, f.ratio);
  look(fire.excess_over_total, clear.excess_over_total, f.excess);
  look(fire.points, clear.points, share ? std::abs(f.score) : 0);
  look(fire.observed, clear.observed, share ? f.amount : f.observed);
  lines.reached = lines.reached && (!fire.z || f.p <= z_line(*fire.z));
  lines.undercut = lines.undercut && (!clear.z || f.p > z_line(*clear.z));
  return lines;
}

}  // namespace surgewatch::detect
