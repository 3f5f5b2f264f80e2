#include "aggregate/footprint.h"

#include <algorithm>
#include <string>

#include "aggregate/documents.h"
#include "aggregate/grouping.h"
#include "aggregate/source.h"
#include "base/at_most.h"
#include "observe/observer.h"
#include "orders/pair.h"
#include "surgewatch/v1/journal.pb.h"
#include "window/window.h"

namespace surgewatch::aggregate {
namespace {

constexpr std::string_view kPaneLever =
    "lower limits.keys_per_series, event_time.allowed_lateness or event_time.out_of_orderness, or "
    "give the series longer panes";
// Of a document of one line.
constexpr std::uint64_t kDocumentBytes = 60;
// Of an order of an invoice and a shipment.
constexpr std::uint64_t kOrderBytes = 230;

constexpr std::string_view kKeyLever = "lower limits.keys_per_series or limits.text_bytes";

// Panes that change between two flushes, at the most: of more events nobody can read in that time.
constexpr std::int64_t kChangedPanes = 10'000'000;

// Bytes of one pane of one key as a flush collects it and puts it into a record.
std::size_t collected_bytes(const config::Series& series, const config::Config& config) {
  std::size_t texts = 0;
  for (const config::Dimension dimension : series.group_by) {
    texts += sizeof(std::string) + sizeof(void*) +
             at_most::text(config::text_bytes_of(dimension, config)).value();
  }
  // The vectors of what was collected and looked at grow in powers of two.
  constexpr std::size_t kLooked = 2 * (sizeof(window::PaneSnapshot) + 4 * sizeof(std::uint64_t));
  return kLooked + sizeof(v1::PaneUpdate) + sizeof(v1::Measures) + sizeof(void*) + texts;
}

void add_series(const config::Config& config, const config::Series& series, Saturating sources,
                config::Shares* shares) {
  const window::SeriesSpec spec = series_specs({&series}, config.limits).front();
  const Saturating keys = config::keys_of(series, config.limits.keys_per_series, config);
  const auto most = window::Window::at_most(spec, window_options(config.event_time), keys);
  const std::string of = "series " + series.name;
  const Saturating panes = sources * keys * most.panes_per_key;
  shares->push_back({of, "panes", panes, panes * most.pane, kPaneLever, series.at});
  const Saturating places = sources * most.pane_indexes;
  shares->push_back(
      {of, "times of panes", places, places * most.pane_index, kPaneLever, series.at});

  Saturating key_bytes = most.key;
  for (const config::Dimension dimension : series.group_by) {
    if (!config::is_open(dimension)) continue;
    key_bytes += window::Dictionary::bytes_per_text(config::text_bytes_of(dimension, config));
  }
  const Saturating slots = sources * most.key_count;
  shares->push_back({of, "keys", slots, slots * key_bytes, kKeyLever, series.at});
  const Saturating changed = std::min(panes, sources * kChangedPanes);
  shares->push_back({of, "panes in one flush", changed, changed * collected_bytes(series, config),
                     kPaneLever, series.at});
}

// Texts of tables, and what there is whatever comes.
Saturating empty_bytes(const config::Config& config) {
  const config::Catalogue& catalogue = config.reference->catalogue;
  Saturating texts = config.reference->countries.name_by_iso2.size() + 8;
  for (const auto& [sku, versions] : catalogue.by_sku) texts += 1 + versions.size();
  constexpr std::size_t kLongestName = 128;
  return window::Window::empty_bytes(window_options(config.event_time)) +
         texts * window::Dictionary::bytes_per_text(kLongestName);
}

// Bytes of a pane of findings, with its place and its mark that it has changed.
std::size_t finding_pane_bytes(const config::Series& series, const config::Config& config) {
  std::size_t texts = 0;
  for (const config::Dimension dimension : series.group_by) {
    texts += sizeof(std::string) + at_most::text(config::text_bytes_of(dimension, config)).value();
  }
  constexpr std::size_t kNode = sizeof(WideMeasures) + 8 * sizeof(void*);
  return 2 * texts + kNode;
}

}  // namespace

void add_pairs(const config::Config& config, Saturating pairs, config::Shares* shares) {
  if (!orders::Pair::is_needed(config)) return;
  const Saturating kept = pairs * config.limits.order_memory;
  shares->push_back(
      {"orders", "open orders", kept / kOrderBytes, kept, "lower limits.order_memory", {}});
  for (const config::Series& series : config.series) {
    if (series.event != Topic::kOrders) continue;
    const config::EventTimeBounds& bounds = config.event_time;
    const Saturating span = 2 * Saturating(bounds.correction_horizon) + bounds.allowed_lateness;
    const Saturating keys = config::keys_of(series, config.limits.keys_per_series, config);
    const Saturating panes =
        pairs * keys * (span / static_cast<std::uint64_t>(series.pane_length) + 2);
    shares->push_back({"series " + series.name, "panes of findings", panes,
                       panes * finding_pane_bytes(series, config),
                       "lower limits.keys_per_series or event_time.correction_horizon", series.at});
  }
}

void add_sources(const config::Config& config, Topic topic, Saturating sources,
                 config::Shares* shares) {
  std::size_t series_count = 0;
  for (const config::Series& series : config.series) {
    if (series.event != topic) continue;
    add_series(config, series, sources, shares);
    ++series_count;
  }
  const std::string of = "topic " + std::string(topic_name(topic));
  const Saturating remembered = sources * config.limits.document_memory;
  shares->push_back({of,
                     "documents",
                     remembered / kDocumentBytes,
                     remembered,
                     "lower limits.document_memory",
                     {}});
  // A line takes two bytes at the least, one that counts seven; those that are decoded ahead wait
  // with all of theirs.
  const auto grown = [](Saturating count, std::size_t element) {
    return at_most::exact_vector(count.to_power_of_two(), element);
  };
  const Saturating lines = Saturating(config.limits.record_bytes) / 2;
  const Saturating counted = Saturating(config.limits.record_bytes) / 7;
  const Saturating record = grown(lines, sizeof(observe::LineView)) * Source::kRecordsAhead +
                            grown(counted, sizeof(observe::ObservedLine)) * Source::kRecordsAhead +
                            grown(counted * series_count, sizeof(Contribution)) * 2;
  const Saturating ahead = sources * Source::kRecordsAhead;
  shares->push_back(
      {of, "records at hand", ahead, sources * record, "lower limits.record_bytes", {}});
  shares->push_back(
      {of, "sources", sources, sources * empty_bytes(config), "lower aggregator.workers", {}});
}

}  // namespace surgewatch::aggregate
