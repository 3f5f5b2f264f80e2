#include "observe/decode.h"

#include <array>
#include <bit>
#include <cstdint>

#include "base/utf8.h"
#include "observe/wire.h"

namespace surgewatch::observe {
namespace {

constexpr std::uint64_t kMaxPathLength = kMaxNesting;

constexpr std::uint32_t varint(std::uint32_t field) { return wire_tag(field, WireType::kVarint); }
constexpr std::uint32_t length(std::uint32_t field) { return wire_tag(field, WireType::kLength); }

[[gnu::always_inline]] inline bool read_string(WireCursor& cursor, std::string_view* text) {
  return cursor.read_bytes(text) && is_utf8(*text);
}

bool skip_string(WireCursor& cursor) {
  std::string_view ignored;
  return read_string(cursor, &ignored);
}

// Of the last line.
bool read_serial(WireCursor& cursor, Document* document) {
  SerialView& serial = document->serials.emplace_back();
  serial.line = static_cast<std::uint32_t>(document->lines.size() - 1);
  return read_string(cursor, &serial.text);
}

// Tags of one byte as serializers write them: by the fields' numbers.
template <std::uint32_t... kTags>
struct InOrder {
  static_assert(((kTags < 0x80) && ...));
};

// Reads the fields of one message into what `field` merges into; `field(tag, cursor)` reads one.
// Each tag in order is tried once and has code of its own, so that no jump depends on data. What
// comes otherwise (repeated, out of order, unknown) finds the loop.
template <std::uint32_t... kTags, typename Field>
[[gnu::always_inline]] inline bool read_fields(InOrder<kTags...>, WireCursor cursor,
                                               Field&& field) {
  if (!((!cursor.take_tag(kTags) || field(kTags, cursor)) && ...)) return false;
  while (!cursor.at_end()) {
    std::uint32_t tag = 0;
    if (!cursor.read_tag(&tag) || !field(tag, cursor)) return false;
  }
  return true;
}

// Messages and groups around the fields of: the document, its parts, their parts.
constexpr int kInDocument = 0, kInPart = 1, kInPartOfPart = 2;

using TimestampTags = InOrder<varint(1), varint(2)>;
bool read_timestamp(WireCursor message, Document* document) {
  document->has_time = true;
  return read_fields(TimestampTags(), message, [document](std::uint32_t tag, WireCursor& cursor) {
    switch (tag) {
      case varint(1):
        return cursor.read_int64(&document->seconds);
      case varint(2):
        return cursor.read_int32(&document->nanos);
      default:
        return cursor.skip(tag, kInPart);
    }
  });
}

using PartyTags = InOrder<length(1), length(2), length(3), length(4), varint(5)>;
bool read_party(WireCursor message, Role role, Document* document) {
  PartyView& party = document->use(role);
  return read_fields(PartyTags(), message, [&party](std::uint32_t tag, WireCursor& cursor) {
    switch (tag) {
      case length(1):
        return read_string(cursor, &party.party_id);
      case length(2):
        return skip_string(cursor);  // name
      case length(3):
        return read_string(cursor, &party.country);
      case length(4):
        return read_string(cursor, &party.parent_country);
      case varint(5):
        return cursor.read_int32(&party.address_type);
      default:
        return cursor.skip(tag, kInPart);
    }
  });
}

using MoneyTags = InOrder<length(1), varint(2), varint(3)>;
bool read_money(WireCursor message, LineView* line) {
  line->has_unit_price = true;
  MoneyView& money = line->unit_price;
  return read_fields(MoneyTags(), message, [&money](std::uint32_t tag, WireCursor& cursor) {
    switch (tag) {
      case length(1):
        return read_string(cursor, &money.currency_code);
      case varint(2):
        return cursor.read_int64(&money.units);
      case varint(3):
        return cursor.read_int32(&money.nanos);
      default:
        return cursor.skip(tag, kInPartOfPart);
    }
  });
}

template <typename Read, typename... Into>
[[gnu::always_inline]] inline bool read_message(WireCursor& parent, Read&& read, Into&&... into) {
  WireCursor message{std::string_view()};
  return parent.read_message(&message) && read(message, into...);
}

using InvoiceLineTags = InOrder<varint(1), length(2), varint(3), length(4), length(5), length(6)>;
bool read_invoice_line(WireCursor message, Document* document) {
  LineView& line = document->lines.emplace_back();
  return read_fields(InvoiceLineTags(), message, [&line](std::uint32_t tag, WireCursor& cursor) {
    switch (tag) {
      case varint(1):
        return cursor.read_int32(&line.line_number);
      case length(2):
        return read_string(cursor, &line.sku);
      case varint(3):
        return cursor.read_int64(&line.quantity);
      case length(4):
        return read_message(cursor, read_money, &line);
      case length(5):
        return read_string(cursor, &line.eccn);
      case length(6):
        return read_string(cursor, &line.license_id);
      default:
        return cursor.skip(tag, kInPart);
    }
  });
}

using ShipmentLineTags = InOrder<varint(1), length(2), varint(3), length(4), length(5)>;
bool read_shipment_line(WireCursor message, Document* document) {
  LineView& line = document->lines.emplace_back();
  const auto field = [&line, document](std::uint32_t tag, WireCursor& cursor) {
    switch (tag) {
      case varint(1):
        return cursor.read_int32(&line.line_number);
      case length(2):
        return read_string(cursor, &line.sku);
      case varint(3):
        return cursor.read_int64(&line.quantity);
      case length(4):
        return read_serial(cursor, document);
      case length(5):
        return read_string(cursor, &line.license_id);
      default:
        return cursor.skip(tag, kInPart);
    }
  };
  return read_fields(ShipmentLineTags(), message, field);
}

// Both messages have their five parties in fields 7 to 11.
using PartyFields = std::array<Role, 5>;
constexpr PartyFields kInvoiceRoles{Role::kSeller, Role::kBillTo, Role::kShipTo, Role::kEndUser,
                                    Role::kPayer};
constexpr PartyFields kShipmentRoles{Role::kShipFrom, Role::kShipTo, Role::kIntermediateConsignee,
                                     Role::kEndUser, Role::kFreightForwarder};
constexpr Role role_of(const PartyFields& roles, std::uint32_t tag) {
  return roles[(tag >> 3) - 7];
}

// Up to the parties, whose code is large enough to stand once, in the loop.
using DocumentTags = InOrder<length(1), varint(2), varint(3), length(4), length(5), length(6)>;

// Flattened, as is the next: nearly all that it calls becomes one function, whose cursors are
// registers. What is marked always_inline GCC would leave out.
[[gnu::flatten]] bool decode_invoice(std::string_view message, Document* d) {
  const auto field = [d](std::uint32_t tag, WireCursor& cursor) {
    switch (tag) {
      case length(1):
        return read_string(cursor, &d->id);
      case varint(2):
        return cursor.read_int32(&d->revision);
      case varint(3):
        return cursor.read_int32(&d->type);
      case length(4):
        return read_string(cursor, &d->order_id);
      case length(5):
        return read_message(cursor, read_timestamp, d);
      case length(6):
        return read_string(cursor, &d->original_invoice_id);
      case length(7):
      case length(8):
      case length(9):
      case length(10):
      case length(11):
        return read_message(cursor, read_party, role_of(kInvoiceRoles, tag), d);
      case length(12):
        return read_message(cursor, read_invoice_line, d);
      default:
        return cursor.skip(tag, kInDocument);
    }
  };
  return read_fields(DocumentTags(), WireCursor(message), field);
}

[[gnu::flatten]] bool decode_shipment(std::string_view message, Document* d) {
  const auto field = [d](std::uint32_t tag, WireCursor& cursor) {
    switch (tag) {
      case length(1):
        return read_string(cursor, &d->id);
      case varint(2):
        return cursor.read_int32(&d->revision);
      case varint(3):
        return cursor.read_int32(&d->type);
      case length(4):
        return read_string(cursor, &d->order_id);
      case length(5):
        return skip_string(cursor);  // invoice_ids
      case length(6):
        return read_message(cursor, read_timestamp, d);
      case length(7):
      case length(8):
      case length(9):
      case length(10):
      case length(11):
        return read_message(cursor, read_party, role_of(kShipmentRoles, tag), d);
      case length(12):
        return read_message(cursor, read_shipment_line, d);
      default:
        return cursor.skip(tag, kInDocument);
    }
  };
  return read_fields(DocumentTags(), WireCursor(message), field);
}

// How often a zigzag varint counts; nullopt for a negative number.
std::optional<std::uint64_t> natural(std::uint64_t zigzag) {
  if ((zigzag & 1) != 0) return std::nullopt;
  return zigzag >> 1;
}

}  // namespace

void Document::clear() {
  // One by one: a chain of assignments reads what it has just stored, in other widths, and waits.
  id = {};
  order_id = {};
  original_invoice_id = {};
  revision = type = nanos = 0;
  seconds = 0;
  has_time = false;
  for (; parties_used != 0; parties_used &= static_cast<std::uint8_t>(parties_used - 1)) {
    parties[static_cast<std::size_t>(std::countr_zero(parties_used))] = {};
  }
  lines.clear();
  if (lines.capacity() > kLinesKept) lines.shrink_to_fit();
  serials.clear();
  if (serials.capacity() > kLinesKept) serials.shrink_to_fit();
}

std::optional<std::string_view> unframe(std::string_view payload) {
  if (payload.empty() || payload.front() != '\0') return payload;
  constexpr std::size_t kMagicAndSchemaId = 5;
  if (payload.size() <= kMagicAndSchemaId) return std::nullopt;
  WireCursor cursor(payload.substr(kMagicAndSchemaId));
  std::uint64_t raw = 0;
  if (!cursor.read_varint(&raw)) return std::nullopt;
  const auto count = natural(raw);
  if (!count || *count > kMaxPathLength) return std::nullopt;
  for (std::uint64_t i = 0; i < *count; ++i) {
    if (!cursor.read_varint(&raw) || !natural(raw)) return std::nullopt;
  }
  return cursor.rest();
}

bool decode(Topic topic, std::string_view message, Document* document) {
  document->clear();
  return topic == Topic::kInvoices ? decode_invoice(message, document)
                                   : decode_shipment(message, document);
}

std::optional<Micros> event_time(std::int64_t seconds, std::int32_t nanos) {
  constexpr std::int64_t kMinSeconds = kMinEventTime / kMicrosPerSecond;
  constexpr std::int64_t kMaxSeconds = kMaxEventTime / kMicrosPerSecond;
  if (seconds < kMinSeconds || seconds > kMaxSeconds || nanos < 0 || nanos > 999'999'999) {
    return std::nullopt;
  }
  return seconds * kMicrosPerSecond + nanos / 1'000;
}

}  // namespace surgewatch::observe
