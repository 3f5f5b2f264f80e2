// What an order says that somebody should know: goods sent elsewhere than declared, controlled
// parts without a licence, more billed than shipped. A finding is a function of the order's
// documents as they stand, and of how far time has come; the order in which they came does not
// matter.
//
// Threads: any. Units: as Document's; chips are units times the catalogue's chips_per_unit.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/time.h"
#include "orders/document.h"

namespace surgewatch::orders {

// Ids of documents that a finding names, at most.
inline constexpr std::size_t kMaxDocumentsNamed = 16;

// What kind of mismatch; kNone of other types.
enum class Kind : std::uint8_t { kNone, kNotShipped, kNotBilled };
std::string_view kind_name(Kind kind);

// What a rule tells its findings in one order apart by. kNoCountry: there is none.
struct FindingKey {
  CountryCode bill_to = kNoCountry;
  CountryCode declared = kNoCountry;
  CountryCode destination = kNoCountry;
  std::string_view sku;
  Kind kind = Kind::kNone;

  friend auto operator<=>(const FindingKey&, const FindingKey&) = default;
};

// What a finding adds to the pane of a time. Signed: what comes back subtracts.
struct Part {
  Micros time = 0;
  ProductNumber product = observe::kUnknownProduct;
  std::string_view bill_to_party, ship_to_party;
  std::int64_t units = 0, chips = 0;

  friend auto operator<=>(const Part&, const Part&) = default;
};

struct Finding {
  std::size_t rule = 0;  // index into Config::rules
  FindingKey key;
  Micros first_time = 0;  // of its parts
  std::int64_t units = 0, chips = 0;
  std::vector<Part> parts;  // by time
  // Ids of the order's documents as they stand, in byte order, at most kMaxDocumentsNamed.
  std::vector<std::string_view> documents;

  friend bool operator==(const Finding&, const Finding&) = default;
};

// The documents of an order, so close in time that they may belong together, and what all types ask
// of them.
struct OrderView {
  std::span<const Document> documents;  // by time, topic and id
  const observe::ReferenceIndex* index = nullptr;
  Micros watermark = 0;  // no document before it will come

  // Of the invoice or credit note whose id comes first in byte order; none without one.
  CountryCode bill_to = kNoCountry;
  std::string_view bill_to_party;
  // Where its invoices declare the goods to go, in order.
  absl::InlinedVector<CountryCode, 4> declared;
  // Where the shipment goes whose id comes first in byte order, and to whom; none without one.
  CountryCode first_destination = kNoCountry;
  std::string_view first_consignee;

  CountryCode first_declared() const { return declared.empty() ? kNoCountry : declared.front(); }
};

// What finders say of an order.
class Findings {
 public:
  void clear() {
    all_.clear();
    due_ = INT64_MAX;
    is_inconclusive_ = false;
  }
  void add(Finding finding) { all_.push_back(std::move(finding)); }
  // What is not there yet counts from this time on.
  void wait_until(Micros due) { due_ = std::min(due_, due); }
  void mark_inconclusive() { is_inconclusive_ = true; }

  std::vector<Finding>& all() { return all_; }
  const std::vector<Finding>& all() const { return all_; }
  Micros due() const { return due_; }
  bool is_inconclusive() const { return is_inconclusive_; }

 private:
  std::vector<Finding> all_;
  Micros due_ = INT64_MAX;
  bool is_inconclusive_ = false;
};

}  // namespace surgewatch::orders
