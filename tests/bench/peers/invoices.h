// The invoices that every system of this benchmark reads: number i is a function of the seed, i and
// how many there are. One line each, about 133 bytes as a record's value, spread evenly over four
// hours of event time from 2026-01-01, out of order by less than kDisorder, so that with a bound of
// kDisorder none is late for anyone.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::peers {

inline constexpr Micros kStart = 20'454 * kMicrosPerDay;  // 2026-01-01
inline constexpr Micros kSpan = 4 * 3'600 * kMicrosPerSecond;
inline constexpr Micros kDisorder = 10 * kMicrosPerSecond;  // exclusive
inline constexpr Micros kMinute = 60 * kMicrosPerSecond;
inline constexpr std::string_view kTopic = "invoices";
inline constexpr std::int32_t kPartitions = 4;

// What of an invoice the jobs look at.
struct Sale {
  Micros time = 0;
  std::string_view country;
  std::string_view sku;
  std::int64_t quantity = 0;
  std::int64_t unit_price_cents = 0;

  std::int64_t amount_micros() const { return quantity * unit_price_cents * 10'000; }
};

class Invoices {
 public:
  Invoices(std::uint64_t seed, std::uint64_t count) : seed_(seed), count_(count) {}

  std::uint64_t count() const { return count_; }
  Sale sale(std::uint64_t i) const;
  void fill(std::uint64_t i, v1::Invoice* invoice) const;

 private:
  std::uint64_t seed_;
  std::uint64_t count_;
};

}  // namespace surgewatch::peers
