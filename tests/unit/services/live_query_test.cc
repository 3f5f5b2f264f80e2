#include "aggregator/live_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/from_json.h"
#include "unit/aggregate/builders.h"

namespace surgewatch::services {
namespace {

using serve::api::Params;
using test::kDay;
using test::kNewYear;
using ::testing::HasSubstr;

class LiveQueriesTest : public ::testing::Test {
 protected:
  // A source that holds `count` invoices of one unit.
  std::shared_ptr<OwnedSource> owned(std::int32_t partition, int count, Micros time = kNewYear) {
    auto source =
        std::make_shared<OwnedSource>(SourceId{Topic::kInvoices, partition},
                                      kafka::TopicPartition{"invoices", partition}, config_);
    std::vector<std::string> payloads;
    for (int i = 0; i < count; ++i) {
      payloads.push_back(test::invoice("i" + std::to_string(i), time).SerializeAsString());
    }
    std::vector<aggregate::Record> records;
    for (int i = 0; i < count; ++i) {
      records.push_back({.offset = i, .payload = payloads[static_cast<std::size_t>(i)]});
    }
    std::vector<aggregate::Aside> aside;
    source->source.process(records, &aside);
    return source;
  }

  v1::LiveWindows ask(Params params) {
    params.emplace("series", "billed");
    const serve::api::Reply reply = queries_.answer(params);
    EXPECT_EQ(reply.status, 200) << reply.body;
    v1::LiveWindows windows;
    EXPECT_TRUE(from_json(reply.body, &windows)) << reply.body;
    return windows;
  }
  std::string refusal(Params params, bool add_series = true) {
    if (add_series) params.emplace("series", "billed");
    const serve::api::Reply reply = queries_.answer(params);
    EXPECT_EQ(reply.status, 400) << reply.body;
    EXPECT_THAT(reply.body, HasSubstr("INVALID_ARGUMENT"));
    return reply.body;
  }
  static std::int64_t units(const v1::LiveWindows& windows) {
    std::int64_t units = 0;
    for (const auto& row : windows.rows()) units += row.windows(0).sum().units();
    return units;
  }

  std::shared_ptr<config::Config> config_ = test::config();
  std::shared_ptr<OwnedSourceList> sources_ = std::make_shared<OwnedSourceList>();
  LiveQueries queries_{config_, sources_};
};

TEST_F(LiveQueriesTest, SumsOverTheSourcesThatAreOwned) {
  sources_->add(owned(0, 3));
  sources_->add(owned(1, 4));
  const v1::LiveWindows windows = ask({});
  ASSERT_EQ(windows.sources_size(), 2);
  EXPECT_EQ(windows.sources(1).partition(), 1);
  EXPECT_EQ(windows.sources(1).next_offset(), 4);
  ASSERT_EQ(windows.rows_size(), 1);
  EXPECT_EQ(windows.rows(0).key().at("bill_to"), "SG");
  EXPECT_EQ(windows.rows(0).key().at("family"), "Hopper");
  EXPECT_EQ(windows.rows(0).windows(0).sum().units(), 7);
  EXPECT_EQ(windows.rows(0).windows(0).max().units(), 7);
  EXPECT_EQ(windows.rows(0).windows(0).keys(), 1);
  EXPECT_TRUE(windows.windows(0).complete());
  EXPECT_FALSE(windows.windows(0).closed());
}

TEST_F(LiveQueriesTest, WindowsAreTumblingUnlessAStepIsGiven) {
  sources_->add(owned(0, 1));
  const v1::LiveWindows tumbling = ask({{"window", "2d"}, {"windows", "2"}});
  EXPECT_EQ(tumbling.step(), "2d");
  EXPECT_EQ(tumbling.windows(0).end().seconds(), tumbling.windows(1).start().seconds());
  const v1::LiveWindows sliding = ask({{"window", "2d"}, {"windows", "2"}, {"step", "1d"}});
  EXPECT_EQ(sliding.windows(1).start().seconds() - sliding.windows(0).start().seconds(), 86'400);
  EXPECT_EQ(sliding.windows(1).end().seconds(), (kNewYear + kDay) / kMicrosPerSecond);
  const v1::LiveWindows before = ask({{"end", "2024-01-01T23:59:59Z"}});
  EXPECT_EQ(before.windows(0).end().seconds(), kNewYear / kMicrosPerSecond);
}

TEST_F(LiveQueriesTest, ASourceThatChangesHandsCountsOnce) {
  const auto former = owned(0, 3);
  // Owner epochs are times, of microseconds.
  const Micros made = wall_clock_micros();
  while (wall_clock_micros() == made) std::this_thread::yield();
  const auto later = owned(0, 5);
  sources_->add(later);
  sources_->add(former);
  EXPECT_EQ(units(ask({})), 5);
  sources_->remove(former);
  EXPECT_EQ(units(ask({})), 5);
  sources_->remove(later);
  const v1::LiveWindows none = ask({});
  EXPECT_EQ(none.sources_size(), 0);
  EXPECT_EQ(none.rows_size(), 0);
}

TEST_F(LiveQueriesTest, AWindowWhosePanesHaveLeftIsNotCalledComplete) {
  const auto source = owned(0, 1);
  sources_->add(source);
  EXPECT_TRUE(ask({{"end", "2024-01-02"}}).windows(0).complete());
  const std::string payload = test::invoice("later", kNewYear + 30 * kDay).SerializeAsString();
  const aggregate::Record record{.offset = 1, .payload = payload};
  std::vector<aggregate::Aside> aside;
  source->source.process({&record, 1}, &aside);
  const v1::LiveWindows windows = ask({{"end", "2024-01-02"}});
  EXPECT_FALSE(windows.windows(0).complete());
  EXPECT_GT(windows.kept_from().seconds(), kNewYear / kMicrosPerSecond);
}

TEST_F(LiveQueriesTest, SaysWhatIsWrongAndWhatIsKnown) {
  EXPECT_THAT(refusal({}, false), HasSubstr("series: missing; one of billed"));
  EXPECT_THAT(refusal({{"series", "sold"}}, false), HasSubstr("there is no 'sold'"));
  EXPECT_THAT(refusal({{"window", "36h"}}), HasSubstr("window: 36h is not a multiple"));
  EXPECT_THAT(refusal({{"window", "0s"}}), HasSubstr("not a multiple"));
  EXPECT_THAT(refusal({{"window", "x"}}), HasSubstr("window: "));
  EXPECT_THAT(refusal({{"step", "1h"}}), HasSubstr("step: 1h is not a multiple"));
  EXPECT_THAT(refusal({{"windows", "0"}}), HasSubstr("windows: '0' is not a whole number"));
  EXPECT_THAT(refusal({{"end", "soon"}}), HasSubstr("end: 'soon' is neither"));
  EXPECT_THAT(refusal({{"per", "bill_to,sku"}}), HasSubstr("per: 'sku' is no dimension"));
  EXPECT_THAT(refusal({{"per", "family,family"}}), HasSubstr("names a dimension twice"));
  EXPECT_THAT(refusal({{"bill_to", "SG"}, {"bill_to", "US"}}), HasSubstr("bill_to: given twice"));
  EXPECT_THAT(refusal({{"country", "SG"}}),
              HasSubstr("unknown parameter 'country'; known: series, window, step"));
  EXPECT_THAT(refusal({{"limit", "x"}}), HasSubstr("limit: 'x' is not a whole number"));
}

TEST_F(LiveQueriesTest, AnswersNoMoreThanItsLimits) {
  sources_->add(owned(0, 1));
  EXPECT_EQ(ask({{"windows", "1000"}}).windows_size(), 1'000);
  EXPECT_THAT(refusal({{"windows", "1001"}}), HasSubstr("from 1 to 1000"));
  EXPECT_EQ(ask({{"windows", "1000"}, {"limit", "20"}}).windows_size(), 1'000);
  EXPECT_THAT(refusal({{"windows", "1000"}, {"limit", "21"}}), HasSubstr("ask for at most 20"));
  EXPECT_THAT(refusal({{"window", "10001d"}}), HasSubstr("window: "));
  EXPECT_THAT(refusal({{"windows", "1000"}, {"step", "17d"}}), HasSubstr("more than 16384"));
  EXPECT_THAT(refusal({{"end", "0001-01-02"}, {"window", "2d"}}), HasSubstr("before the year 1"));
  for (const char* token : {"x", "1:a", "9999999999999999999999:a", "2:a", "-1:a", "1:a1:b1:c"}) {
    EXPECT_THAT(refusal({{"page_token", token}}), HasSubstr("page_token: not one for")) << token;
  }
}

TEST_F(LiveQueriesTest, RefusesMoreThanItsTurnsAndGivesThemBack) {
  sources_->add(owned(0, 1));
  const Params params{{"series", "billed"}, {"windows", "1000"}};
  std::atomic<bool> is_refused{false};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4 * LiveQueries::kMaxAtOnce; ++i) {
    threads.emplace_back([&] {
      while (!is_refused && std::chrono::steady_clock::now() < deadline) {
        const serve::api::Reply reply = queries_.answer(params);
        if (reply.status == 200) continue;
        EXPECT_EQ(reply.status, 503);
        EXPECT_THAT(reply.body, HasSubstr("2 live queries are being answered"));
        is_refused = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(is_refused);
  for (int i = 0; i < LiveQueries::kMaxAtOnce + 1; ++i) {
    EXPECT_EQ(queries_.answer(params).status, 200);
  }
}

TEST_F(LiveQueriesTest, TurnsPages) {
  const auto source = owned(0, 0);
  std::vector<std::string> payloads;
  for (const char* country : {"US", "SG", "CN"}) {
    v1::Invoice invoice = test::invoice(country, kNewYear);
    invoice.mutable_bill_to()->set_country(country);
    payloads.push_back(invoice.SerializeAsString());
  }
  std::vector<aggregate::Record> records;
  for (const std::string& payload : payloads) {
    records.push_back({.offset = static_cast<std::int64_t>(records.size()), .payload = payload});
  }
  std::vector<aggregate::Aside> aside;
  source->source.process(records, &aside);
  sources_->add(source);
  std::vector<std::string> countries;
  for (Params params{{"per", "bill_to"}, {"limit", "2"}};;) {
    const v1::LiveWindows page = ask(params);
    for (const auto& row : page.rows()) countries.push_back(row.key().at("bill_to"));
    if (page.next_page_token().empty()) break;
    params.erase("page_token");
    params.emplace("page_token", page.next_page_token());
  }
  EXPECT_THAT(countries, ::testing::ElementsAre("CN", "SG", "US"));
  // Exactly a page is not followed by an empty one.
  EXPECT_EQ(ask({{"per", "bill_to"}, {"limit", "3"}}).next_page_token(), "");
}

}  // namespace
}  // namespace surgewatch::services
