// The generated parser as the oracle for decode(): on every input both refuse, or both find the
// same. Used by the unit test and by the fuzzer.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "observe/decode.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::observe {

// Collects what differs, as `field: ours, theirs`.
class Difference {
 public:
  void text(std::string_view field, std::string_view ours, std::string_view theirs) {
    if (ours != theirs) found_ += fmt::format("{}: '{}', '{}'\n", field, ours, theirs);
  }
  void number(std::string_view field, std::int64_t ours, std::int64_t theirs) {
    if (ours != theirs) found_ += fmt::format("{}: {}, {}\n", field, ours, theirs);
  }
  void party(const PartyView& ours, const v1::Party& theirs) {
    text("party_id", ours.party_id, theirs.party_id());
    text("country", ours.country, theirs.country());
    text("parent_country", ours.parent_country, theirs.parent_country());
    number("address_type", ours.address_type, theirs.address_type());
  }
  void time(const Document& ours, bool present, const google::protobuf::Timestamp& theirs) {
    number("has_time", ours.has_time, present);
    number("seconds", ours.seconds, theirs.seconds());
    number("nanos", ours.nanos, theirs.nanos());
  }

  std::string found() && { return std::move(found_); }

 private:
  std::string found_;
};

inline void compare(const Document& ours, const v1::Invoice& theirs, Difference* difference) {
  difference->text("id", ours.id, theirs.invoice_id());
  difference->text("order_id", ours.order_id, theirs.order_id());
  difference->text("original", ours.original_invoice_id, theirs.original_invoice_id());
  difference->number("revision", ours.revision, theirs.revision());
  difference->number("type", ours.type, theirs.type());
  difference->time(ours, theirs.has_issue_time(), theirs.issue_time());
  difference->party(ours.party(Role::kSeller), theirs.seller());
  difference->party(ours.party(Role::kBillTo), theirs.bill_to());
  difference->party(ours.party(Role::kShipTo), theirs.ship_to());
  difference->party(ours.party(Role::kEndUser), theirs.end_user());
  difference->party(ours.party(Role::kPayer), theirs.payer());
  difference->number("lines", static_cast<std::int64_t>(ours.lines.size()), theirs.lines_size());
  for (int i = 0; i < theirs.lines_size() && i < static_cast<int>(ours.lines.size()); ++i) {
    const LineView& our_line = ours.lines[static_cast<std::size_t>(i)];
    const v1::InvoiceLine& line = theirs.lines(i);
    difference->text("sku", our_line.sku, line.sku());
    difference->number("quantity", our_line.quantity, line.quantity());
    difference->number("line_number", our_line.line_number, line.line_number());
    difference->text("eccn", our_line.eccn, line.eccn());
    difference->text("license_id", our_line.license_id, line.license_id());
    difference->number("has_unit_price", our_line.has_unit_price, line.has_unit_price());
    difference->text("currency", our_line.unit_price.currency_code,
                     line.unit_price().currency_code());
    difference->number("units", our_line.unit_price.units, line.unit_price().units());
    difference->number("price nanos", our_line.unit_price.nanos, line.unit_price().nanos());
  }
}

inline void compare(const Document& ours, const v1::Shipment& theirs, Difference* difference) {
  difference->text("id", ours.id, theirs.shipment_id());
  difference->text("order_id", ours.order_id, theirs.order_id());
  difference->number("revision", ours.revision, theirs.revision());
  difference->number("type", ours.type, theirs.type());
  difference->time(ours, theirs.has_despatch_time(), theirs.despatch_time());
  difference->party(ours.party(Role::kShipFrom), theirs.ship_from());
  difference->party(ours.party(Role::kShipTo), theirs.ship_to());
  difference->party(ours.party(Role::kIntermediateConsignee), theirs.intermediate_consignee());
  difference->party(ours.party(Role::kEndUser), theirs.end_user());
  difference->party(ours.party(Role::kFreightForwarder), theirs.freight_forwarder());
  difference->number("lines", static_cast<std::int64_t>(ours.lines.size()), theirs.lines_size());
  std::size_t next = 0;  // of the serial numbers
  for (int i = 0; i < theirs.lines_size() && i < static_cast<int>(ours.lines.size()); ++i) {
    const LineView& our_line = ours.lines[static_cast<std::size_t>(i)];
    const v1::ShipmentLine& line = theirs.lines(i);
    difference->text("sku", our_line.sku, line.sku());
    difference->number("quantity", our_line.quantity, line.quantity());
    difference->number("line_number", our_line.line_number, line.line_number());
    difference->text("license_id", our_line.license_id, line.license_id());
    for (const std::string& text : line.serial_numbers()) {
      const SerialView none;
      const SerialView& serial = next < ours.serials.size() ? ours.serials[next] : none;
      difference->text("serial number", serial.text, text);
      difference->number("its line", serial.line, i);
      ++next;
    }
  }
  difference->number("serial numbers", static_cast<std::int64_t>(ours.serials.size()),
                     static_cast<std::int64_t>(next));
}

template <typename Message>
std::string decode_difference(Topic topic, std::string_view bytes, bool* decodable) {
  Document ours;
  Message theirs;
  const bool we_can = decode(topic, bytes, &ours);
  const bool they_can = theirs.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  *decodable = they_can;
  if (we_can != they_can) return fmt::format("decodes: {}, {}", we_can, they_can);
  Difference difference;
  if (they_can) compare(ours, theirs, &difference);
  return std::move(difference).found();
}

// Empty if both agree.
inline std::string decode_difference(Topic topic, std::string_view bytes, bool* decodable) {
  return topic == Topic::kInvoices ? decode_difference<v1::Invoice>(topic, bytes, decodable)
                                   : decode_difference<v1::Shipment>(topic, bytes, decodable);
}

}  // namespace surgewatch::observe
