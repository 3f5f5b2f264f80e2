// The sequential reference: what a source must say, written the simple way and apart from the
// product. It keeps every document whole, every pane in a map, and recomputes from the messages.
//
// Shares with the product only the proto, the types of lib/base and the structs of the
// configuration. Tables are looked up here by its own loops.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "aggregate/source.h"
#include "base/measures.h"
#include "base/time.h"
#include "config/config.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::property {

// series name, values of the key, pane
using PaneKey = std::tuple<std::string, std::vector<std::string>, PaneIndex>;
using Panes = std::map<PaneKey, MeasureValues>;

// An invoice or a shipment in the terms of both.
struct Event {
  std::string id;
  int revision = 0;
  int type = 0;  // 1 counts, 2 subtracts, 3 cancels
  Micros time = 0;
  std::map<config::Dimension, std::string> parties;
  struct Line {
    std::string sku;
    std::int64_t quantity = 0;
    bool has_price = false;
    std::string currency;
    std::int64_t units = 0;
    std::int64_t nanos = 0;
  };
  std::vector<Line> lines;
};

inline Micros micros_of(const google::protobuf::Timestamp& time) {
  return time.seconds() * kMicrosPerSecond + time.nanos() / 1'000;
}

inline void put_party(const v1::Party& party, config::Dimension country, config::Dimension id,
                      Event* event) {
  event->parties[country] = party.country().empty() ? "ZZ" : party.country();
  event->parties[id] = party.party_id();
}

inline Event event_of(const v1::Invoice& invoice) {
  using config::Dimension;
  Event event;
  event.id = invoice.invoice_id();
  event.revision = invoice.revision();
  event.type = invoice.type() == 0 ? 1 : invoice.type();
  event.time = micros_of(invoice.issue_time());
  put_party(invoice.seller(), Dimension::kSeller, Dimension::kSellerId, &event);
  put_party(invoice.bill_to(), Dimension::kBillTo, Dimension::kBillToId, &event);
  put_party(invoice.ship_to(), Dimension::kShipTo, Dimension::kShipToId, &event);
  put_party(invoice.end_user(), Dimension::kEndUser, Dimension::kEndUserId, &event);
  put_party(invoice.payer(), Dimension::kPayer, Dimension::kPayerId, &event);
  for (const v1::InvoiceLine& line : invoice.lines()) {
    event.lines.push_back({line.sku(), line.quantity(), line.has_unit_price(),
                           line.unit_price().currency_code(), line.unit_price().units(),
                           line.unit_price().nanos()});
  }
  return event;
}

inline Event event_of(const v1::Shipment& shipment) {
  using config::Dimension;
  Event event;
  event.id = shipment.shipment_id();
  event.revision = shipment.revision();
  event.type = shipment.type() == 0 ? 1 : shipment.type();
  event.time = micros_of(shipment.despatch_time());
  put_party(shipment.ship_to(), Dimension::kShipTo, Dimension::kShipToId, &event);
  put_party(shipment.end_user(), Dimension::kEndUser, Dimension::kEndUserId, &event);
  put_party(shipment.ship_from(), Dimension::kShipFrom, Dimension::kShipFromId, &event);
  put_party(shipment.intermediate_consignee(), Dimension::kIntermediateConsignee,
            Dimension::kIntermediateConsigneeId, &event);
  put_party(shipment.freight_forwarder(), Dimension::kFreightForwarder,
            Dimension::kFreightForwarderId, &event);
  for (const v1::ShipmentLine& line : shipment.lines()) {
    event.lines.push_back({line.sku(), line.quantity(), false, "", 0, 0});
  }
  return event;
}

// One source. Only for valid events: which those are is told by examples in the unit tests.
class Reference {
 public:
  Reference(Topic topic, const config::Config& config) : topic_(topic), config_(config) {}

  aggregate::Disposition process(const Event& event) {
    const auto disposition = take_in(event);
    ++dispositions[static_cast<std::size_t>(disposition)];
    return disposition;
  }

  // Panes that are not zero.
  Panes panes() const {
    Panes nonzero;
    for (const auto& [key, values] : panes_) {
      if (!values.is_zero()) nonzero[key] = values;
    }
    return nonzero;
  }

  // The revenue of the largest document of each pane that has one.
  std::map<PaneKey, std::int64_t> largest_revenues() const {
    std::map<PaneKey, std::int64_t> result;
    for (const auto& [id, document] : documents_) {
      for (const auto& [key, values] : document.contribution) {
        const std::int64_t amount = values[Measure::kRevenueUsd];
        if (amount > 0) result[key] = std::max(result[key], amount);
      }
    }
    for (const auto& [key, amount] : forgotten_) result[key] = std::max(result[key], amount);
    return result;
  }

  // Events that are outliers now.
  std::size_t held_back() const {
    if (!watermark) return 0;
    return static_cast<std::size_t>(
        std::distance(times_.upper_bound(*watermark + ahead()), times_.end()));
  }

  std::optional<Micros> watermark;
  std::array<std::uint64_t, 5> dispositions{};
  std::uint64_t corrections = 0, unverifiable = 0, unknown_sku_lines = 0, over_key_limit = 0;
  std::uint64_t keys_left = 0;

 private:
  struct Document {
    std::set<std::pair<int, bool>> seen;  // revision, is a cancellation
    int newest = 0;
    bool is_cancelled = false;
    Micros latest_time = 0;
    Panes contribution;
  };

  aggregate::Disposition take_in(const Event& event) {
    using aggregate::Disposition;
    const config::EventTimeBounds& bounds = config_.event_time;
    if (watermark && event.time < *watermark - bounds.allowed_lateness) return Disposition::kLate;
    bool may_have_forgotten = false;
    if (watermark) {
      const Micros border = *watermark - bounds.correction_horizon;
      may_have_forgotten = earliest_ && *earliest_ < border;
      for (auto it = documents_.begin(); it != documents_.end();) {
        const bool is_forgotten = it->second.latest_time < border;
        if (is_forgotten) forget(it->second);
        it = is_forgotten ? documents_.erase(it) : std::next(it);
      }
    }
    times_.insert(event.time);
    if (static_cast<int>(times_.size()) > bounds.outliers) {
      raise_watermark(*std::next(times_.rbegin(), bounds.outliers) - bounds.out_of_orderness);
    }

    const bool cancels = event.type == 3;
    const bool known = documents_.count(event.id) > 0;
    if (!known && (cancels || event.revision > 1) && may_have_forgotten) ++unverifiable;
    Document& document = documents_[event.id];
    if (!document.seen.insert({event.revision, cancels}).second) return Disposition::kDuplicate;
    if (document.is_cancelled) return Disposition::kSuperseded;
    if (known && !cancels && event.revision < document.newest) return Disposition::kSuperseded;

    corrections += known ? 1 : 0;
    for (const auto& [key, values] : document.contribution) panes_[key].add(values.negated());
    document.contribution.clear();
    document.latest_time = known ? std::max(document.latest_time, event.time) : event.time;
    earliest_ = std::min(earliest_.value_or(event.time), event.time);
    if (cancels) {
      document.is_cancelled = true;
    } else {
      document.newest = event.revision;
      document.contribution = contribution(event);
      for (const auto& [key, values] : document.contribution) panes_[key].add(values);
      if (!watermark || document.latest_time - ahead() > *watermark) {
        for (const auto& [pane, values] : document.contribution) {
          const auto& [series, key, index] = pane;
          held_.insert({document.latest_time, series, key});
        }
      }
    }
    return Disposition::kCounted;
  }

  // Nothing takes it out any more.
  void forget(const Document& document) {
    for (const auto& [key, values] : document.contribution) {
      const std::int64_t amount = values[Measure::kRevenueUsd];
      if (amount > 0) forgotten_[key] = std::max(forgotten_[key], amount);
    }
  }

  // Further ahead of the watermark than this, an event is one of the outliers.
  Micros ahead() const {
    const config::EventTimeBounds& bounds = config_.event_time;
    return bounds.out_of_orderness + (bounds.outliers > 0 ? 3'600 * kMicrosPerSecond : 0);
  }

  void raise_watermark(Micros to) {
    if (watermark && to <= *watermark) return;
    for (const config::Series& series : config_.series) {
      Keys& keys = keys_[series.name];
      const config::EventTimeBounds& bounds = config_.event_time;
      const Micros kept = ahead() + std::max(bounds.correction_horizon,
                                             bounds.allowed_lateness + series.pane_length);
      if (!watermark) {
        keys.span_begin = to;
        continue;
      }
      for (auto it = keys.used_in.begin(); it != keys.used_in.end();) {
        const auto last = keys.last_of_span.find(it->second);
        const bool leaves = last != keys.last_of_span.end() && *watermark > last->second + kept;
        keys_left += leaves ? 1 : 0;
        it = leaves ? keys.used_in.erase(it) : std::next(it);
      }
      if (to >= keys.span_begin + std::max<Micros>(1, kept / 16)) {
        keys.last_of_span[keys.span++] = *watermark;
        keys.span_begin = to;
        // What an outlier has used is used until the watermark has come to it.
        for (const auto& [time, name, key] : held_) {
          const auto used = keys.used_in.find(key);
          if (name == series.name && used != keys.used_in.end()) used->second = keys.span;
        }
      }
    }
    watermark = to;
    while (!held_.empty() && std::get<0>(*held_.begin()) - ahead() <= to) {
      held_.erase(held_.begin());
    }
  }

  const config::CatalogueEntry* entry(const std::string& sku, Micros time) const {
    const config::CatalogueEntry* best = nullptr;
    for (const auto& [name, versions] : config_.reference->catalogue.by_sku) {
      if (name != sku) continue;
      for (const config::CatalogueEntry& version : versions) {
        if (version.effective_from <= time) best = &version;
      }
    }
    return best;
  }

  std::int64_t rate(const std::string& currency, Micros time) const {
    if (currency == "USD") return 1'000'000'000;
    std::int64_t best = 0;
    for (const auto& [name, rates] : config_.reference->fx.by_currency) {
      if (name != currency) continue;
      for (const auto& one : rates) {
        if (one.effective_from <= time) best = one.usd_per_unit_e9;
      }
    }
    return best;
  }

  // Long division by hand, in tenths of a millionth, to be apart from the product's way.
  std::int64_t amount(const Event::Line& line, Micros time) const {
    if (!line.has_price) return 0;
    __extension__ using Wide = __int128;
    const Wide e18 =
        (Wide{line.units} * 1'000'000'000 + line.nanos) * line.quantity * rate(line.currency, time);
    Wide micros = e18 / 1'000'000'000'000;
    const Wide twice = 2 * (e18 - micros * 1'000'000'000'000);
    if (twice > 1'000'000'000'000 || (twice == 1'000'000'000'000 && micros % 2 == 1)) micros += 1;
    return static_cast<std::int64_t>(micros);
  }

  static bool admits(const config::Condition& condition, const std::string& value) {
    bool in = condition.in.empty();
    for (const std::string& one : condition.in) in = in || one == value;
    for (const std::string& one : condition.not_in) in = in && one != value;
    return in;
  }

  Panes contribution(const Event& event) {
    using config::Dimension;
    Panes result;
    for (const config::Series& series : config_.series) {
      if (series.event != topic_) continue;
      bool went_under_other = false;
      for (const Event::Line& line : event.lines) {
        const config::CatalogueEntry* product = entry(line.sku, event.time);
        std::map<Dimension, std::string> values = event.parties;
        values[Dimension::kSku] = line.sku;
        values[Dimension::kFamily] = product != nullptr ? product->family : "unknown";
        values[Dimension::kControlClass] = product != nullptr ? product->control_class : "unknown";
        bool admitted = true;
        for (const config::Condition& condition : series.where) {
          admitted = admitted && admits(condition, values[condition.field]);
        }
        if (!admitted) continue;
        std::vector<std::string> key;
        for (const Dimension dimension : series.group_by) key.push_back(values[dimension]);
        Keys& keys = keys_[series.name];
        const std::vector<std::string> other(key.size(), "other");
        if (key != other) {
          if (keys.used_in.count(key) > 0 ||
              static_cast<std::int64_t>(keys.used_in.size()) < config_.limits.keys_per_series) {
            keys.used_in[key] = keys.span;
          } else {
            key = other;
            went_under_other = true;
          }
        }
        const std::int64_t chips_per_unit = product != nullptr ? product->chips_per_unit : 1;
        const std::int64_t tpp = product != nullptr ? product->tpp.value_or(0) : 0;
        MeasureValues& pane = result[{series.name, key, pane_of(event.time, series.pane_length)}];
        pane[Measure::kDocuments] = 1;
        pane[Measure::kUnits] += line.quantity;
        pane[Measure::kChips] += line.quantity * chips_per_unit;
        pane[Measure::kRevenueUsd] += amount(line, event.time);
        pane[Measure::kTpp] += line.quantity * chips_per_unit * tpp;
      }
      over_key_limit += went_under_other ? 1 : 0;
    }
    for (const Event::Line& line : event.lines) {
      unknown_sku_lines += entry(line.sku, event.time) == nullptr ? 1 : 0;
    }
    if (event.type == 2) {
      for (auto& [key, values] : result) values = values.negated();
    }
    return result;
  }

  const Topic topic_;
  const config::Config& config_;
  std::map<std::string, Document> documents_;
  Panes panes_;
  std::map<PaneKey, std::int64_t> forgotten_;  // the largest of documents that were forgotten
  // Keys that are there, with the span of the watermark in which each was used last.
  struct Keys {
    std::map<std::vector<std::string>, int> used_in;
    std::map<int, Micros> last_of_span;  // the last watermark of each span that is over
    int span = 0;
    Micros span_begin = 0;
  };
  std::map<std::string, Keys> keys_;
  std::multiset<Micros> times_;  // of all that moves the watermark
  std::set<std::tuple<Micros, std::string, std::vector<std::string>>> held_;
  std::optional<Micros> earliest_;
};

}  // namespace surgewatch::property
