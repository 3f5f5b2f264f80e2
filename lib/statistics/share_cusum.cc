#include "statistics/share_cusum.h"

#include <algorithm>
#include <numeric>

#include "base/at_most.h"
#include "base/check.h"
#include "statistics/gamma_poisson_filter.h"
#include "statistics/portable_math.h"
#include "statistics/ranges.h"
#include "statistics/state_bytes.h"

namespace surgewatch::statistics {
namespace {

constexpr std::uint32_t kShareSnapshot = 0x44330001;
constexpr double kPriorCount = 0.5;  // of each region: none has a share of 0
constexpr double kResidualCap = 25;  // as in gamma_poisson_filter.cc
constexpr double kLargestDispersion = 1e9;
constexpr double kSkipped = -1;

double count_of(double value) {
  if (!(value > 0)) return 0;
  return std::min(value, kMaxCount);
}

// The value at an alarm stays visible; the state starts again.
bool alarms(double* evidence, double threshold) {
  if (*evidence < threshold) return false;
  *evidence = 0;
  return true;
}

}  // namespace

absl::Status ShareParameters::check() const {
  SW_RETURN_IF_ERROR(check_within("regions", regions, 2, 10000));
  SW_RETURN_IF_ERROR(check_within("odds_ratio", odds_ratio, kOddsRatioRange));
  SW_RETURN_IF_ERROR(check_within("threshold", threshold, kThresholdRange));
  SW_RETURN_IF_ERROR(check_within("discount", discount, 0.5, 1));
  SW_RETURN_IF_ERROR(check_within("guard", guard, kGuardRange));
  SW_RETURN_IF_ERROR(check_within("warm_up", warm_up, kWarmUpRange));
  SW_RETURN_IF_ERROR(check_within("least_total", least_total, 1, kMaxCount));
  SW_RETURN_IF_ERROR(check_within("dispersion", dispersion, 1, 1e6));
  if (target.empty()) return absl::OkStatus();
  if (target.size() != static_cast<std::size_t>(regions))
    return invalid_argument("target names {} regions of {}; give one number for each",
                            target.size(), regions);
  for (const int direction : target) SW_RETURN_IF_ERROR(check_within("target", direction, -1, 1));
  if (std::all_of(target.begin(), target.end(), [](int d) { return d == 0; }))
    return invalid_argument("target is 0 for every region; give 1 to those that gain");
  return absl::OkStatus();
}

std::uint64_t ShareParameters::fingerprint() const {
  Fingerprint f;
  f.add(regions).add(odds_ratio).add(threshold).add(discount).add(guard).add(warm_up);
  f.add(least_total).add(dispersion);
  for (const int direction : target) f.add(direction);
  return f.value();
}

absl::StatusOr<ShareCusum> ShareCusum::create(const ShareParameters& parameters) {
  SW_RETURN_IF_ERROR(parameters.check());
  return ShareCusum(parameters);
}

ShareCusum::ShareCusum(const ShareParameters& parameters)
    : parameters_(std::make_shared<const ShareParameters>(parameters)),
      log_odds_(portable_log(parameters.odds_ratio)),
      dispersion_(parameters.dispersion),
      regions_(static_cast<std::size_t>(parameters.regions)),
      guarded_(static_cast<std::size_t>(parameters.regions) *
               static_cast<std::size_t>(parameters.guard)),
      judged_(static_cast<std::size_t>(parameters.regions)) {
  judgement_.regions.resize(regions_.size());
}

std::span<double> ShareCusum::oldest() {
  const auto slot = static_cast<std::size_t>(windows_ % parameters_->guard);
  return std::span<double>(guarded_).subspan(slot * regions_.size(), regions_.size());
}

double ShareCusum::share_of(std::size_t i, double baseline_total) const {
  return (regions_[i].baseline + kPriorCount) / baseline_total;
}

void ShareCusum::say_nothing() {
  judgement_.known = judgement_.alarm = judgement_.target_alarm = false;
  judgement_.total = judgement_.baseline_total = judgement_.target_evidence = 0;
  judgement_.dispersion = 1;
  std::fill(judgement_.regions.begin(), judgement_.regions.end(), RegionShare{});
}

const ShareJudgement& ShareCusum::skip() {
  const std::span<double> slot = oldest();
  if (windows_ >= parameters_->guard) learn(slot);
  slot[0] = kSkipped;
  ++windows_;
  say_nothing();
  return judgement_;
}

Saturating ShareCusum::at_most(const ShareParameters& parameters) {
  const Saturating regions = parameters.regions;
  return at_most::block(sizeof(ShareParameters) + 2 * sizeof(std::size_t)) +
         at_most::exact_vector(regions, sizeof(Region)) +
         at_most::exact_vector(regions * parameters.guard, sizeof(double)) +
         at_most::exact_vector(regions, sizeof(double)) +
         at_most::exact_vector(regions, sizeof(RegionShare));
}

const ShareJudgement& ShareCusum::step(std::span<const double> learned,
                                       std::span<const double> judged) {
  SW_CHECK(learned.size() == regions_.size() && judged.size() == regions_.size());
  const std::span<double> slot = oldest();
  if (windows_ >= parameters_->guard) learn(slot);
  std::transform(learned.begin(), learned.end(), slot.begin(), count_of);
  std::transform(judged.begin(), judged.end(), judged_.begin(), count_of);
  ++windows_;

  double total = 0;
  for (const double count : judged_) total += count;
  double baseline_total = 0;
  for (const Region& region : regions_) baseline_total += region.baseline + kPriorCount;
  say_nothing();
  if (learned_ < parameters_->warm_up || total < parameters_->least_total) return judgement_;
  judgement_.known = true;

  judgement_.total = total;
  judgement_.baseline_total =
      (baseline_total - kPriorCount * static_cast<double>(regions_.size())) / weight_;
  // The Dirichlet-multinomial's variance: shares of a small baseline are themselves uncertain.
  judgement_.dispersion = dispersion_ * (1 + total / (1 + baseline_total));
  for (std::size_t i = 0; i < regions_.size(); ++i) judge_region(i, judged_[i], baseline_total);
  if (!parameters_->target.empty()) {
    target_evidence_ = std::max(0.0, target_evidence_ + target_log_ratio(baseline_total));
    judgement_.target_evidence = target_evidence_;
    judgement_.target_alarm = alarms(&target_evidence_, parameters_->threshold);
    judgement_.alarm = judgement_.alarm || judgement_.target_alarm;
  }
  return judgement_;
}

void ShareCusum::judge_region(std::size_t i, double count, double baseline_total) {
  Region& region = regions_[i];
  RegionShare& answer = judgement_.regions[i];
  const double total = judgement_.total;
  const double share = share_of(i, baseline_total);
  const double psi = parameters_->odds_ratio;
  const double up = count * log_odds_ - total * portable_log1p(share * (psi - 1));
  const double down = -count * log_odds_ - total * portable_log1p(share * (1 / psi - 1));
  region.up = std::max(0.0, region.up + up / judgement_.dispersion);
  region.down = std::max(0.0, region.down + down / judgement_.dispersion);
  answer.share = count / total;
  answer.baseline_share = share;
  answer.count = count;
  answer.baseline_count = region.baseline / weight_;
  answer.evidence_up = region.up;
  answer.evidence_down = region.down;
  answer.alarm_up = alarms(&region.up, parameters_->threshold);
  answer.alarm_down = alarms(&region.down, parameters_->threshold);
  judgement_.alarm = judgement_.alarm || answer.alarm_up || answer.alarm_down;
}

double ShareCusum::target_log_ratio(double baseline_total) const {
  const double psi = parameters_->odds_ratio;
  double moved = 0;  // Σ π_i ψ^target_i
  double sum = 0;    // Σ y_i target_i
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    const int direction = parameters_->target[i];
    const double factor = direction == 0 ? 1 : direction > 0 ? psi : 1 / psi;
    moved += share_of(i, baseline_total) * factor;
    sum += direction * judgement_.regions[i].count;
  }
  return (sum * log_odds_ - judgement_.total * portable_log(moved)) / judgement_.dispersion;
}

void ShareCusum::learn(std::span<const double> counts) {
  if (counts[0] == kSkipped) return;
  double total = 0;
  for (const double count : counts) total += count;
  double baseline_total = 0;
  for (const Region& region : regions_) baseline_total += region.baseline + kPriorCount;
  if (learned_ > 0 && total >= 1) {
    double pearson = 0;
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      const double expected = total * share_of(i, baseline_total);
      pearson += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    pearson /= static_cast<double>(regions_.size() - 1) * (1 + total / (1 + baseline_total));
    dispersion_ += std::max(0.01, 1 / (learned_ + 20)) *
                   (std::min(pearson, kResidualCap * dispersion_) - dispersion_);
    dispersion_ = std::clamp(dispersion_, parameters_->dispersion, kLargestDispersion);
  }
  for (std::size_t i = 0; i < regions_.size(); ++i)
    regions_[i].baseline = parameters_->discount * regions_[i].baseline + counts[i];
  weight_ = parameters_->discount * weight_ + 1;
  learned_ += 1;
}

std::string ShareCusum::snapshot() const {
  StateWriter out(kShareSnapshot, parameters_->fingerprint());
  out.put_whole(static_cast<std::uint64_t>(windows_));
  for (const double value : {learned_, weight_, dispersion_, target_evidence_}) out.put(value);
  for (const Region& region : regions_) {
    out.put(region.baseline);
    out.put(region.up);
    out.put(region.down);
  }
  out.put_all(guarded_);
  return out.take();
}

absl::Status ShareCusum::restore(std::string_view bytes) {
  ShareCusum fresh(*parameters_);
  StateReader in(bytes, kShareSnapshot, parameters_->fingerprint());
  fresh.windows_ = in.ordinal();
  for (double* value :
       {&fresh.learned_, &fresh.weight_, &fresh.dispersion_, &fresh.target_evidence_})
    *value = in.real();
  for (Region& region : fresh.regions_) {
    region.baseline = in.real();
    region.up = in.real();
    region.down = in.real();
  }
  in.get_all(&fresh.guarded_);
  SW_RETURN_IF_ERROR(in.finish());
  *this = std::move(fresh);
  return absl::OkStatus();
}

}  // namespace surgewatch::statistics
