// What an order keeps of a document: enough to tell where its goods were billed, declared and sent,
// in some fifty bytes.
//
// Threads: any; a Document is a view of packed bytes and lives as long as they do.
// Units: times in microseconds; quantities in units of the SKU, above zero: `subtracts` gives the
// sign.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/source.h"
#include "base/time.h"
#include "observe/observer.h"

namespace surgewatch::orders {

using observe::CountryCode;
using observe::kNoCountry;
using observe::ProductNumber;

// What a document has of one SKU, with a licence or without.
struct Line {
  ProductNumber product = observe::kUnknownProduct;
  std::string_view sku;  // as the document writes it
  std::int64_t quantity = 0;
  bool is_licensed = false;  // the document's line names a licence
};

// A serial number that a shipment names, by its hash: enough to tell it from the others of its
// order.
struct Serial {
  std::uint64_t hash = 0;
  std::uint32_t line = 0;  // index into the document's lines
};
// Of a document, and of an order, at most. Where there are more, those with the smallest hashes are
// kept (a bottom-k sample: Cohen, Kaplan, "Summarizing data using bottom-k sketches", 2007).
// Whoever compares documents looks at no hash beyond what all of them have kept, so that what is
// found is so, and what is missed is a matter of which serial numbers they are and of nothing else.
inline constexpr std::size_t kMaxSerials = 2'048;

struct Document {
  std::string_view id;
  Topic topic = Topic::kInvoices;
  bool subtracts = false;  // a credit note, a return
  Micros time = 0;
  Micros latest_time = 0;  // of all revisions that were applied to it
  // kNoCountry where none is given; the code of `ZZ` where it says that it does not say.
  CountryCode bill_to = kNoCountry, ship_to = kNoCountry, end_user = kNoCountry, payer = kNoCountry;
  CountryCode ship_to_parent = kNoCountry, end_user_parent = kNoCountry;
  // Of a shipment whose revisions have named several destinations: the first.
  CountryCode former_ship_to = kNoCountry;
  std::string_view bill_to_party, ship_to_party;
  std::string_view credits;  // the invoice that a credit note names
  std::vector<Line> lines;   // one for each SKU and licence or none
  // Where somebody compares them: each once, by hash.
  std::vector<Serial> serials;
  // All that it names with hashes up to this are among them; of the others none.
  std::uint64_t serials_known_to = UINT64_MAX;

  bool is_invoice() const { return topic == Topic::kInvoices; }
};

// What the event, which counts, is to its order. Views point where the event's do. Serial numbers
// are taken if somebody compares them.
enum class Serials : bool { kIgnored, kCompared };
void describe(const observe::Observation& event, Topic topic, const observe::ReferenceIndex& index,
              Serials serials, Document* document);
// What the newer revision of a document keeps of the one that it replaces.
void succeed(const Document& former, Document* document);

// Appends the document's bytes.
void pack(const Document& document, std::string* bytes);
// Reads what pack() has written of one document. `document` is reused.
void unpack(std::string_view bytes, const observe::ReferenceIndex& index, Document* document);
// Single facts of it.
std::string_view unpack_id(std::string_view bytes);
Topic unpack_topic(std::string_view bytes);
Micros unpack_time(std::string_view bytes);
Micros unpack_latest_time(std::string_view bytes);
// How many serial numbers it has, and the bytes that they take.
std::size_t unpack_serial_count(std::string_view bytes);
std::size_t serial_bytes(std::size_t count);

// Numbers and texts as they are packed, also in front of a document: each with its end known.
inline constexpr std::size_t kMaxVarint = 10;
// Returns the end; there is room for kMaxVarint.
inline char* write_varint(std::uint64_t value, char* to) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}
// What was packed is read: nothing can be cut short.
inline std::uint64_t read_varint(std::string_view* in) {
  const char* at = in->data();
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(*at++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  in->remove_prefix(static_cast<std::size_t>(at - in->data()));
  return value;
}
inline std::string_view read_text(std::string_view* in) {
  const auto size = static_cast<std::size_t>(read_varint(in));
  const std::string_view text = in->substr(0, size);
  in->remove_prefix(size);
  return text;
}

// Whether the code stands for a country that is stated.
bool is_stated(CountryCode code);

}  // namespace surgewatch::orders
