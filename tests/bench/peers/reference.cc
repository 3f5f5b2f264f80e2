// The right answer, by nothing but maps over the generated invoices: every window is summed anew
// from its minutes. Shares no code with the systems that are compared.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <utility>

#include "invoices.h"
#include "rows.h"

namespace surgewatch::peers {
namespace {

using Key = std::pair<std::string_view, std::string_view>;
using Minute = std::map<Key, Sums>;

bool write(const std::map<PaneIndex, Minute>& minutes, Job job, RowWriter* rows) {
  for (PaneIndex first = minutes.begin()->first - job.minutes + 1; first <= minutes.rbegin()->first;
       ++first) {
    Minute window;
    for (auto it = minutes.lower_bound(first);
         it != minutes.end() && it->first < first + job.minutes; ++it) {
      for (const auto& [key, sums] : it->second) window[key] += sums;
    }
    for (const auto& [key, sums] : window) rows->write(first, key.first, key.second, sums);
  }
  return rows->close();
}

}  // namespace
}  // namespace surgewatch::peers

int main(int argc, char** argv) {
  using namespace surgewatch::peers;
  std::uint64_t events = 0;
  std::uint64_t seed = 1;
  std::string directory;
  CLI::App app("Writes every job's right answer to DIRECTORY/JOB.rows.", "peers_reference");
  app.add_option("--events", events)->required()->check(CLI::PositiveNumber);
  app.add_option("--seed", seed);
  app.add_option("--directory", directory)->required();
  CLI11_PARSE(app, argc, argv);

  const Invoices invoices(seed, events);
  std::map<surgewatch::PaneIndex, Minute> minutes;
  for (std::uint64_t i = 0; i < events; ++i) {
    const Sale sale = invoices.sale(i);
    minutes[sale.time / kMinute][{sale.country, sale.sku}] +=
        Sums{1, sale.quantity, sale.amount_micros()};
  }
  for (const Job& job : kJobs) {
    RowWriter rows(fmt::format("{}/{}.rows", directory, job.name));
    if (!rows.is_open() || !write(minutes, job, &rows)) {
      fmt::print(stderr, "peers_reference: can't write to {}\n", directory);
      return 1;
    }
  }
  return 0;
}
