// From a record's bytes to what it counts for: decode, validate, enrich. Or the reason why not.
//
// Checks come in a fixed order, so that a record with several faults always gets the same reason:
// record too large; undecodable; unknown type; missing id, id too large; missing time; invalid
// time; missing order id, order id too large; missing country; party by party, in the order of
// Role: party id too large, unknown country, unknown country of the parent; no lines; line by line:
// missing sku, sku too large, invalid quantity, invalid money, unknown currency, out of range;
// future time. A cancellation needs neither lines nor a country, but those that it has are checked
// alike.
//
// Threads: an Observer belongs to one thread.
// Units: see MeasureValues; every line's value is exact, its amount rounded half to even once.
// Cost: no allocation for a valid event, once the vectors of lines have grown.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/measures.h"
#include "base/source.h"
#include "base/time.h"
#include "observe/document.h"
#include "observe/reference_index.h"

namespace surgewatch::v1 {
enum RejectReason : int;
}

namespace surgewatch::observe {

enum class Effect : std::uint8_t { kAdd, kSubtract, kCancel };

struct ObservedLine {
  ProductNumber product = kUnknownProduct;
  // Never negative, documents 0: the effect gives the sign. The sum over the lines fits too.
  MeasureValues values;
};

struct Observation {
  Document document;
  Micros time = 0;
  Effect effect = Effect::kAdd;
  std::array<CountryCode, kRoleCount> countries{};  // kNoCountry where none is given
  std::vector<ObservedLine> lines;                  // beside document.lines
  MeasureValues total;                              // of the lines
  std::size_t unknown_sku_lines = 0;
};

struct Rejection {
  v1::RejectReason reason{};
  std::string detail;  // for a person: what is wrong, where in the event
};

class Observer {
 public:
  struct Limits {
    std::size_t record_bytes = 1'000'000;
    // Of a document's id, its order's, a SKU, a party's id: what keys and documents are known by.
    std::size_t text_bytes = 256;
    Micros future_bound = kMicrosPerDay;
  };

  // `index` must outlive the observer.
  Observer(Topic topic, const ReferenceIndex* index, Limits limits)
      : topic_(topic), index_(index), limits_(limits) {}

  // True: `observation` holds the event, with views into `payload`. False: `rejection` says why.
  bool observe(std::string_view payload, std::optional<Micros> record_timestamp,
               Observation* observation, Rejection* rejection) const;

 private:
  bool is_too_long(std::string_view text) const { return text.size() > limits_.text_bytes; }
  [[gnu::cold, gnu::noinline]] bool reject_text(std::string_view text, std::string_view field,
                                                Rejection* rejection) const;
  bool check_head(Observation* observation, Rejection* rejection) const;
  bool check_countries(Observation* observation, Rejection* rejection) const;
  bool check_lines(Observation* observation, Rejection* rejection) const;
  bool value_line(const LineView& line, std::size_t number, Micros time, ObservedLine* value,
                  Rejection* rejection) const;

  Topic topic_;
  const ReferenceIndex* index_;
  Limits limits_;
};

}  // namespace surgewatch::observe
