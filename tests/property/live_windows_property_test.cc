// Live windows against the sequential reference: every figure of every complete window, summed anew
// from its panes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "aggregate/live_windows.h"
#include "aggregate/source.h"
#include "property/merge.h"
#include "property/reference.h"
#include "unit/aggregate/builders.h"
#include "unit/aggregate/one_by_one.h"

namespace surgewatch::property {
namespace {

using aggregate::LiveQuery;
using config::Dimension;
using test::kDay;
using test::kHour;

constexpr int kSources = 3;
constexpr Micros kPane = kHour;
constexpr Micros kMostAhead = 20 * kDay;  // of an outlier

std::shared_ptr<config::Config> make_config(int outliers) {
  auto config = test::config();
  config->event_time.outliers = outliers;
  config->event_time.out_of_orderness = 3 * kHour;
  config->event_time.allowed_lateness = kDay;
  // One of the other topic and one more of invoices, so that numbers of series differ everywhere.
  config->series = {
      test::series("shipped", Topic::kShipments, {Dimension::kShipTo}, kPane),
      test::series("coarse", Topic::kInvoices, {Dimension::kFamily}, kDay),
      test::series("billed", Topic::kInvoices,
                   {Dimension::kBillTo, Dimension::kFamily, Dimension::kBillToId}, kPane)};
  return config;
}

class Sales {
 public:
  Sales(unsigned seed, int outliers) : random_(seed), config_(make_config(outliers)) {
    for (int i = 0; i < kSources; ++i) {
      const SourceId id{Topic::kInvoices, i};
      sources_.push_back(std::make_unique<aggregate::Source>(id, config_));
      references_.push_back(std::make_unique<Reference>(Topic::kInvoices, *config_));
    }
  }

  // Forward in time, now and then with a jump; corrections and credit notes among them.
  void sell(int count) {
    for (int n = 0; n < count; ++n) {
      now_ += pick(100) == 0 ? 10 * kHour : pick(kHour / 2);
      const auto which = static_cast<std::size_t>(pick(kSources));
      const bool is_ahead = config_->event_time.outliers > 0 && pick(20) == 0;
      const Micros time = is_ahead ? now_ + pick(kMostAhead) : now_ - pick(5 * kHour);
      v1::Invoice invoice = test::invoice("i" + std::to_string(pick(400)), time,
                                          static_cast<std::int32_t>(1 + pick(3)));
      if (pick(10) == 0) invoice.set_type(v1::INVOICE_TYPE_CREDIT_NOTE);
      if (pick(20) == 0) invoice.set_type(v1::INVOICE_TYPE_CANCELLATION);
      invoice.mutable_bill_to()->set_country(std::vector{"SG", "US", "MY"}[pick(3)]);
      // What separates keys elsewhere must not matter.
      invoice.mutable_bill_to()->set_party_id(std::vector{"", "p;1", "p=2:", "p3"}[pick(4)]);
      invoice.mutable_lines(0)->set_quantity(static_cast<std::int64_t>(1 + pick(9)));
      if (pick(3) == 0) test::add_line(&invoice, "MI308X", 2, 15'000);
      const std::string payload = invoice.SerializeAsString();
      test::process_one(*sources_[which],
                        {.offset = offsets_[which]++, .payload = payload, .has_key = false});
      references_[which]->process(event_of(invoice));
    }
  }

  v1::LiveWindows ask(const LiveQuery& query) const {
    std::vector<aggregate::LiveSource> sources;
    for (const auto& source : sources_) sources.push_back({source->id(), &source->panes(), true});
    auto answer = live_windows(*config_, sources, query);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : v1::LiveWindows();
  }

  // All pages of a query of `billed` are what the reference says. Returns the complete windows.
  int check(LiveQuery query) {
    std::map<std::string, int> seen;
    int complete = 0;
    while (true) {
      const v1::LiveWindows answer = ask(query);
      EXPECT_LE(answer.rows_size(), query.rows);
      for (const auto& source : answer.sources()) {
        EXPECT_EQ(source.next_offset(), offsets_[static_cast<std::size_t>(source.partition())]);
      }
      for (const v1::LiveRow& row : answer.rows()) {
        EXPECT_EQ(row.windows_size(), answer.windows_size());
        std::string name;
        for (const auto& [dimension, value] : row.key()) name += dimension + "=" + value + "|";
        EXPECT_EQ(++seen[name], 1) << "on two pages: " << name;
        for (int i = 0; i < row.windows_size(); ++i) {
          if (!answer.windows(i).complete()) continue;
          ++complete;
          compare(query, row, answer.windows(i), row.windows(i));
        }
      }
      if (answer.next_page_token().empty()) break;
      EXPECT_EQ(answer.rows_size(), query.rows);
      query.page_token = answer.next_page_token();
    }
    return complete;
  }

  std::int64_t pick(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }
  Micros now() const { return now_; }

 private:
  void compare(const LiveQuery& query, const v1::LiveRow& row, const v1::LiveWindow& window,
               const v1::LiveFigures& figures) {
    const std::vector<std::string> names{"bill_to", "family", "bill_to.party_id"};
    const PaneIndex first = window.start().seconds() * kMicrosPerSecond / kPane;
    const PaneIndex end = window.end().seconds() * kMicrosPerSecond / kPane;
    ASSERT_EQ(end - first, query.window);
    ASSERT_EQ(end % query.step, 0);
    std::map<PaneIndex, MeasureValues> panes;
    std::set<std::vector<std::string>> keys;
    for (const auto& reference : references_) {
      for (const auto& [key, values] : reference->panes()) {
        const auto& [series, texts, pane] = key;
        if (series != "billed" || pane < first || pane >= end || values.is_zero()) continue;
        bool is_in = true;
        for (const std::size_t d : query.per) is_in &= row.key().at(names[d]) == texts[d];
        for (std::size_t d = 0; d < query.key.size(); ++d) {
          is_in &= !query.key[d] || *query.key[d] == texts[d];
        }
        if (!is_in) continue;
        panes[pane].add(values);
        keys.insert(texts);
      }
    }
    MeasureValues sum, max;
    max.values.fill(INT64_MIN);
    for (PaneIndex pane = first; pane < end; ++pane) {
      sum.add(panes[pane]);
      for (std::size_t m = 0; m < kMeasureCount; ++m) {
        max.values[m] = std::max(max.values[m], panes[pane].values[m]);
      }
    }
    EXPECT_EQ(figures.sum().exact_size(), 0);
    EXPECT_EQ(figures.max().exact_size(), 0);
    EXPECT_EQ(values_of(figures.sum()), sum);
    EXPECT_EQ(values_of(figures.max()), max);
    EXPECT_EQ(figures.keys(), static_cast<std::int64_t>(keys.size()));
  }

  std::mt19937_64 random_;
  std::shared_ptr<const config::Config> config_;
  std::vector<std::unique_ptr<aggregate::Source>> sources_;
  std::vector<std::unique_ptr<Reference>> references_;
  std::int64_t offsets_[kSources]{};
  Micros now_ = test::kNewYear;
};

void compare_streams(int outliers) {
  int complete = 0;
  for (unsigned seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Sales sales(seed, outliers);
    for (int round = 0; round < 6; ++round) {
      sales.sell(60);
      LiveQuery query{.series = 2};
      query.window = 1 + sales.pick(12);
      query.step = sales.pick(3) == 0 ? query.window : 1 + sales.pick(12);
      query.windows = 1 + sales.pick(8);
      query.rows = 1 + sales.pick(8);
      query.key.resize(3);
      for (std::size_t d = 0; d < 3; ++d) {
        if (sales.pick(2) == 0) query.per.push_back(d);
      }
      if (sales.pick(3) == 0) query.key[0] = "SG";
      if (sales.pick(3) == 0) query.key[2] = "p;1";
      if (sales.pick(2) == 0) query.end = sales.now() - sales.pick(10 * kHour);
      if (outliers > 0 && sales.pick(2) == 0) query.end = sales.now() + sales.pick(kMostAhead);
      complete += sales.check(query);
      ASSERT_FALSE(testing::Test::HasFailure());
    }
  }
  EXPECT_GT(complete, 500);
}

TEST(LiveWindows, AgreeWithTheSequentialReference) { compare_streams(/*outliers=*/0); }

TEST(LiveWindows, AgreeWithTheSequentialReferenceWhereClocksRunAhead) {
  compare_streams(/*outliers=*/5);
}

}  // namespace
}  // namespace surgewatch::property
