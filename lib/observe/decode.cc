#include "observe/decode.h"

#include <cstdint>

#include "observe/utf8.h"
#include "observe/wire.h"

namespace surgewatch::observe {
namespace {

constexpr std::uint64_t kMaxPathLength = kMaxNesting;

constexpr std::uint32_t varint(std::uint32_t field) { return wire_tag(field, WireType::kVarint); }
constexpr std::uint32_t length(std::uint32_t field) { return wire_tag(field, WireType::kLength); }

bool read_string(WireCursor& cursor, std::string_view* text) {
  return cursor.read_bytes(text) && is_utf8(*text);
}

bool skip_string(WireCursor& cursor) {
  std::string_view ignored;
  return read_string(cursor, &ignored);
}

// Reads a submessage's fields into what `fields` merges into; `fields(tag, cursor, nesting)`.
template <typename Fields>
bool read_fields(std::string_view message, int nesting, Fields&& fields) {
  WireCursor cursor(message);
  while (!cursor.at_end()) {
    std::uint32_t tag = 0;
    if (!cursor.read_tag(&tag) || !fields(tag, cursor, nesting)) return false;
  }
  return true;
}

template <typename Fields>
bool read_message(WireCursor& cursor, int nesting, Fields&& fields) {
  std::string_view bytes;
  return cursor.read_bytes(&bytes) && read_fields(bytes, nesting + 1, fields);
}

bool read_timestamp(WireCursor& parent, int depth, Document* document) {
  document->has_time = true;
  return read_message(parent, depth, [&](std::uint32_t tag, WireCursor& cursor, int nesting) {
    switch (tag) {
      case varint(1):
        return cursor.read_int64(&document->seconds);
      case varint(2):
        return cursor.read_int32(&document->nanos);
      default:
        return cursor.skip(tag, nesting);
    }
  });
}

bool read_party(WireCursor& parent, int depth, Role role, Document* document) {
  PartyView& party = document->parties[static_cast<std::size_t>(role)];
  return read_message(parent, depth, [&](std::uint32_t tag, WireCursor& cursor, int nesting) {
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
        return cursor.skip(tag, nesting);
    }
  });
}

bool read_money(WireCursor& parent, int depth, LineView* line) {
  line->has_unit_price = true;
  MoneyView& money = line->unit_price;
  return read_message(parent, depth, [&](std::uint32_t tag, WireCursor& cursor, int nesting) {
    switch (tag) {
      case length(1):
        return read_string(cursor, &money.currency_code);
      case varint(2):
        return cursor.read_int64(&money.units);
      case varint(3):
        return cursor.read_int32(&money.nanos);
      default:
        return cursor.skip(tag, nesting);
    }
  });
}

bool read_invoice_line(WireCursor& parent, int depth, Document* document) {
  LineView& line = document->lines.emplace_back();
  return read_message(parent, depth, [&](std::uint32_t tag, WireCursor& cursor, int nesting) {
    switch (tag) {
      case varint(1):
        return cursor.read_int32(&line.line_number);
      case length(2):
        return read_string(cursor, &line.sku);
      case varint(3):
        return cursor.read_int64(&line.quantity);
      case length(4):
        return read_money(cursor, nesting, &line);
      case length(5):
        return read_string(cursor, &line.eccn);
      case length(6):
        return read_string(cursor, &line.license_id);
      default:
        return cursor.skip(tag, nesting);
    }
  });
}

bool read_shipment_line(WireCursor& parent, int depth, Document* document) {
  LineView& line = document->lines.emplace_back();
  return read_message(parent, depth, [&](std::uint32_t tag, WireCursor& cursor, int nesting) {
    switch (tag) {
      case varint(1):
        return cursor.read_int32(&line.line_number);
      case length(2):
        return read_string(cursor, &line.sku);
      case varint(3):
        return cursor.read_int64(&line.quantity);
      case length(4):
        return skip_string(cursor);  // serial_numbers
      case length(5):
        return read_string(cursor, &line.license_id);
      default:
        return cursor.skip(tag, nesting);
    }
  });
}

bool decode_invoice(std::string_view message, Document* d) {
  return read_fields(message, 0, [d](std::uint32_t tag, WireCursor& cursor, int nesting) {
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
        return read_timestamp(cursor, nesting, d);
      case length(6):
        return read_string(cursor, &d->original_invoice_id);
      case length(7):
        return read_party(cursor, nesting, Role::kSeller, d);
      case length(8):
        return read_party(cursor, nesting, Role::kBillTo, d);
      case length(9):
        return read_party(cursor, nesting, Role::kShipTo, d);
      case length(10):
        return read_party(cursor, nesting, Role::kEndUser, d);
      case length(11):
        return read_party(cursor, nesting, Role::kPayer, d);
      case length(12):
        return read_invoice_line(cursor, nesting, d);
      default:
        return cursor.skip(tag, nesting);
    }
  });
}

bool decode_shipment(std::string_view message, Document* d) {
  return read_fields(message, 0, [d](std::uint32_t tag, WireCursor& cursor, int nesting) {
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
        return read_timestamp(cursor, nesting, d);
      case length(7):
        return read_party(cursor, nesting, Role::kShipFrom, d);
      case length(8):
        return read_party(cursor, nesting, Role::kShipTo, d);
      case length(9):
        return read_party(cursor, nesting, Role::kIntermediateConsignee, d);
      case length(10):
        return read_party(cursor, nesting, Role::kEndUser, d);
      case length(11):
        return read_party(cursor, nesting, Role::kFreightForwarder, d);
      case length(12):
        return read_shipment_line(cursor, nesting, d);
      default:
        return cursor.skip(tag, nesting);
    }
  });
}

// How often a zigzag varint counts; nullopt for a negative number.
std::optional<std::uint64_t> natural(std::uint64_t zigzag) {
  if ((zigzag & 1) != 0) return std::nullopt;
  return zigzag >> 1;
}

}  // namespace

void Document::clear() {
  id = order_id = original_invoice_id = {};
  revision = type = nanos = 0;
  seconds = 0;
  has_time = false;
  parties = {};
  lines.clear();
  if (lines.capacity() > kLinesKept) lines.shrink_to_fit();
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

std::optional<Micros> decode_event_time(Topic topic, std::string_view message) {
  const std::uint32_t time_tag = length(topic == Topic::kInvoices ? 5 : 6);
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
  bool present = false;
  const auto timestamp = [&](std::uint32_t tag, WireCursor& cursor, int nesting) {
    if (tag == varint(1)) return cursor.read_int64(&seconds);
    if (tag == varint(2)) return cursor.read_int32(&nanos);
    return cursor.skip(tag, nesting);
  };
  const bool well_formed =
      read_fields(message, 0, [&](std::uint32_t tag, WireCursor& cursor, int nesting) {
        if (tag != time_tag) return cursor.skip(tag, nesting);
        present = true;
        return read_message(cursor, nesting, timestamp);
      });
  if (!well_formed || !present) return std::nullopt;
  return event_time(seconds, nanos);
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
