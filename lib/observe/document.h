// An invoice or a shipment as it was sent: one flat struct of views for both, so that what follows
// has one path.
//
// Invariants: views point into the payload that was decoded and live as long as it does. A Document
// is reused from event to event; once its lines have grown, filling it allocates nothing.
// Semantics: proto3's, to the letter (tests compare with generated code): a field that is absent
// has its default, the last of several scalars wins, several messages of one singular field merge.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace surgewatch::observe {

enum class Role : std::uint8_t {
  kSeller,
  kBillTo,
  kShipTo,
  kEndUser,
  kPayer,
  kShipFrom,
  kIntermediateConsignee,
  kFreightForwarder,
};
inline constexpr std::size_t kRoleCount = 8;
// As the messages' fields are called.
inline constexpr std::array<std::string_view, kRoleCount> kRoleNames{"seller",
                                                                     "bill_to",
                                                                     "ship_to",
                                                                     "end_user",
                                                                     "payer",
                                                                     "ship_from",
                                                                     "intermediate_consignee",
                                                                     "freight_forwarder"};

// `name` is checked to be UTF-8 and not kept: nobody here reads it.
struct PartyView {
  std::string_view party_id;
  std::string_view country;
  std::string_view parent_country;
  std::int32_t address_type = 0;
};

struct MoneyView {
  std::string_view currency_code;
  std::int64_t units = 0;
  std::int32_t nanos = 0;
};

struct LineView {
  std::string_view sku;
  std::int64_t quantity = 0;
  MoneyView unit_price;
  std::string_view eccn;
  std::string_view license_id;
  std::int32_t line_number = 0;
  bool has_unit_price = false;
};

// A serial number that a shipment's line names.
struct SerialView {
  std::string_view text;
  std::uint32_t line = 0;  // index into lines
};

// Once in a while a record of a hundred thousand lines comes by; what it needed need not stay.
inline constexpr std::size_t kLinesKept = 4'096;

struct Document {
  std::string_view id;
  std::string_view order_id;
  std::string_view original_invoice_id;
  std::int32_t revision = 0;
  std::int32_t type = 0;  // v1::InvoiceType or v1::ShipmentType, any number
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
  bool has_time = false;
  std::uint8_t parties_used = 0;  // bit i: role i has been written to; the others are empty
  std::array<PartyView, kRoleCount> parties;
  std::vector<LineView> lines;
  std::vector<SerialView> serials;  // in the order of the lines

  const PartyView& party(Role role) const { return parties[static_cast<std::size_t>(role)]; }

  PartyView& use(Role role) {
    parties_used |= static_cast<std::uint8_t>(1u << static_cast<unsigned>(role));
    return parties[static_cast<std::size_t>(role)];
  }

  void clear();
};

}  // namespace surgewatch::observe
