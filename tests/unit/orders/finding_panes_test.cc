#include "orders/finding_panes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/orders/lab.h"

namespace surgewatch::orders {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class FindingPanesTest : public testing::Test {
 protected:
  FindingPanesTest() { config_->limits.keys_per_series = 2; }

  Finding finding(std::string_view sku, Micros time, std::int64_t units) const {
    Finding finding;
    finding.key.sku = sku;
    finding.parts = {{.time = time,
                      .product = observe::kUnknownProduct,
                      .bill_to_party = {},
                      .ship_to_party = {},
                      .units = units,
                      .chips = units}};
    return finding;
  }
  std::vector<FindingPane> collected() {
    std::vector<FindingPane> panes;
    panes_.collect(&panes);
    return panes;
  }

  const std::shared_ptr<config::Config> config_ = config_with({"order_diversion"});
  const observe::ReferenceIndex index_{config_->reference.get()};
  FindingPanes panes_{*config_, index_};
};

TEST_F(FindingPanesTest, TellEachChangeOnceAndAbsolutely) {
  panes_.add(std::vector{finding("a", kNewYear, 3)});
  panes_.add(std::vector{finding("a", kNewYear, 4)});
  ASSERT_THAT(collected(), SizeIs(1));
  EXPECT_THAT(collected(), IsEmpty());
  panes_.remove(std::vector{finding("a", kNewYear, 3)});
  const auto panes = collected();
  ASSERT_THAT(panes, SizeIs(1));
  EXPECT_EQ(panes[0].values.saturated()[Measure::kUnits], 4);
  EXPECT_EQ(panes[0].values.saturated()[Measure::kDocuments], 1);
  EXPECT_EQ(panes[0].pane, kNewYear / kDay);
}

TEST_F(FindingPanesTest, LetGoOfWhatHoldsNothing) {
  panes_.add(std::vector{finding("a", kNewYear, 3)});
  panes_.remove(std::vector{finding("a", kNewYear, 3)});
  ASSERT_THAT(collected(), SizeIs(1)) << "that it is nothing has to be told";
  EXPECT_EQ(panes_.size(), 0u);
}

TEST_F(FindingPanesTest, CountKeysBeyondTheLimitUnderOther) {
  panes_.add(std::vector{finding("a", kNewYear, 1), finding("b", kNewYear, 1)});
  panes_.add(std::vector{finding("c", kNewYear, 5)});
  panes_.add(std::vector{finding("d", kNewYear, 6)});
  EXPECT_EQ(panes_.over_key_limit(), 2u);
  auto panes = collected();
  ASSERT_THAT(panes, SizeIs(3));
  EXPECT_THAT(panes.back().key, Each("other"));
  EXPECT_EQ(panes.back().values.saturated()[Measure::kUnits], 11);
  // What was counted so is taken back so, though there is room by then.
  panes_.remove(std::vector{finding("a", kNewYear, 1)});
  panes_.remove(std::vector{finding("c", kNewYear, 5)});
  panes = collected();
  ASSERT_THAT(panes, SizeIs(2));
  EXPECT_THAT(panes.back().key, Each("other"));
  EXPECT_EQ(panes.back().values.saturated()[Measure::kUnits], 6);
  panes_.add(std::vector{finding("c", kNewYear, 5)});
  panes = collected();
  ASSERT_THAT(panes, SizeIs(1));
  EXPECT_EQ(panes[0].key[4], "c");
}

TEST_F(FindingPanesTest, KeepWhatIsSettledUntilNothingReachesIt) {
  panes_.add(std::vector{finding("a", kNewYear, 3)});
  EXPECT_THAT(collected(), SizeIs(1));
  panes_.settle(std::vector{finding("a", kNewYear, 3)});
  panes_.forget_before(kNewYear + kDay - 1);
  panes_.add(std::vector{finding("a", kNewYear, 4)});
  const auto panes = collected();
  ASSERT_THAT(panes, SizeIs(1));
  EXPECT_EQ(panes[0].values.saturated()[Measure::kUnits], 7);
  panes_.settle(std::vector{finding("a", kNewYear, 4)});
  panes_.forget_before(kNewYear + kDay);
  EXPECT_EQ(panes_.size(), 0u);
}

}  // namespace
}  // namespace surgewatch::orders
