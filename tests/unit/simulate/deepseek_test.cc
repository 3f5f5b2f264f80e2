#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/sanitized.h"
#include "unit/simulate/events.h"

namespace surgewatch::simulate {
namespace {

using testing::HasSubstr;

constexpr Micros kFirstDay = 1'675'036'800 * kMicrosPerSecond;  // 2023-01-30T00:00:00Z
constexpr int kQuarterDays = 91;
constexpr int kStoryDays = 728;
constexpr std::uint64_t kFewest = 11'192;

int day_of(Micros time) { return static_cast<int>((time - kFirstDay) / kMicrosPerDay); }
Micros parse(const char* date) { return parse_date(date).value(); }

// The table's millions of dollars by region and quarter (0 to 7), read from the file here once
// more.
std::map<std::string, std::vector<std::int64_t>> reported_millions() {
  std::ifstream file(SURGEWATCH_SOURCE_DIR "/data/trade/nvidia_revenue_by_billing_region.csv");
  std::map<std::string, std::vector<std::int64_t>> result;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::stringstream fields(line);
    std::string skipped, region, millions;
    for (int i = 0; i < 3; ++i) std::getline(fields, skipped, ',');
    std::getline(fields, region, ',');
    std::getline(fields, millions, ',');
    result[region].push_back(std::stoll(millions));
  }
  return result;
}

std::int64_t dollars(const v1::Invoice& invoice) {
  std::int64_t sum = 0;
  for (const v1::InvoiceLine& line : invoice.lines()) {
    EXPECT_EQ(line.unit_price().currency_code(), "USD");
    EXPECT_EQ(line.unit_price().nanos(), 0);
    EXPECT_GT(line.quantity(), 0);
    EXPECT_GT(line.unit_price().units(), 0);
    sum += line.quantity() * line.unit_price().units();
  }
  return sum;
}

struct Size {
  std::uint64_t events;
  std::uint64_t seed;

  friend std::ostream& operator<<(std::ostream& out, const Size& size) {
    return out << size.events << " events, seed " << size.seed;
  }
};
class DeepSeek : public testing::TestWithParam<Size> {
 protected:
  std::unique_ptr<Scenario> story() const {
    return must_make("deepseek", GetParam().events, GetParam().seed);
  }
};

TEST_P(DeepSeek, DailySumsAreTheReportedFiguresToTheDollar) {
  std::map<std::string, std::vector<std::int64_t>> sums;
  const auto scenario = story();
  v1::Event event;
  while (scenario->next(&event)) {
    if (!event.has_invoice()) continue;
    const int day = day_of(time_of(event));
    ASSERT_GE(day, 0);
    ASSERT_LT(day, kStoryDays);
    auto& days = sums[event.invoice().bill_to().country()];
    days.resize(kStoryDays);
    days[static_cast<std::size_t>(day)] += dollars(event.invoice());
  }

  const auto reported = reported_millions();
  ASSERT_EQ(reported.size(), 5u);
  ASSERT_EQ(sums.size(), 5u);
  for (const auto& [region, quarters] : reported) {
    ASSERT_EQ(quarters.size(), 8u);
    for (std::size_t q = 0; q < 8; ++q) {
      const auto begin = sums[region].begin() + static_cast<std::ptrdiff_t>(q * kQuarterDays);
      EXPECT_EQ(std::accumulate(begin, begin + kQuarterDays, std::int64_t{0}),
                quarters[q] * 1'000'000)
          << region << " quarter " << q;
      for (std::int64_t d = 0; d < kQuarterDays; ++d) {
        const std::int64_t even = quarters[q] * 1'000'000 / kQuarterDays;
        const bool remainder = d < quarters[q] * 1'000'000 - even * kQuarterDays;
        ASSERT_EQ(begin[d], even + remainder) << region << " quarter " << q << " day " << d;
      }
    }
  }
}

TEST_P(DeepSeek, NothingIsSentMoreThanHalfAnHourAfterWhatIsNewer) {
  const auto scenario = story();
  v1::Event event;
  Micros highest = 0;
  std::uint64_t behind = 0;
  while (scenario->next(&event)) {
    highest = std::max(highest, time_of(event));
    ASSERT_LE(highest - time_of(event), 30 * 60 * kMicrosPerSecond);
    behind += time_of(event) < highest;
  }
  EXPECT_GT(behind, 0u);
  EXPECT_LT(behind, GetParam().events / 10);
}

TEST_P(DeepSeek, OrdersAreInvoicedOnceAndShippedWhole) {
  struct Order {
    v1::Invoice invoice;
    std::map<std::string, std::int64_t> units;  // invoiced less shipped
    std::vector<Micros> shipped;
  };
  std::map<std::string, Order> orders;
  std::set<std::string> ids;
  const auto scenario = story();
  v1::Event event;
  while (scenario->next(&event)) {
    if (event.has_invoice()) {
      const v1::Invoice& invoice = event.invoice();
      Order& order = orders[invoice.order_id()];
      EXPECT_TRUE(order.invoice.order_id().empty()) << "invoiced twice";
      EXPECT_TRUE(ids.insert(invoice.invoice_id()).second);
      EXPECT_LE(invoice.lines_size(), 4);
      order.invoice = invoice;
      for (const auto& line : invoice.lines()) order.units[line.sku()] += line.quantity();
    } else {
      const v1::Shipment& shipment = event.shipment();
      Order& order = orders[shipment.order_id()];
      EXPECT_TRUE(ids.insert(shipment.shipment_id()).second);
      EXPECT_FALSE(shipment.lines().empty());
      for (const auto& line : shipment.lines()) order.units[line.sku()] -= line.quantity();
      order.shipped.push_back(time_of(event));
    }
  }
  std::uint64_t split = 0;
  for (const auto& [id, order] : orders) {
    ASSERT_FALSE(order.invoice.order_id().empty()) << id;
    for (const auto& [sku, units] : order.units) EXPECT_EQ(units, 0) << id << " " << sku;
    ASSERT_THAT(order.shipped.size(), testing::AnyOf(1u, 2u)) << id;
    split += order.shipped.size() == 2;
    const int invoiced = day_of(micros_of(order.invoice.issue_time()));
    for (const Micros time : order.shipped) {
      EXPECT_LE(std::abs(day_of(time) - invoiced), 5) << id;
      EXPECT_EQ(day_of(time) / kQuarterDays, invoiced / kQuarterDays) << id;
    }
  }
  EXPECT_EQ(2 * orders.size() + split, GetParam().events);
  EXPECT_LE(split, orders.size() / 50);
}

// Singapore's government: less than 1 % of NVIDIA's revenue of the quarter ended 2024-10-27 was
// delivered there; NVIDIA: less than 2 % for fiscal 2025.
TEST_P(DeepSeek, OfWhatIsBilledToSingaporeHardlyAnythingStays) {
  std::map<std::string, std::vector<std::int64_t>> stays;  // by country, of what is billed there
  std::vector<std::int64_t> company(8);
  const auto scenario = story();
  v1::Event event;
  while (scenario->next(&event)) {
    if (!event.has_invoice()) continue;
    const v1::Invoice& invoice = event.invoice();
    const auto q = static_cast<std::size_t>(day_of(time_of(event)) / kQuarterDays);
    company[q] += dollars(invoice);
    stays[invoice.bill_to().country()].resize(8);
    if (invoice.ship_to().country() == invoice.bill_to().country()) {
      stays[invoice.bill_to().country()][q] += dollars(invoice);
    }
  }
  const auto reported = reported_millions();
  for (std::size_t q = 0; q < 8; ++q) {
    EXPECT_EQ(stays["SG"][q], company[q] / 10'000 * 95) << q;
  }
  const double billed = static_cast<double>(reported.at("SG")[6]) * 1e6;
  EXPECT_GE(1 - static_cast<double>(stays["SG"][6]) / billed, 0.954);
  const auto fiscal_2025 = [](const std::vector<std::int64_t>& quarters) {
    return std::accumulate(quarters.begin() + 4, quarters.end(), std::int64_t{0});
  };
  EXPECT_LT(fiscal_2025(stays["SG"]) * 50, fiscal_2025(company));
  // Elsewhere goods mostly stay where they are billed.
  for (const char* region : {"US", "TW", "CN", "ZZ"}) {
    for (std::size_t q = 0; q < 8; ++q) {
      EXPECT_GT(static_cast<double>(stays[region][q]),
                0.5 * static_cast<double>(reported.at(region)[q]) * 1e6)
          << region << " quarter " << q;
    }
  }
}

struct CatalogueRow {
  std::string eccn;
  std::string controlled_since;  // a date; empty for never
};

// By SKU, read from the catalogue that the project ships.
const std::map<std::string, CatalogueRow>& catalogue() {
  static const auto rows = [] {
    std::map<std::string, CatalogueRow> result;
    std::ifstream file(SURGEWATCH_SOURCE_DIR "/deploy/config/tables/catalogue.csv");
    std::vector<std::string> header;
    for (std::string line; std::getline(file, line);) {
      std::stringstream stream(line);
      std::vector<std::string> fields;
      for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
      if (header.empty()) {
        header = fields;
        continue;
      }
      // No column up to these has a comma in quotes.
      const auto column = [&](const char* name) {
        return fields.at(static_cast<std::size_t>(std::find(header.begin(), header.end(), name) -
                                                  header.begin()));
      };
      result[column("sku")] = {column("eccn"), column("first_controlled_on")};
    }
    return result;
  }();
  return rows;
}

TEST_P(DeepSeek, EveryProductIsInTheCatalogueWithItsClass) {
  const auto scenario = story();
  v1::Event event;
  while (scenario->next(&event)) {
    for (const v1::InvoiceLine& line : event.invoice().lines()) {
      ASSERT_TRUE(catalogue().contains(line.sku())) << line.sku();
      ASSERT_TRUE(catalogue().at(line.sku()).eccn.starts_with(line.eccn())) << line.sku();
    }
  }
}

TEST_P(DeepSeek, TenThousandH100AndTenThousandH800AreAllThatReachChinaUnderControl) {
  std::map<std::string, std::int64_t> controlled;           // by SKU
  std::map<std::string, std::int64_t> by_hub;               // chips
  std::map<std::string, std::string> declared;              // by order
  std::set<std::string> diverted;                           // orders
  std::map<int, std::int64_t> direct;                       // chips and systems, by quarter
  std::map<int, std::map<std::string, std::int64_t>> hubs;  // the same, by hub
  const auto scenario = story();
  v1::Event event;
  while (scenario->next(&event)) {
    if (event.has_invoice()) {
      declared[event.invoice().order_id()] = event.invoice().ship_to().country();
      continue;
    }
    const v1::Shipment& shipment = event.shipment();
    if (shipment.ship_to().country() != "CN") continue;
    const int quarter = day_of(time_of(event)) / kQuarterDays;
    for (const v1::ShipmentLine& line : shipment.lines()) {
      const std::string& since = catalogue().at(line.sku()).controlled_since;
      if (shipment.ship_from().country() == "US") direct[quarter] += line.quantity();
      if (since.empty() || time_of(event) < parse(since.c_str())) continue;
      const std::string& hub = shipment.intermediate_consignee().country();
      controlled[line.sku()] += line.quantity();
      by_hub[hub] += line.quantity();
      hubs[quarter][hub] += line.quantity();
      diverted.insert(shipment.order_id());
      EXPECT_EQ(line.license_id(), "");
      EXPECT_EQ(shipment.end_user().country(), "CN");
      EXPECT_EQ(shipment.ship_from().country(), hub);
      EXPECT_GE(time_of(event), parse("2023-08-01"));
      EXPECT_LT(time_of(event), parse("2025-01-01"));
    }
  }
  EXPECT_EQ(controlled, (std::map<std::string, std::int64_t>{{"H100-SXM5-80GB", 10'000},
                                                             {"H800-SXM5-80GB", 10'000}}));
  EXPECT_EQ(by_hub,
            (std::map<std::string, std::int64_t>{{"SG", 10'000}, {"PH", 6'000}, {"MY", 4'000}}));
  for (const std::string& order : diverted) {
    EXPECT_THAT(declared.at(order), testing::AnyOf("SG", "PH", "MY"));
  }
  // More by way of Singapore alone than straight from the United States, then the Philippines.
  for (int quarter = 3; quarter < 8; ++quarter) {
    EXPECT_GT(direct[quarter], 0) << quarter;
    EXPECT_GT(hubs[quarter]["SG"], direct[quarter]) << quarter;
    EXPECT_GT(hubs[quarter]["SG"], hubs[quarter]["PH"]) << quarter;
    EXPECT_GT(hubs[quarter]["PH"], hubs[quarter]["MY"]) << quarter;
  }
}

TEST_P(DeepSeek, OnlyDivertedOrdersArriveElsewhereThanDeclared) {
  std::map<std::string, std::string> declared, arrived;
  const auto scenario = story();
  v1::Event event;
  while (scenario->next(&event)) {
    if (event.has_invoice()) {
      declared[event.invoice().order_id()] = event.invoice().ship_to().country();
    } else {
      arrived[event.shipment().order_id()] = event.shipment().ship_to().country();
    }
  }
  int elsewhere = 0;
  for (const auto& [order, country] : declared) elsewhere += arrived.at(order) != country;
  EXPECT_EQ(elsewhere, 500);
}

TEST_P(DeepSeek, PricesStayNearTheMarketsAndProductsInTheirTime) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> range;  // of unit prices
  const auto scenario = story();
  v1::Event event;
  while (scenario->next(&event)) {
    for (const v1::InvoiceLine& line : event.invoice().lines()) {
      const std::int64_t price = line.unit_price().units();
      auto [it, is_new] = range.try_emplace(line.sku(), price, price);
      it->second = {std::min(it->second.first, price), std::max(it->second.second, price)};
      if (line.sku().starts_with("B200") || line.sku().starts_with("GB200")) {
        EXPECT_GE(time_of(event), parse("2024-10-28"));
      }
      if (line.sku().starts_with("H20-") || line.sku().starts_with("HGX-H20")) {
        EXPECT_GE(time_of(event), parse("2023-10-30"));
      }
    }
  }
  ASSERT_TRUE(range.contains("H100-SXM5-80GB"));
  EXPECT_GE(range["H100-SXM5-80GB"].first, 15'000);
  EXPECT_LE(range["H100-SXM5-80GB"].second, 60'000);
  ASSERT_TRUE(range.contains("H20-SXM-96GB"));
  EXPECT_GE(range["H20-SXM-96GB"].first, 6'000);
  EXPECT_LE(range["H20-SXM-96GB"].second, 24'000);
}

constexpr std::uint64_t kMany = test::cases<std::uint64_t>(1'000'000, 100'000);

INSTANTIATE_TEST_SUITE_P(Sizes, DeepSeek,
                         testing::Values(Size{kFewest, 1}, Size{kFewest + 1, 1}, Size{20'000, 1},
                                         Size{20'000, 2}, Size{kMany, 1}),
                         [](const auto& size) {
                           return std::to_string(size.param.events) + "Events" +
                                  std::to_string(size.param.seed);
                         });

TEST(DeepSeekLimits, SayHowManyEventsItTakes) {
  const auto too_few = make_scenario("deepseek", kFewest - 1, 1);
  EXPECT_EQ(too_few.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(too_few.status().message()), HasSubstr(std::to_string(kFewest)));
  EXPECT_TRUE(make_scenario("deepseek", kFewest, 1).ok());
  EXPECT_TRUE(make_scenario("deepseek", 10'000'000, 1).ok());
  EXPECT_EQ(make_scenario("deepseek", 10'000'001, 1).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace surgewatch::simulate
