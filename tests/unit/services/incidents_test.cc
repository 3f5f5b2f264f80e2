#include "aggregator/incidents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace surgewatch::services {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Incident judge(std::int32_t known, std::int32_t invoices, std::int32_t shipments, Topic topic,
               std::int32_t partition) {
  return judge_partitions({.known = known, .now = {invoices, shipments}}, {topic, partition});
}

TEST(Partitions, ThatAreAsTheyWereAreRead) {
  EXPECT_EQ(judge(3, 3, 3, Topic::kInvoices, 2), Incident::kNone);
  EXPECT_EQ(judge(3, 3, 6, Topic::kInvoices, 2), Incident::kNone);
}

TEST(Partitions, ThatAreNewAreNotRead) {
  EXPECT_EQ(judge(2, 4, 2, Topic::kInvoices, 2), Incident::kPartitionsDiffer);
  EXPECT_EQ(judge(2, 4, 4, Topic::kInvoices, 2), Incident::kPartitionsChanged);
  EXPECT_EQ(judge(2, 4, 4, Topic::kShipments, 3), Incident::kPartitionsChanged);
}

// From 2 to 4 a key stays or goes to a new partition; from 2 to 3 it may go from 0 to 1.
TEST(Partitions, ThatWereThereAreReadOnWhereKeysStayed) {
  EXPECT_EQ(judge(2, 4, 2, Topic::kInvoices, 1), Incident::kNone);
  EXPECT_EQ(judge(2, 3, 2, Topic::kInvoices, 1), Incident::kPartitionsDiffer);
  EXPECT_EQ(judge(2, 3, 3, Topic::kInvoices, 0), Incident::kPartitionsChanged);
  EXPECT_EQ(judge(1, 7, 7, Topic::kInvoices, 0), Incident::kNone);
}

TEST(Partitions, ThatAreFewerAreOfAnotherTopic) {
  EXPECT_EQ(judge(3, 2, 3, Topic::kInvoices, 0), Incident::kTopicReplaced);
}

class OfIncidents : public ::testing::Test {
 protected:
  std::string missing() const {
    std::string missing;
    telemetry_.ready(&missing);
    return missing;
  }

  telemetry::Telemetry telemetry_{"test", 1'000};
  std::unique_ptr<InputIncidents> incidents_ =
      std::make_unique<InputIncidents>(kafka::Topics("my-"), "group", 2, &telemetry_);
};

TEST_F(OfIncidents, OneHoldsUntilTheSourceIsSomebodyElses) {
  incidents_->hold({Topic::kInvoices, 1}, Incident::kLogStartMoved, "why");
  EXPECT_THAT(missing(), HasSubstr("log_start_moved"));
  EXPECT_THAT(telemetry_.expose(),
              HasSubstr("surgewatch_incident{incident=\"log_start_moved\",partition=\"1\","
                        "topic=\"invoices\"} 1"));
  incidents_->release({Topic::kInvoices, 1});
  EXPECT_THAT(missing(), Not(HasSubstr("log_start_moved")));
}

TEST_F(OfIncidents, AllEndWithTheSession) {
  incidents_->hold({Topic::kInvoices, 1}, Incident::kTopicReplaced, "why");
  incidents_->partitions_are({std::nullopt, 4});
  EXPECT_THAT(missing(), HasSubstr("topic_missing"));
  EXPECT_THAT(missing(), HasSubstr("partitions_differ"));
  incidents_.reset();
  EXPECT_EQ(missing(), "");
}

TEST_F(OfIncidents, PartitionsThatDifferMayComeToHaveChanged) {
  incidents_->partitions_are({4, 2});
  EXPECT_THAT(missing(), HasSubstr("partitions_differ"));
  incidents_->partitions_are({4, 4});
  EXPECT_THAT(missing(), HasSubstr("partitions_changed"));
  EXPECT_THAT(missing(), Not(HasSubstr("partitions_differ")));
}

// A restart finds both topics equal, but the group remembers fewer.
TEST_F(OfIncidents, WhatAnEarlierLifeRemembersCounts) {
  incidents_->partitions_were(1);
  EXPECT_THAT(missing(), HasSubstr("partitions_changed"));
  incidents_->partitions_were(0);  // not known
  EXPECT_EQ(incidents_->partitions().known, 1);
}

TEST_F(OfIncidents, ATopicThatComesBackIsNotMissing) {
  incidents_->partitions_are({std::nullopt, 2});
  EXPECT_THAT(missing(), HasSubstr("topic_missing"));
  incidents_->partitions_are({2, 2});
  EXPECT_EQ(missing(), "");
}

}  // namespace
}  // namespace surgewatch::services
