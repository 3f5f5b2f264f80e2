#include "bench/scenarios/shares.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "bench/scenarios/draw.h"

namespace surgewatch::bench {
namespace {

constexpr double kTotalDispersion = 3;
constexpr double kDispersion = 2;  // of shares in lots, or wandering
constexpr int kFirstChange = 160;
constexpr int kLastChange = 219;

ShareCounts scaled_to_one(ShareCounts weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

ShareCounts shifted(ShareCounts shares, std::size_t region, double odds_ratio) {
  const double before = shares[region];
  const double after = before * odds_ratio / (1 + before * (odds_ratio - 1));
  for (double& share : shares) share *= (1 - after) / (1 - before);
  shares[region] = after;
  return shares;
}

// Shares of one window, such that a count of `total` has kDispersion times the multinomial's
// variance.
ShareCounts dispersed(const ShareCounts& shares, double total, Draw* draw) {
  // (n + c) / (1 + c) is the dispersion of a Dirichlet-multinomial with concentration c.
  const double concentration = std::max(0.5, (total - kDispersion) / (kDispersion - 1));
  ShareCounts weights{};
  for (std::size_t i = 0; i < kShareRegions; ++i)
    weights[i] = draw->gamma(concentration * shares[i]);
  return scaled_to_one(weights);
}

ShareCounts multinomial(double total, const ShareCounts& shares, Draw* draw) {
  ShareCounts counts{};
  double left = total;
  double share_left = 1;
  for (std::size_t i = 0; i + 1 < kShareRegions; ++i) {
    const double p = std::min(1.0, shares[i] / share_left);
    counts[i] = draw->binomial(left, p);
    left -= counts[i];
    share_left -= shares[i];
    if (share_left <= 0) return counts;
  }
  counts.back() = left;
  return counts;
}

}  // namespace

ShareSeries share_series(const ShareScenario& scenario, int repetition, std::uint64_t seed) {
  const std::uint64_t kind =
      simulate::hash(std::bit_cast<std::uint64_t>(scenario.mean_total),
                     static_cast<std::uint64_t>(scenario.spread),
                     static_cast<std::uint64_t>(scenario.event) << 32 | scenario.region,
                     std::bit_cast<std::uint64_t>(scenario.odds_ratio));
  Draw draw(simulate::hash(seed, kShareRegions, kind, static_cast<std::uint64_t>(repetition)));
  ShareSeries series{.scenario = scenario, .change = -1, .counts = {}};
  if (scenario.event != ShareEvent::kNone)
    series.change = static_cast<int>(draw.between(kFirstChange, kLastChange));
  const ShareCounts after = shifted(kShares, scenario.region, scenario.odds_ratio);
  for (int t = 0; t < kShareWindows; ++t) {
    const bool changed = series.change >= 0 && t >= series.change;
    const bool shift = changed && scenario.event == ShareEvent::kShift;
    const bool surge =
        changed && scenario.event == ShareEvent::kSurge && t < series.change + kShareSurgeWindows;
    const double mean = scenario.mean_total * (surge ? kShareSurgeFactor : 1);
    const double total = draw.negative_binomial(mean, kTotalDispersion);
    ShareCounts shares = shift ? after : kShares;
    if (scenario.spread == ShareSpread::kLots) shares = dispersed(shares, total, &draw);
    if (scenario.spread == ShareSpread::kWandering)
      shares = dispersed(shares, scenario.mean_total, &draw);
    series.counts.push_back(multinomial(total, shares, &draw));
  }
  return series;
}

void ShareScore::add(const ShareSeries& series, const std::vector<ShareAlarm>& alarms) {
  const int windows = static_cast<int>(series.counts.size());
  for (int t = kShareFirstJudged; t < windows; ++t) {
    const ShareAlarm& alarm = alarms[static_cast<std::size_t>(t)];
    if (!alarm.known) continue;
    if (series.change < 0 || t < series.change) {
      ++quiet_windows;
      false_alarms += alarm.any ? 1 : 0;
      false_rises += alarm.rise ? 1 : 0;
    } else if (series.scenario.event == ShareEvent::kSurge &&
               t < series.change + kShareSurgeWindows) {
      ++surge_windows;
      surge_alarms += alarm.any ? 1 : 0;
    }
  }
  if (series.scenario.event != ShareEvent::kShift) return;
  ++shifts;
  for (int t = series.change; t < std::min(windows, series.change + kShareFoundWithin); ++t) {
    if (!alarms[static_cast<std::size_t>(t)].rise) continue;
    ++found;
    delay_sum += t - series.change;
    return;
  }
}

}  // namespace surgewatch::bench
