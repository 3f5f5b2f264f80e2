#include "observe/observer.h"

#include <fmt/format.h>

#include <bit>
#include <utility>

#include "base/printable.h"
#include "observe/decode.h"
#include "observe/money.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::observe {
namespace {

// Longest piece of a producer's text that a message repeats.
constexpr std::size_t kMaxQuoted = 64;

template <typename... Args>
[[gnu::cold]] bool reject(Rejection* rejection, v1::RejectReason reason,
                          fmt::format_string<Args...> format, Args&&... args) {
  rejection->reason = reason;
  rejection->detail = fmt::format(format, std::forward<Args>(args)...);
  return false;
}

std::string quoted(std::string_view text) { return printable(text, kMaxQuoted); }

constexpr std::string_view id_field(Topic topic) {
  return topic == Topic::kInvoices ? "invoice_id" : "shipment_id";
}
constexpr std::string_view time_field(Topic topic) {
  return topic == Topic::kInvoices ? "issue_time" : "despatch_time";
}
constexpr Role required_role(Topic topic) {
  return topic == Topic::kInvoices ? Role::kBillTo : Role::kShipTo;
}

// Record timestamps are the producer's to choose: any 64 bits.
bool is_ahead(Micros time, Micros record_timestamp, Micros bound) {
  Micros ahead = 0;
  if (__builtin_sub_overflow(time, record_timestamp, &ahead)) return record_timestamp < 0;
  return ahead > bound;
}

std::string describe(Micros time) {
  const bool is_date = kMinTime <= time && time <= kMaxTime;
  return is_date ? format_time(time) : fmt::format("{} us", time);
}

// The two enums have the same numbers for the same things.
static_assert(static_cast<int>(v1::INVOICE_TYPE_UNSPECIFIED) == v1::SHIPMENT_TYPE_UNSPECIFIED &&
              static_cast<int>(v1::INVOICE_TYPE_INVOICE) == v1::SHIPMENT_TYPE_DESPATCH &&
              static_cast<int>(v1::INVOICE_TYPE_CREDIT_NOTE) == v1::SHIPMENT_TYPE_RETURN &&
              static_cast<int>(v1::INVOICE_TYPE_CANCELLATION) == v1::SHIPMENT_TYPE_CANCELLATION);

std::optional<Effect> effect_of(std::int32_t type) {
  switch (type) {
    case v1::INVOICE_TYPE_UNSPECIFIED:
    case v1::INVOICE_TYPE_INVOICE:
      return Effect::kAdd;
    case v1::INVOICE_TYPE_CREDIT_NOTE:
      return Effect::kSubtract;
    case v1::INVOICE_TYPE_CANCELLATION:
      return Effect::kCancel;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool Observer::observe(std::string_view payload, std::optional<Micros> record_timestamp,
                       Observation* observation, Rejection* rejection) const {
  if (payload.size() > limits_.record_bytes) {
    return reject(rejection, v1::REJECT_REASON_TOO_LARGE, "record of {} bytes, the limit is {}",
                  payload.size(), limits_.record_bytes);
  }
  const auto message = unframe(payload);
  if (!message) {
    return reject(rejection, v1::REJECT_REASON_UNDECODABLE,
                  "starts as the Confluent wire format does, but the message's path is broken");
  }
  if (!decode(topic_, *message, &observation->document)) {
    return reject(rejection, v1::REJECT_REASON_UNDECODABLE, "not a protobuf {}",
                  topic_ == Topic::kInvoices ? "Invoice" : "Shipment");
  }
  if (!check_head(observation, rejection) || !check_countries(observation, rejection) ||
      !check_lines(observation, rejection)) {
    return false;
  }
  if (record_timestamp && is_ahead(observation->time, *record_timestamp, limits_.future_bound)) {
    return reject(rejection, v1::REJECT_REASON_FUTURE_TIME,
                  "{} {} is more than {} after the record's timestamp {}", time_field(topic_),
                  format_time(observation->time), format_duration(limits_.future_bound),
                  describe(*record_timestamp));
  }
  return true;
}

bool Observer::reject_text(std::string_view text, std::string_view field,
                           Rejection* rejection) const {
  return reject(rejection, v1::REJECT_REASON_TOO_LARGE, "{} has {} bytes, the limit is {}", field,
                text.size(), limits_.text_bytes);
}

bool Observer::check_head(Observation* observation, Rejection* rejection) const {
  const Document& document = observation->document;
  const auto effect = effect_of(document.type);
  if (!effect) {
    return reject(rejection, v1::REJECT_REASON_UNKNOWN_TYPE, "type is {}", document.type);
  }
  observation->effect = *effect;
  if (document.id.empty()) {
    return reject(rejection, v1::REJECT_REASON_MISSING_ID, "{} is empty", id_field(topic_));
  }
  if (is_too_long(document.id)) return reject_text(document.id, id_field(topic_), rejection);
  if (!document.has_time) {
    return reject(rejection, v1::REJECT_REASON_MISSING_TIME, "{} is absent", time_field(topic_));
  }
  const auto time = event_time(document.seconds, document.nanos);
  if (!time) {
    return reject(rejection, v1::REJECT_REASON_INVALID_TIME,
                  "{} is {} seconds and {} nanos, outside 0101-01-01 to 9899-12-31",
                  time_field(topic_), document.seconds, document.nanos);
  }
  observation->time = *time;
  if (document.order_id.empty()) {
    return reject(rejection, v1::REJECT_REASON_MISSING_ORDER_ID, "order_id is empty");
  }
  if (is_too_long(document.order_id)) return reject_text(document.order_id, "order_id", rejection);
  return true;
}

bool Observer::check_countries(Observation* observation, Rejection* rejection) const {
  const Document& document = observation->document;
  const Role required = required_role(topic_);
  if (observation->effect != Effect::kCancel && document.party(required).country.empty()) {
    return reject(rejection, v1::REJECT_REASON_MISSING_COUNTRY, "{}.country is empty",
                  kRoleNames[static_cast<std::size_t>(required)]);
  }
  observation->countries = {};
  for (unsigned left = document.parties_used; left != 0; left &= left - 1) {
    const auto role = static_cast<std::size_t>(std::countr_zero(left));
    const PartyView& party = document.parties[role];
    if (is_too_long(party.party_id)) {
      const std::string field = fmt::format("{}.party_id", kRoleNames[role]);
      return reject_text(party.party_id, field, rejection);
    }
    if (!party.country.empty()) {
      observation->countries[role] = index_->country(party.country);
      if (observation->countries[role] == kNoCountry) {
        return reject(rejection, v1::REJECT_REASON_UNKNOWN_COUNTRY, "{}.country is '{}'",
                      kRoleNames[role], quoted(party.country));
      }
    }
    if (!party.parent_country.empty() && index_->country(party.parent_country) == kNoCountry) {
      return reject(rejection, v1::REJECT_REASON_UNKNOWN_COUNTRY, "{}.parent_country is '{}'",
                    kRoleNames[role], quoted(party.parent_country));
    }
  }
  return true;
}

bool Observer::check_lines(Observation* observation, Rejection* rejection) const {
  const Document& document = observation->document;
  if (observation->lines.size() != document.lines.size()) {
    observation->lines.resize(document.lines.size());
    if (observation->lines.capacity() > kLinesKept) observation->lines.shrink_to_fit();
  }
  observation->unknown_sku_lines = 0;
  if (document.lines.empty() && observation->effect != Effect::kCancel) {
    return reject(rejection, v1::REJECT_REASON_NO_LINES, "there are no lines");
  }
  // A document's lines may meet in one pane, so their sum has to fit as well.
  MeasureValues& total = observation->total;
  total = {};
  for (std::size_t i = 0; i < document.lines.size(); ++i) {
    ObservedLine& value = observation->lines[i];
    if (!value_line(document.lines[i], i, observation->time, &value, rejection)) return false;
    if (value.product == kUnknownProduct) ++observation->unknown_sku_lines;
    if (i == 0) {
      total = value.values;
    } else if (!total.add(value.values)) {
      return reject(rejection, v1::REJECT_REASON_OUT_OF_RANGE,
                    "the sum up to lines[{}] exceeds 64 bits", i);
    }
  }
  return true;
}

bool Observer::value_line(const LineView& line, std::size_t number, Micros time,
                          ObservedLine* value, Rejection* rejection) const {
  if (line.sku.empty()) {
    return reject(rejection, v1::REJECT_REASON_MISSING_SKU, "lines[{}].sku is empty", number);
  }
  if (is_too_long(line.sku)) {
    return reject_text(line.sku, fmt::format("lines[{}].sku", number), rejection);
  }
  if (line.quantity <= 0) {
    return reject(rejection, v1::REJECT_REASON_INVALID_QUANTITY, "lines[{}].quantity is {}", number,
                  line.quantity);
  }
  std::optional<std::int64_t> revenue = 0;
  if (line.has_unit_price) {
    const MoneyView& price = line.unit_price;
    if (!is_valid_money(price.units, price.nanos) || price.units < 0 || price.nanos < 0) {
      return reject(rejection, v1::REJECT_REASON_INVALID_MONEY,
                    "lines[{}].unit_price is {} units and {} nanos; both must be 0 or above, nanos "
                    "below 1,000,000,000",
                    number, price.units, price.nanos);
    }
    const auto rate = index_->usd_per_unit_e9(price.currency_code, time);
    if (!rate) {
      return reject(rejection, v1::REJECT_REASON_UNKNOWN_CURRENCY,
                    "lines[{}].unit_price.currency_code is '{}', which has no rate on {}", number,
                    quoted(price.currency_code), format_date(time));
    }
    revenue = usd_micros(line.quantity, price.units, price.nanos, *rate);
  }
  value->product = index_->product_number(line.sku, time);
  const Product& product = index_->product(value->product);
  std::int64_t chips = 0;
  std::int64_t tpp = 0;
  if (!revenue || __builtin_mul_overflow(line.quantity, product.chips_per_unit, &chips) ||
      __builtin_mul_overflow(chips, product.tpp_per_chip, &tpp)) {
    return reject(rejection, v1::REJECT_REASON_OUT_OF_RANGE,
                  "lines[{}]: quantity {} gives an amount or a count that exceeds 64 bits", number,
                  line.quantity);
  }
  value->values[Measure::kDocuments] = 0;
  value->values[Measure::kUnits] = line.quantity;
  value->values[Measure::kChips] = chips;
  value->values[Measure::kRevenueUsd] = *revenue;
  value->values[Measure::kTpp] = tpp;
  return true;
}

}  // namespace surgewatch::observe
