// nab_bench: anomaly scores of NAB's series (github.com/numenta/NAB) from our detectors, streamed.
//
//   nab_bench NAB_FOLDER OUT_FOLDER
//
// reads NAB_FOLDER/data/*/*.csv and writes OUT_FOLDER/*/ours_*.csv.
//
// NAB's series are measurements, not counts, and anything unusual counts, up or down. Each becomes
// a quasi-count, scaled by what its probation period (15 % of the rows, at most 750) shows; the
// surge detector's filter follows its level. What is unusual is the standardised residual, alone
// and summed over 12 and 96 rows; how unusual, its ratio to the largest that was seen before. One
// set of parameters for all series, found on the 18 files named in docs/detectors.md; no look
// ahead, and no use of the length of the file beyond its probation period.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "statistics/gamma_poisson_filter.h"

namespace surgewatch::bench {
namespace {

using statistics::GammaPoissonFilter;
using statistics::GammaPoissonParameters;

constexpr double kSpreadInCounts = 20;  // the probation's 10 % to 90 % span
constexpr double kLeastInCounts = 20;   // its least value
constexpr double kLevelDiscount = 0.99;
constexpr int kGuard = 24;
constexpr std::array<std::size_t, 3> kSpans = {1, 12, 96};
constexpr double kRecordDiscount = 0.99995;  // records of the past fade
constexpr double kLeastRecord = 3;           // standard deviations
constexpr double kYoungRows = 40;            // a record of few rows is soon broken
constexpr double kQuietRows = 400;           // after a record a further one counts less

struct Row {
  std::string time;
  double value;
};

std::vector<Row> rows_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  std::vector<Row> rows;
  while (std::getline(in, line)) {
    const std::size_t comma = line.find(',');
    if (comma == std::string::npos) continue;
    rows.push_back({line.substr(0, comma), std::strtod(line.c_str() + comma + 1, nullptr)});
  }
  return rows;
}

class StreamScore {
 public:
  // `probation`: the values that set the scale.
  explicit StreamScore(std::vector<double> probation) : filter_(filter_for(probation.size())) {
    std::sort(probation.begin(), probation.end());
    least_ = probation.front();
    const auto at = [&probation](double share) {
      return probation[static_cast<std::size_t>(share * static_cast<double>(probation.size() - 1))];
    };
    spread_ = at(0.9) - at(0.1);
    if (spread_ <= 0) spread_ = probation.back() - probation.front();
    if (spread_ <= 0) spread_ = std::max(1e-6, 0.05 * std::abs(probation.back()));
    records_.fill(kLeastRecord);
  }

  // Above 1: more unusual than anything before.
  double step(double value) {
    const double count = (value - least_) / spread_ * kSpreadInCounts + kLeastInCounts;
    const statistics::Judgement judgement = filter_.step(std::max(0.0, count));
    const double residual =
        judgement.known ? (count - judgement.expected) / std::sqrt(judgement.variance) : 0;
    sums_.push_back((sums_.empty() ? 0 : sums_.back()) + residual);
    const std::size_t rows = sums_.size();
    double best = 0;
    for (std::size_t i = 0; i < kSpans.size() && kSpans[i] <= rows; ++i) {
      const double before = rows == kSpans[i] ? 0 : sums_[rows - 1 - kSpans[i]];
      const double size =
          std::abs(sums_.back() - before) / std::sqrt(static_cast<double>(kSpans[i]));
      best = std::max(best, size / records_[i]);
      records_[i] = std::max({kLeastRecord, records_[i] * kRecordDiscount, size});
    }
    best *= static_cast<double>(rows - 1) / (static_cast<double>(rows - 1) + kYoungRows);
    return after_quiet(best, static_cast<double>(rows));
  }

 private:
  static GammaPoissonFilter filter_for(std::size_t probation) {
    GammaPoissonParameters parameters;
    parameters.season = {.period = 52, .harmonics = 0};
    parameters.level_discount = kLevelDiscount;
    parameters.slope_discount = 1;
    parameters.slope_variance = 1e-6;
    parameters.guard = kGuard;
    parameters.level_windows = std::clamp(static_cast<int>(probation / 2), 4, 100);
    parameters.dispersion = 2;
    return *GammaPoissonFilter::create(parameters);
  }

  double after_quiet(double score, double row) {
    if (score <= 1) return score;
    const double share = std::min(1.0, (row - last_record_) / kQuietRows);
    last_record_ = row;
    return 1 + (score - 1) * share;
  }

  GammaPoissonFilter filter_;
  double least_ = 0;
  double spread_ = 1;
  std::array<double, kSpans.size()> records_{};
  std::vector<double> sums_;  // of residuals so far
  double last_record_ = -1e9;
};

void score_file(const std::filesystem::path& in, const std::filesystem::path& out) {
  const std::vector<Row> rows = rows_of(in);
  const auto probation = static_cast<std::size_t>(
      std::min(std::floor(0.15 * static_cast<double>(rows.size())), 750.0));
  if (probation < 8) {
    fmt::print(stderr, "nab: {} has {} rows; too few\n", in.string(), rows.size());
    std::exit(1);
  }
  std::vector<double> first;
  for (std::size_t i = 0; i < probation; ++i) first.push_back(rows[i].value);
  StreamScore score(std::move(first));
  std::filesystem::create_directories(out.parent_path());
  std::ofstream file(out);
  file << "timestamp,value,anomaly_score\n";
  for (const Row& row : rows)
    file << fmt::format("{},{},{:.9g}\n", row.time, row.value, score.step(row.value));
}

}  // namespace
}  // namespace surgewatch::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: nab_bench NAB_FOLDER OUT_FOLDER\n");
    return 2;
  }
  const std::filesystem::path data = std::filesystem::path(argv[1]) / "data";
  if (!std::filesystem::is_directory(data)) {
    fmt::print(stderr, "nab: {} is not there; NAB is a checkout of github.com/numenta/NAB\n",
               data.string());
    return 1;
  }
  for (const auto& folder : std::filesystem::directory_iterator(data)) {
    if (!folder.is_directory()) continue;
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
      if (file.path().extension() != ".csv") continue;
      const auto out = std::filesystem::path(argv[2]) / folder.path().filename() /
                       ("ours_" + file.path().filename().string());
      surgewatch::bench::score_file(file.path(), out);
    }
  }
  return 0;
}
