#include "orders/document.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace surgewatch::orders {
namespace {

constexpr std::uint8_t kIsShipment = 1, kSubtracts = 2, kHasParties = 4, kHasCredits = 8,
                       kIsLater = 16, kHasSerials = 32;

constexpr std::array kCountries{&Document::bill_to,        &Document::ship_to,
                                &Document::end_user,       &Document::payer,
                                &Document::ship_to_parent, &Document::end_user_parent,
                                &Document::former_ship_to};

constexpr CountryCode kNotStated = ('Z' - 'A') * 26 + ('Z' - 'A') + 1;

char* write_byte(unsigned value, char* to) {
  *to = static_cast<char>(value);
  return to + 1;
}
char* write_text(std::string_view text, char* to) {
  to = write_varint(text.size(), to);
  return to + text.copy(to, text.size());
}
// A number as it is in memory: a time, a hash, a country.
template <typename Number>
char* write_fixed(Number number, char* to) {
  std::memcpy(to, &number, sizeof number);
  return to + sizeof number;
}
template <typename Number>
Number read_fixed(std::string_view* in) {
  Number number = 0;
  std::memcpy(&number, in->data(), sizeof number);
  in->remove_prefix(sizeof number);
  return number;
}
Micros read_time(std::string_view* in) { return read_fixed<Micros>(in); }

std::size_t at_most(std::string_view text) { return kMaxVarint + text.size(); }

// What pack() writes, at the most.
std::size_t packed_at_most(const Document& document) {
  std::size_t most = 2 + 2 * sizeof(Micros) + kCountries.size() * sizeof(CountryCode) +
                     2 * kMaxVarint + at_most(document.id) + at_most(document.bill_to_party) +
                     at_most(document.ship_to_party) + at_most(document.credits) +
                     serial_bytes(document.serials.size() + 1);
  for (const Line& line : document.lines) most += 2 * kMaxVarint + at_most(line.sku);
  return most;
}

// What a document's lines are told apart and sorted by.
std::pair<std::string_view, bool> place(const Line& line) { return {line.sku, line.is_licensed}; }

// The lines of an event, one for each SKU and licence or none. Their sum is known to fit 64 bits.
void gather_lines(const observe::Observation& event, std::vector<Line>* lines) {
  lines->clear();
  for (std::size_t i = 0; i < event.lines.size(); ++i) {
    const observe::LineView& line = event.document.lines[i];
    lines->push_back({.product = event.lines[i].product,
                      .sku = line.sku,
                      .quantity = line.quantity,
                      .is_licensed = !line.license_id.empty()});
  }
  if (lines->size() < 2) return;
  std::sort(lines->begin(), lines->end(),
            [&](const Line& a, const Line& b) { return place(a) < place(b); });
  std::size_t last = 0;
  for (std::size_t i = 1; i < lines->size(); ++i) {
    if (place((*lines)[i]) == place((*lines)[last])) {
      (*lines)[last].quantity += (*lines)[i].quantity;
    } else {
      (*lines)[++last] = (*lines)[i];
    }
  }
  lines->resize(last + 1);
}

// Behind gather_lines(), of the same event.
void gather_serials(const observe::Observation& event, Document* document) {
  std::vector<Serial>& serials = document->serials;
  for (const observe::SerialView& serial : event.document.serials) {
    if (serial.text.empty()) continue;
    const observe::LineView& of = event.document.lines[serial.line];
    const auto line = std::partition_point(
        document->lines.begin(), document->lines.end(),
        [&](const Line& one) { return place(one) < std::pair(of.sku, !of.license_id.empty()); });
    serials.push_back({.hash = XXH3_64bits(serial.text.data(), serial.text.size()),
                       .line = static_cast<std::uint32_t>(line - document->lines.begin())});
  }
  std::sort(serials.begin(), serials.end(), [](const Serial& a, const Serial& b) {
    return std::pair(a.hash, a.line) < std::pair(b.hash, b.line);
  });
  const auto is_same = [](const Serial& a, const Serial& b) { return a.hash == b.hash; };
  serials.erase(std::unique(serials.begin(), serials.end(), is_same), serials.end());
  if (serials.size() <= kMaxSerials) return;
  serials.resize(kMaxSerials);
  document->serials_known_to = serials.back().hash;
}

bool has_serials(const Document& document) {
  return !document.serials.empty() || document.serials_known_to != UINT64_MAX;
}

}  // namespace

bool is_stated(CountryCode code) { return code != kNoCountry && code != kNotStated; }

void describe(const observe::Observation& event, Topic topic, const observe::ReferenceIndex& index,
              Serials serials, Document* document) {
  using observe::Role;
  const observe::Document& given = event.document;
  const auto country = [&](Role role) { return event.countries[static_cast<std::size_t>(role)]; };
  const auto parent = [&](Role role) { return index.country(given.party(role).parent_country); };
  document->id = given.id;
  document->topic = topic;
  document->subtracts = event.effect == observe::Effect::kSubtract;
  document->time = document->latest_time = event.time;
  document->bill_to = country(Role::kBillTo);
  document->ship_to = country(Role::kShipTo);
  document->end_user = country(Role::kEndUser);
  document->payer = country(Role::kPayer);
  document->ship_to_parent = parent(Role::kShipTo);
  document->end_user_parent = parent(Role::kEndUser);
  document->former_ship_to = kNoCountry;
  document->bill_to_party = given.party(Role::kBillTo).party_id;
  document->ship_to_party = given.party(Role::kShipTo).party_id;
  document->credits = given.original_invoice_id;
  gather_lines(event, &document->lines);
  document->serials.clear();
  document->serials_known_to = UINT64_MAX;
  if (serials == Serials::kCompared) gather_serials(event, document);
}

void succeed(const Document& former, Document* document) {
  document->latest_time = std::max(document->latest_time, former.latest_time);
  document->former_ship_to = former.former_ship_to;
  if (document->former_ship_to == kNoCountry && former.ship_to != document->ship_to) {
    document->former_ship_to = former.ship_to;
  }
}

void pack(const Document& document, std::string* bytes) {
  const bool has_parties = !document.bill_to_party.empty() || !document.ship_to_party.empty();
  const bool is_later = document.latest_time != document.time;
  const std::size_t before = bytes->size();
  bytes->resize(before + packed_at_most(document));
  char* to = write_text(document.id, bytes->data() + before);
  to = write_byte((document.is_invoice() ? 0u : kIsShipment) |
                      (document.subtracts ? kSubtracts : 0u) | (has_parties ? kHasParties : 0u) |
                      (document.credits.empty() ? 0u : kHasCredits) | (is_later ? kIsLater : 0u) |
                      (has_serials(document) ? kHasSerials : 0u),
                  to);
  to = write_fixed(document.time, to);
  if (is_later) to = write_fixed(document.latest_time, to);
  if (has_serials(document)) {
    to = write_fixed(static_cast<std::uint32_t>(document.serials.size()), to);
    to = write_fixed(document.serials_known_to, to);
  }
  char* const there = to++;
  *there = 0;
  for (std::size_t i = 0; i < kCountries.size(); ++i) {
    const CountryCode code = document.*kCountries[i];
    if (code == kNoCountry) continue;
    *there = static_cast<char>(*there | 1 << i);
    to = write_fixed(code, to);
  }
  if (has_parties) to = write_text(document.ship_to_party, write_text(document.bill_to_party, to));
  if (!document.credits.empty()) to = write_text(document.credits, to);
  to = write_varint(document.lines.size(), to);
  for (const Line& line : document.lines) {
    to = write_varint(std::uint64_t{line.product} << 1 | (line.is_licensed ? 1 : 0), to);
    if (line.product == observe::kUnknownProduct) to = write_text(line.sku, to);
    to = write_varint(static_cast<std::uint64_t>(line.quantity), to);
  }
  for (const Serial& serial : document.serials) {
    to = write_fixed(serial.line, write_fixed(serial.hash, to));
  }
  bytes->resize(static_cast<std::size_t>(to - bytes->data()));
}

void unpack(std::string_view bytes, const observe::ReferenceIndex& index, Document* document) {
  document->id = read_text(&bytes);
  const auto flags = static_cast<std::uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  document->topic = (flags & kIsShipment) != 0 ? Topic::kShipments : Topic::kInvoices;
  document->subtracts = (flags & kSubtracts) != 0;
  document->time = document->latest_time = read_time(&bytes);
  if ((flags & kIsLater) != 0) document->latest_time = read_time(&bytes);
  document->serials.clear();
  document->serials_known_to = UINT64_MAX;
  if ((flags & kHasSerials) != 0) {
    document->serials.resize(read_fixed<std::uint32_t>(&bytes));
    document->serials_known_to = read_fixed<std::uint64_t>(&bytes);
  }
  const auto there = static_cast<std::uint8_t>(bytes.front());
  bytes.remove_prefix(1);
  for (std::size_t i = 0; i < kCountries.size(); ++i) {
    document->*kCountries[i] = kNoCountry;
    if ((there >> i & 1) == 0) continue;
    document->*kCountries[i] = read_fixed<CountryCode>(&bytes);
  }
  document->bill_to_party = document->ship_to_party = document->credits = {};
  if ((flags & kHasParties) != 0) {
    document->bill_to_party = read_text(&bytes);
    document->ship_to_party = read_text(&bytes);
  }
  if ((flags & kHasCredits) != 0) document->credits = read_text(&bytes);
  document->lines.resize(static_cast<std::size_t>(read_varint(&bytes)));
  for (Line& line : document->lines) {
    const std::uint64_t product = read_varint(&bytes);
    line.product = static_cast<ProductNumber>(product >> 1);
    line.is_licensed = (product & 1) != 0;
    line.sku = line.product == observe::kUnknownProduct ? read_text(&bytes)
                                                        : index.product(line.product).sku;
    line.quantity = static_cast<std::int64_t>(read_varint(&bytes));
  }
  for (Serial& serial : document->serials) {
    serial.hash = read_fixed<std::uint64_t>(&bytes);
    serial.line = read_fixed<std::uint32_t>(&bytes);
  }
}

std::string_view unpack_id(std::string_view bytes) { return read_text(&bytes); }

Topic unpack_topic(std::string_view bytes) {
  read_text(&bytes);
  return (static_cast<std::uint8_t>(bytes.front()) & kIsShipment) != 0 ? Topic::kShipments
                                                                       : Topic::kInvoices;
}

Micros unpack_time(std::string_view bytes) {
  read_text(&bytes);
  bytes.remove_prefix(1);
  return read_time(&bytes);
}

Micros unpack_latest_time(std::string_view bytes) {
  read_text(&bytes);
  const bool is_later = (static_cast<std::uint8_t>(bytes.front()) & kIsLater) != 0;
  bytes.remove_prefix(1);
  const Micros time = read_time(&bytes);
  return is_later ? read_time(&bytes) : time;
}

std::size_t unpack_serial_count(std::string_view bytes) {
  read_text(&bytes);
  const auto flags = static_cast<std::uint8_t>(bytes.front());
  if ((flags & kHasSerials) == 0) return 0;
  bytes.remove_prefix(1 + ((flags & kIsLater) != 0 ? 2 : 1) * sizeof(Micros));
  return read_fixed<std::uint32_t>(&bytes);
}

std::size_t serial_bytes(std::size_t count) {
  constexpr std::size_t kHead = sizeof(std::uint32_t) + sizeof(std::uint64_t);
  return count == 0 ? 0 : kHead + count * (sizeof(std::uint64_t) + sizeof(std::uint32_t));
}

}  // namespace surgewatch::orders
