// Any bytes as a CSV of series: refused, or a table that a method can run over and whose rows can
// be written.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "surgewatch/series_csv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace surgewatch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool lenient : {false, true}) {
    services::SeriesCsvOptions options;
    options.file = "fuzz";
    options.lenient = lenient;
    const auto csv = services::read_series_csv(text, options);
    if (!csv.ok()) continue;
    constexpr std::size_t kManyWindows = 10'000;  // what follows is slow, and more of the same
    if (csv->table.times.size() > kManyWindows) continue;
    for (const auto& series : csv->table.series) {
      SW_CHECK(series.values.size() == csv->table.times.size());
    }
    const auto answers = methods::run_method("ears", {{"baseline", "2"}}, csv->table);
    SW_CHECK(answers.ok());
    for (const auto& row : csv->rows) {
      SW_CHECK(!services::answer_line(*csv, row, *answers, 0).empty());
    }
  }
  return 0;
}
