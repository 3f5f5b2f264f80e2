// Any bytes as a CSV of series: refused, or a table that a method can run over and whose rows can
// be written.
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "files/series_csv.h"

namespace {

using surgewatch::files::SeriesCsvOptions;

std::vector<SeriesCsvOptions> ways() {
  std::vector<SeriesCsvOptions> all(6);
  all[1].lenient = true;
  all[2].zeros = true;
  all[3].zeros = all[3].lenient = true;
  all[4].step = "1d";
  all[4].zeros = all[4].lenient = true;
  all[5].successive = true;
  for (SeriesCsvOptions& options : all) options.file = "fuzz";
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace surgewatch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const std::vector<SeriesCsvOptions> kWays = ways();
  for (const SeriesCsvOptions& options : kWays) {
    const auto csv = files::read_series_csv(text, options);
    if (!csv.ok()) continue;
    constexpr std::size_t kManyWindows = 10'000;  // what follows is slow, and more of the same
    if (csv->table.times.size() > kManyWindows) continue;
    for (const auto& series : csv->table.series) {
      SW_CHECK(series.values.size() == csv->table.times.size());
      if (!options.zeros || options.lenient) continue;
      for (const auto& value : series.values) SW_CHECK(value.has_value());
    }
    const auto answers = methods::run_method("ears", {{"baseline", "2"}}, csv->table);
    SW_CHECK(answers.ok());
    for (const auto& row : csv->rows) {
      SW_CHECK(!files::answer_line(*csv, row, *answers, 0).empty());
    }
  }
  return 0;
}
