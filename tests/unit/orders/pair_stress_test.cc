// One thread feeds a pair while another takes out what has changed: nothing is lost between them,
// whenever the other looks. Meant for ThreadSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "unit/orders/lab.h"

namespace surgewatch::orders {
namespace {

constexpr int kOrders = 3'000;

// Of three orders one goes elsewhere, and of these every third is put right later.
void feed(Lab* lab) {
  for (int i = 0; i < kOrders; ++i) {
    const std::string order = "o-" + std::to_string(i);
    const std::string shipment = "s-" + std::to_string(i);
    const Micros time = kNewYear + i * kHour / 10;
    lab->put(lab->invoice("i-" + std::to_string(i), time), order);
    lab->put(lab->shipment(shipment, time, i % 3 == 0 ? "CN" : "SG"), order);
    if (i % 9 == 0) lab->put(lab->shipment(shipment, time, "SG"), order, /*is_new=*/false);
    if (i % 27 == 0) lab->pair.take_out(Topic::kShipments, shipment);
    lab->advance(time);
    lab->pair.publish_stats();
  }
}

using Place = std::tuple<std::size_t, std::vector<std::string>, PaneIndex>;
std::map<Place, std::int64_t> newest_panes(const Lab& lab) {
  std::map<Place, std::int64_t> newest;
  for (const FindingPane& pane : lab.panes) {
    newest[{pane.series, pane.key, pane.pane}] =
        static_cast<std::int64_t>(pane.values[Measure::kUnits]);
  }
  // What was taken out before anybody looked is never spoken of.
  std::erase_if(newest, [](const auto& pane) { return pane.second == 0; });
  return newest;
}

TEST(PairStress, NothingIsLostBetweenWriterAndCollector) {
  Lab alone("order_diversion");
  feed(&alone);
  const std::vector<std::string> expected = alone.found();
  ASSERT_EQ(expected.size(), kOrders / 3 - (kOrders + 8) / 9);

  Lab shared("order_diversion");
  std::atomic<bool> is_fed{false};
  std::uint64_t most_orders = 0;
  std::size_t most_pending = 0;
  std::thread collector([&] {
    while (!is_fed.load(std::memory_order_acquire)) {
      most_pending = std::max(most_pending, shared.pair.pending());
      most_orders = std::max(most_orders, shared.pair.stats().orders.orders);
      shared.found();
    }
  });
  feed(&shared);
  is_fed.store(true, std::memory_order_release);
  collector.join();
  EXPECT_EQ(shared.found(), expected);
  EXPECT_EQ(newest_panes(shared), newest_panes(alone));
  EXPECT_LE(most_orders, kOrders);
  EXPECT_LE(most_pending, 2u * kOrders);
  EXPECT_EQ(shared.pair.pending(), 0u);
}

}  // namespace
}  // namespace surgewatch::orders
