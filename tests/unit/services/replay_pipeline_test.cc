#include "surgewatch/replay_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "unit/aggregate/builders.h"
#include "unit/orders/lab.h"

namespace surgewatch::services {
namespace {

using ::testing::IsEmpty;

constexpr int kEvents = 60'000;  // several blocks of the reader, more than kBatchesInFlight at once

// Billed, shipped, and what differs between them a day after.
std::shared_ptr<config::Config> three_series() {
  auto config = orders::config_with({"order_mismatch"});
  config->rules.front().orders.deadline = test::kDay;
  config->series.push_back(test::config()->series.front());
  config->series.push_back(
      test::series("shipped", Topic::kShipments, {config::Dimension::kShipTo}, 6 * test::kHour));
  return config;
}

class ReplayPipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(::testing::TempDir()) /
            ("replay_pipeline_" + std::to_string(::getpid()) + ".binpb");
  }
  void TearDown() override { std::filesystem::remove(path_); }

  // A hundred days; every third a shipment, and now and then one that is rejected.
  void write_events() {
    auto writer = files::EventWriter::open(path_, files::EventFormat::kBinpb);
    ASSERT_TRUE(writer.ok());
    for (int i = 0; i < kEvents; ++i) {
      v1::Event event;
      const Micros time = test::kNewYear + i * (100 * test::kDay / kEvents);
      const std::string id = std::to_string(i);
      const std::string order = "order-" + std::to_string(i / 3);
      if (i % 3 == 0) {
        *event.mutable_shipment() = test::shipment(id, time);
        event.mutable_shipment()->set_order_id(order);
        if (i % 3'333 == 0) event.mutable_shipment()->mutable_ship_to()->set_country("QQ");
      } else {
        *event.mutable_invoice() = test::invoice(id, time);
        event.mutable_invoice()->set_order_id(order);
        if (i % 1'111 == 0) event.mutable_invoice()->clear_lines();
      }
      ASSERT_TRUE((*writer)->write(event).ok());
    }
    ASSERT_TRUE((*writer)->close().ok());
  }

  std::unique_ptr<ReplayPipeline> open(bool one_thread) {
    auto reader = files::EventReader::open(path_, files::EventFormat::kBinpb);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return std::make_unique<ReplayPipeline>(
        *std::move(reader), three_series(),
        ReplayPipeline::Options{.one_thread = one_thread, .keep_rejects = true});
  }

  struct Told {
    std::vector<std::string> steps;
    std::vector<orders::NamedFinding> findings;
    std::size_t rejects = 0, flushes = 0, stretches = 0;
    absl::Status status;
  };
  Told tell(bool one_thread) {
    const auto pipeline = open(one_thread);
    Told told;
    ReplayPipeline::Stretch stretch;
    while (true) {
      const auto more = pipeline->next(&stretch);
      told.status = more.status();
      if (!more.ok() || !*more) break;
      ++told.stretches;
      for (const ReplayPipeline::Step& step : stretch.steps) {
        (step.reject.empty() ? told.flushes : told.rejects) += 1;
        std::string text = std::to_string(step.offset) + " " + step.reject;
        for (const v1::JournalRecord& record : step.journal) text += record.DebugString();
        told.steps.push_back(std::move(text));
      }
      std::ranges::move(stretch.findings, std::back_inserter(told.findings));
    }
    std::vector<v1::JournalRecord> last;
    std::vector<orders::NamedFinding> found;
    pipeline->finish(&last, &found);
    std::ranges::move(found, std::back_inserter(told.findings));
    for (const v1::JournalRecord& record : last) told.steps.push_back(record.DebugString());
    return told;
  }

  std::filesystem::path path_;
};

TEST_F(ReplayPipelineTest, SaysTheSameOnOneThreadAndOnMany) {
  write_events();
  const Told one = tell(/*one_thread=*/true);
  EXPECT_GT(one.flushes, 400u);  // 100 days of invoices, 400 quarters of a day of shipments
  EXPECT_GT(one.rejects, 20u);
  EXPECT_GT(one.stretches, 2u);
  const Told many = tell(/*one_thread=*/false);
  EXPECT_EQ(many.stretches, one.stretches);
  ASSERT_EQ(many.steps.size(), one.steps.size());
  for (std::size_t i = 0; i < one.steps.size(); ++i) ASSERT_EQ(many.steps[i], one.steps[i]) << i;
  EXPECT_GT(one.findings.size(), 10'000u);
  ASSERT_EQ(many.findings.size(), one.findings.size());
  for (std::size_t i = 0; i < one.findings.size(); ++i) {
    ASSERT_EQ(many.findings[i].name, one.findings[i].name) << i;
    ASSERT_EQ(many.findings[i].holds, one.findings[i].holds) << i;
    ASSERT_EQ(many.findings[i].units, one.findings[i].units) << i;
  }
}

TEST_F(ReplayPipelineTest, CanBeLeftInTheMiddle) {
  write_events();
  const auto pipeline = open(/*one_thread=*/false);
  ReplayPipeline::Stretch stretch;
  const auto more = pipeline->next(&stretch);
  ASSERT_TRUE(more.ok());
  EXPECT_TRUE(*more);
  EXPECT_LT(stretch.events, static_cast<std::uint64_t>(kEvents));
}

TEST_F(ReplayPipelineTest, TellsWhatTheReaderCannotRead) {
  std::ofstream(path_) << std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 11);
  for (const bool one_thread : {true, false}) {
    const Told told = tell(one_thread);
    EXPECT_TRUE(told.status.ok());
    EXPECT_EQ(told.rejects, 1u);
  }
}

// Reads well once and then fails, as a disk does.
class FailingReader : public files::EventReader {
 public:
  absl::StatusOr<bool> next(files::EventBatch* batch) override {
    batch->clear();
    if (first_) {
      first_ = false;
      return true;
    }
    return absl::DataLossError("the disk is gone");
  }
  std::optional<std::uint64_t> bytes_total() const override { return std::nullopt; }

 private:
  bool first_ = true;
};

TEST(ReplayPipeline, ReturnsTheReadersErrorAfterWhatWasRead) {
  for (const bool one_thread : {true, false}) {
    ReplayPipeline pipeline(std::make_unique<FailingReader>(), three_series(),
                            {.one_thread = one_thread, .keep_rejects = true});
    ReplayPipeline::Stretch stretch;
    const auto first = pipeline.next(&stretch);
    ASSERT_TRUE(first.ok());
    EXPECT_TRUE(*first);
    EXPECT_THAT(stretch.steps, IsEmpty());
    EXPECT_TRUE(absl::IsDataLoss(pipeline.next(&stretch).status()));
  }
}

}  // namespace
}  // namespace surgewatch::services
