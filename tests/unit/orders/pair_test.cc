// What a pair keeps, and for how long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/orders/lab.h"

namespace surgewatch::orders {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

OrderTable::Stats stats_of(Lab* lab) {
  lab->pair.publish_stats();
  return lab->pair.stats().orders;
}

TEST(Pair, MovesADocumentToTheOrderOfItsNewestRevision) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i-1", kNewYear), "a");
  lab.put(lab.invoice("i-2", kNewYear), "b");
  lab.put(lab.shipment("s", kNewYear, "CN"), "a");
  EXPECT_THAT(lab.found(), ElementsAre("a SG>SG>CN H100 10"));
  lab.put(lab.shipment("s", kNewYear, "CN"), "b", /*is_new=*/false);
  EXPECT_THAT(lab.found(), ElementsAre("b SG>SG>CN H100 10"));
  EXPECT_EQ(stats_of(&lab).orders, 2u);
  EXPECT_EQ(stats_of(&lab).documents, 3u);
}

TEST(Pair, TakesADocumentOutOfWhateverOrderItIsIn) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i", kNewYear), "a");
  lab.put(lab.shipment("s", kNewYear, "CN"), "a");
  EXPECT_THAT(lab.found(), SizeIs(1));
  lab.pair.take_out(Topic::kShipments, "s");
  EXPECT_THAT(lab.found(), IsEmpty());
  lab.pair.take_out(Topic::kShipments, "s");
  lab.pair.take_out(Topic::kInvoices, "s");
  lab.pair.take_out(Topic::kInvoices, "i");
  EXPECT_EQ(stats_of(&lab).orders, 0u);
  EXPECT_EQ(stats_of(&lab).documents, 0u);
}

TEST(Pair, TellsAnInvoiceFromAShipmentOfTheSameId) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("x", kNewYear));
  lab.put(lab.shipment("x", kNewYear, "CN"));
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>CN H100 10"));
  lab.pair.take_out(Topic::kShipments, "x");
  EXPECT_EQ(stats_of(&lab).documents, 1u);
}

TEST(Pair, KeepsWhatItsSourceHasForgottenBesideADocumentOfTheSameId) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i", kNewYear));
  lab.put(lab.shipment("s", kNewYear, "CN"));
  lab.put(lab.shipment("s", kNewYear + kDay, "CN"));
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>CN H100 20"));
  lab.pair.take_out(Topic::kShipments, "s");
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>CN H100 10"));
  EXPECT_EQ(lab.holding[0].name.first_time, kNewYear) << "the newer one was taken out";
}

TEST(Pair, TellsPanesAsAbsoluteValuesAndTakesThemBack) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i", kNewYear));
  lab.put(lab.shipment("s-1", kNewYear, "CN"));
  lab.put(lab.shipment("s-2", kNewYear + kDay, "CN"));
  lab.found();
  ASSERT_THAT(lab.panes, SizeIs(2));
  std::int64_t orders = 0, units = 0;
  for (const FindingPane& pane : lab.panes) {
    EXPECT_THAT(pane.key, ElementsAre("SG", "SG", "CN", "Hopper", "H100", "3A090.a", "", ""));
    orders += pane.values.saturated()[Measure::kDocuments];
    units += pane.values.saturated()[Measure::kUnits];
  }
  EXPECT_EQ(orders, 1) << "an order counts once, with the first of its parts";
  EXPECT_EQ(units, 20);
  lab.panes.clear();
  lab.pair.take_out(Topic::kInvoices, "i");
  lab.found();
  ASSERT_THAT(lab.panes, SizeIs(2));
  for (const FindingPane& pane : lab.panes) EXPECT_EQ(pane.values, WideMeasures());
}

TEST(Pair, ForgetsAnOrderThatNothingReachesAnyMore) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i", kNewYear));
  lab.put(lab.shipment("s", kNewYear, "CN"));
  EXPECT_THAT(lab.found(), SizeIs(1));
  lab.advance(kNewYear + 120 * kDay);
  EXPECT_EQ(stats_of(&lab).orders, 1u) << "a late document may still come";
  lab.advance(kNewYear + 200 * kDay);
  EXPECT_EQ(stats_of(&lab).orders, 0u);
  EXPECT_THAT(lab.found(), SizeIs(1)) << "what it said stands";
}

TEST(Pair, KeepsOpenOrdersWhileATopicIsMerelySilent) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i", kNewYear));
  lab.pair.set_idle(Topic::kShipments, true);
  lab.pair.advance(Topic::kInvoices, kNewYear + 300 * kDay);
  EXPECT_EQ(stats_of(&lab).orders, 1u);
}

TEST(Pair, SeesTwoOrdersWhereAnIdIsUsedAgainAfterTheHorizon) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i", kNewYear));
  lab.put(lab.shipment("s", kNewYear + 120 * kDay, "CN"));
  EXPECT_THAT(lab.found(), SizeIs(1)) << "just within it";
  lab.put(lab.shipment("s", kNewYear + 120 * kDay + 1, "CN"), "o", /*is_new=*/false);
  EXPECT_THAT(lab.found(), IsEmpty());
}

TEST(Pair, LeavesOutDocumentsOfAnOrderThatHasTooMany) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i", kNewYear));
  std::uint64_t put = 0;
  while (stats_of(&lab).over_order_limit == 0) {
    ASSERT_LT(put, 10'000u);
    lab.put(lab.shipment("s-" + std::to_string(put++), kNewYear, "CN"));
  }
  EXPECT_EQ(stats_of(&lab).documents, put) << "the invoice, and all shipments but the last";
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>CN H100 " + std::to_string(10 * (put - 1))));
  // The other half has room of its own, and so has this one once something is gone.
  lab.put(lab.invoice("i-2", kNewYear));
  EXPECT_EQ(stats_of(&lab).over_order_limit, 1u);
  lab.pair.take_out(Topic::kShipments, "s-0");
  lab.put(lab.shipment("s-x", kNewYear, "CN"));
  EXPECT_EQ(stats_of(&lab).over_order_limit, 1u);
  // One that no longer fits takes its former revision along.
  Document longer = lab.shipment("s-1", kNewYear, "CN");
  const std::string party(200, 'p');
  longer.ship_to_party = party;
  lab.put(longer, "o", /*is_new=*/false);
  EXPECT_EQ(stats_of(&lab).over_order_limit, 2u);
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>CN H100 " + std::to_string(10 * (put - 2))));
}

TEST(Pair, LeavesNothingBehindOfAnOrderWhoseOnlyDocumentIsTooLarge) {
  Lab lab("order_diversion");
  Document huge = lab.invoice("i", kNewYear);
  std::vector<std::string> skus;
  for (int i = 0; i < 10'000; ++i) skus.push_back("UNKNOWN-" + std::to_string(i));
  huge.lines.clear();
  for (const std::string& sku : skus) huge.lines.push_back(lab.line(sku, 1, kNewYear));
  lab.put(huge);
  EXPECT_EQ(stats_of(&lab).orders, 0u);
  EXPECT_EQ(stats_of(&lab).over_order_limit, 1u);
}

TEST(Pair, ForgetsTheOldestForWantOfMemory) {
  auto config = config_with({"order_diversion"});
  config->limits.order_memory = 100'000;
  Lab lab(config);
  for (int i = 0; i < 2'000; ++i) {
    lab.put(lab.invoice("i-" + std::to_string(i), kNewYear + i * kHour), "o-" + std::to_string(i));
  }
  const OrderTable::Stats stats = stats_of(&lab);
  EXPECT_GT(stats.forgotten, 500u);
  EXPECT_EQ(stats.orders + stats.forgotten, 2'000u);
  EXPECT_LT(stats.bytes, 200'000u);
  lab.put(lab.shipment("s-new", kNewYear, "CN"), "o-1999");
  lab.put(lab.shipment("s-old", kNewYear, "CN"), "o-0");
  EXPECT_THAT(lab.found(), ElementsAre("o-1999 SG>SG>CN H100 10"));
}

TEST(Pair, NamesSixteenDocumentsAtTheMost) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i", kNewYear));
  for (int i = 10; i < 40; ++i) lab.put(lab.shipment("s-" + std::to_string(i), kNewYear, "CN"));
  lab.found();
  ASSERT_THAT(lab.holding, SizeIs(1));
  EXPECT_THAT(lab.holding[0].documents, SizeIs(16));
  EXPECT_EQ(lab.holding[0].documents.front(), "i");
  EXPECT_EQ(lab.holding[0].documents.back(), "s-24");
}

}  // namespace
}  // namespace surgewatch::orders
