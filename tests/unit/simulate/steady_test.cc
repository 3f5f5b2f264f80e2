#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "unit/simulate/events.h"

namespace surgewatch::simulate {
namespace {

constexpr Micros kStart = 1'704'067'200 * kMicrosPerSecond;  // 2024-01-01T00:00:00Z

bool is_rejectable(const v1::Event& event) {
  const auto bad_lines = [](const auto& document) {
    return document.lines().empty() ||
           std::any_of(document.lines().begin(), document.lines().end(),
                       [](const auto& line) { return line.quantity() <= 0 || line.sku().empty(); });
  };
  if (event.has_invoice()) {
    const v1::Invoice& invoice = event.invoice();
    return bad_lines(invoice) || invoice.order_id().empty() ||
           invoice.bill_to().country() == "QX" ||
           invoice.lines(0).unit_price().currency_code() != "USD";
  }
  const v1::Shipment& shipment = event.shipment();
  return bad_lines(shipment) || shipment.shipment_id().empty() ||
         shipment.ship_to().country() == "QX" || !shipment.has_despatch_time();
}

TEST(Steady, OneEventIsEnough) {
  const auto scenario = must_make("steady", 1, 1);
  v1::Event event;
  EXPECT_TRUE(scenario->next(&event));
  EXPECT_FALSE(scenario->next(&event));
  EXPECT_EQ(make_scenario("steady", 0, 1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Steady, BringsTheWholeMixInItsProportions) {
  constexpr std::uint64_t kEvents = 200'000;
  const auto scenario = must_make("steady", kEvents, 3);
  std::map<std::string, std::uint64_t> counts;
  std::set<std::string> seen;
  std::set<std::string> ids;
  v1::Event event;
  for (std::uint64_t i = 0; scenario->next(&event); ++i) {
    if (is_rejectable(event)) {
      ++counts["rejectable"];
      continue;
    }
    const std::string id =
        event.has_invoice() ? event.invoice().invoice_id() : event.shipment().shipment_id();
    if (!seen.insert(event.SerializeAsString()).second) {
      ++counts["duplicate"];
    } else if (event.has_invoice()) {
      const v1::Invoice& invoice = event.invoice();
      switch (invoice.type()) {
        case v1::INVOICE_TYPE_CREDIT_NOTE:
          ++counts["credit"];
          EXPECT_TRUE(ids.contains(invoice.original_invoice_id()));
          break;
        case v1::INVOICE_TYPE_CANCELLATION:
          ++counts["cancellation"];
          EXPECT_TRUE(ids.contains(id));
          break;
        default:
          ++counts[invoice.revision() > 1 ? "revision" : "invoice"];
          EXPECT_EQ(invoice.revision() > 1, ids.contains(id));
      }
    } else {
      const v1::Shipment& shipment = event.shipment();
      switch (shipment.type()) {
        case v1::SHIPMENT_TYPE_RETURN:
          ++counts["credit"];
          break;
        case v1::SHIPMENT_TYPE_CANCELLATION:
          ++counts["cancellation"];
          EXPECT_TRUE(ids.contains(id));
          break;
        default:
          ++counts[shipment.revision() > 1 ? "revision" : "shipment"];
          EXPECT_EQ(shipment.revision() > 1, ids.contains(id));
      }
    }
    ids.insert(id);
  }
  const auto near = [&](const char* what, double share) {
    EXPECT_NEAR(static_cast<double>(counts[what]) / static_cast<double>(kEvents), share,
                share * 0.15)
        << what;
  };
  near("duplicate", 0.020);
  near("revision", 0.010);
  near("cancellation", 0.005);
  near("credit", 0.005);
  near("rejectable", 0.002);
  near("invoice", 0.479);
  near("shipment", 0.479);
}

TEST(Steady, ComesAtAThousandAMinuteAndLessThanAnHourOutOfOrder) {
  const auto scenario = must_make("steady", 300'000, 3);
  v1::Event event;
  Micros highest = kStart;
  Micros largest_disorder = 0;
  std::uint64_t behind = 0;
  for (std::uint64_t i = 0; scenario->next(&event); ++i) {
    const bool repeats = is_rejectable(event) || [&] {
      return event.has_invoice() ? event.invoice().revision() > 1 : event.shipment().revision() > 1;
    }();
    if (repeats) continue;
    const Micros now = kStart + static_cast<Micros>(i) * 60'000;
    EXPECT_LE(time_of(event), now);
    highest = std::max(highest, time_of(event));
    largest_disorder = std::max(largest_disorder, highest - time_of(event));
    behind += time_of(event) < highest;
  }
  // A duplicate has its original's time, up to an hour older than the original's place.
  EXPECT_LT(largest_disorder, 2 * 3'600 * kMicrosPerSecond);
  EXPECT_GT(largest_disorder, 3'500 * kMicrosPerSecond);
  EXPECT_GT(behind, 50'000u);
  EXPECT_LT(behind, 80'000u);
}

}  // namespace
}  // namespace surgewatch::simulate
