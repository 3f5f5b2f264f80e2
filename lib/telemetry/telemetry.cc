#include "telemetry/telemetry.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <iterator>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "telemetry/process_metrics.h"

namespace surgewatch::telemetry {
namespace {

constexpr std::string_view kPrefix = "surgewatch_";
constexpr std::size_t kLongestValue = 128;                 // bytes of a label's value
constexpr std::size_t kHashBytes = 17;                     // "~" and 16 hex digits
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Two values that differ stay two: what is changed ends in a hash of the whole.
std::string clean(std::string_view value) {
  std::string kept;
  bool is_whole = value.size() <= kLongestValue;
  for (std::string_view rest = value; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    if (length == 0) is_whole = false;
    const std::string_view next = length == 0 ? kReplacement : rest.substr(0, length);
    if (kept.size() + next.size() > kLongestValue - kHashBytes) break;
    kept += next;
    rest.remove_prefix(length == 0 ? 1 : length);
  }
  if (is_whole) return std::string(value);
  return kept + fmt::format("~{:016x}", XXH3_64bits(value.data(), value.size()));
}

// A label without a value is none, to Prometheus.
Labels clean(const Labels& labels) {
  Labels result;
  for (const auto& [name, value] : labels) {
    if (!value.empty()) result[name] = clean(value);
  }
  return result;
}

// One metric's family with what was handed out.
template <typename Metric>
struct Family {
  prometheus::Family<Metric>* family = nullptr;
  std::string help;
  std::map<Labels, Metric*> handles;
};

}  // namespace

struct Telemetry::Impl {
  explicit Impl(std::int64_t limit) : label_sets_per_metric(limit) {
    dropped_label_sets =
        &prometheus::BuildCounter()
             .Name(fmt::format("{}label_sets_dropped_total", kPrefix))
             .Help("Look-ups of a label set beyond the limit, answered by that of `other`.")
             .Register(registry);
  }

  // With the mutex held. `build()` starts a family, `make(family, labels)` adds a metric to it.
  template <typename Metric, typename Build, typename Make>
  Metric& handle(std::map<std::string, Family<Metric>>& families, const std::string& name,
                 const std::string& help, const Labels& wanted, Build build, Make make) {
    Family<Metric>& entry = families[name];
    if (entry.family == nullptr) {
      // One name, one type.
      SW_CHECK(counters.count(name) + gauges.count(name) + histograms.count(name) == 1);
      entry.help = help;
      entry.family =
          &build().Name(fmt::format("{}{}", kPrefix, name)).Help(help).Register(registry);
    }
    SW_CHECK(entry.help == help);
    Labels labels = clean(wanted);
    if (const auto found = entry.handles.find(labels); found != entry.handles.end()) {
      return *found->second;
    }
    if (static_cast<std::int64_t>(entry.handles.size()) >= label_sets_per_metric &&
        !labels.empty()) {
      dropped_label_sets->Add({{"metric", fmt::format("{}{}", kPrefix, name)}}).Increment();
      for (auto& [label, value] : labels) value = "other";
      // Beside the limit, one for each set of names. prometheus-cpp gives the same one each time.
      return make(*entry.family, labels);
    }
    Metric& made = make(*entry.family, labels);
    entry.handles.emplace(std::move(labels), &made);
    return made;
  }

  const std::int64_t label_sets_per_metric;
  prometheus::Registry registry;
  ProcessMetrics process;
  prometheus::Family<prometheus::Counter>* dropped_label_sets = nullptr;

  // Not absl::Mutex: ThreadSanitizer can't see through Debian's build of that. Guards all below,
  // and what handle() does.
  mutable std::mutex mutex;
  std::map<std::string, Family<prometheus::Counter>> counters;
  std::map<std::string, Family<prometheus::Gauge>> gauges;
  std::map<std::string, Family<prometheus::Histogram>> histograms;
  std::map<std::string, bool> conditions;
};

Telemetry::Telemetry(const std::string& service, std::int64_t label_sets_per_metric,
                     const Labels& build)
    : impl_(std::make_shared<Impl>(label_sets_per_metric)) {
  Labels labels = build;
  labels["service"] = service;
  labels["version"] = SURGEWATCH_VERSION;
  labels["compiler"] = SURGEWATCH_COMPILER;
  gauge("build_info", "1, with what this program was built from.", labels).Set(1);
}

prometheus::Counter& Telemetry::counter(const std::string& name, const std::string& help,
                                        const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->handle(
      impl_->counters, name, help, labels, prometheus::BuildCounter,
      [](auto& family, const Labels& of) -> prometheus::Counter& { return family.Add(of); });
}

prometheus::Gauge& Telemetry::gauge(const std::string& name, const std::string& help,
                                    const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->handle(
      impl_->gauges, name, help, labels, prometheus::BuildGauge,
      [](auto& family, const Labels& of) -> prometheus::Gauge& { return family.Add(of); });
}

void Telemetry::remove(const std::string& name, prometheus::Gauge& gauge) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->gauges.find(name);
  SW_CHECK(found != impl_->gauges.end());
  std::erase_if(found->second.handles, [&](const auto& entry) { return entry.second == &gauge; });
  found->second.family->Remove(&gauge);
}

prometheus::Histogram& Telemetry::histogram(const std::string& name, const std::string& help,
                                            const Labels& labels,
                                            const std::vector<double>& bounds) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->handle(impl_->histograms, name, help, labels, prometheus::BuildHistogram,
                       [&](auto& family, const Labels& of) -> prometheus::Histogram& {
                         return family.Add(of, bounds);
                       });
}

std::string Telemetry::expose() const {
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  std::vector<prometheus::MetricFamily> process = impl_->process.Collect();
  families.insert(families.end(), std::make_move_iterator(process.begin()),
                  std::make_move_iterator(process.end()));
  return prometheus::TextSerializer().Serialize(families);
}

void Telemetry::set_ready(const std::string& condition, bool holds) {
  const std::lock_guard lock(impl_->mutex);
  impl_->conditions[condition] = holds;
}

void Telemetry::set_incident(const std::string& incident, const Labels& where, bool holds) {
  Labels labels = where;
  std::string place;
  for (const auto& [name, value] : where) place += fmt::format(" {} {}", name, value);
  labels["incident"] = incident;
  gauge("incident", "1 while a fault holds that stays until somebody acts.", labels).Set(holds);
  const std::lock_guard lock(impl_->mutex);
  impl_->conditions[fmt::format("no incident {}{}", incident, place)] = !holds;
}

bool Telemetry::ready(std::string* missing) const {
  const std::lock_guard lock(impl_->mutex);
  std::string failing;
  for (const auto& [condition, holds] : impl_->conditions) {
    if (!holds) failing += fmt::format("{}{}", failing.empty() ? "" : ", ", condition);
  }
  if (missing != nullptr) *missing = failing;
  return failing.empty();
}

}  // namespace surgewatch::telemetry
