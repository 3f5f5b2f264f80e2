#include "kafka/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace surgewatch::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

std::map<std::string, TopicSpec> specs_by_name(std::string_view prefix, std::int32_t partitions) {
  std::map<std::string, TopicSpec> result;
  for (const TopicSpec& spec : Topics(prefix).specs(partitions)) result[spec.name] = spec;
  return result;
}

TEST(Topics, AreTheContracts) {
  std::vector<std::string> names;
  for (const TopicSpec& spec : Topics("").specs(4)) names.push_back(spec.name);
  EXPECT_THAT(names, UnorderedElementsAre("invoices", "shipments", "surgewatch.journal",
                                          "surgewatch.checkpoints", "surgewatch.series",
                                          "surgewatch.reference", "alerts", "surgewatch.late",
                                          "surgewatch.dead-letter"));
}

TEST(Topics, APrefixIsBeforeEachName) {
  const Topics topics("eu.");
  EXPECT_EQ(topics.invoices, "eu.invoices");
  EXPECT_EQ(topics.journal, "eu.surgewatch.journal");
  for (const TopicSpec& spec : topics.specs(1)) EXPECT_TRUE(spec.name.starts_with("eu."));
}

TEST(Topics, PartitionsFollowTheInputs) {
  const auto specs = specs_by_name("", 6);
  EXPECT_EQ(specs.at("invoices").partitions, 6);
  EXPECT_EQ(specs.at("shipments").partitions, 6);
  EXPECT_EQ(specs.at("surgewatch.late").partitions, 6);
  EXPECT_EQ(specs.at("surgewatch.dead-letter").partitions, 6);
  EXPECT_EQ(specs.at("surgewatch.checkpoints").partitions, 7);
  for (const char* name :
       {"surgewatch.journal", "surgewatch.series", "surgewatch.reference", "alerts"}) {
    EXPECT_EQ(specs.at(name).partitions, 1) << name;
  }
}

TEST(Topics, AreKeptAsTheDesignSays) {
  const auto specs = specs_by_name("", 4);
  EXPECT_THAT(specs.at("invoices").settings, IsEmpty());
  EXPECT_THAT(specs.at("surgewatch.journal").settings,
              ElementsAre(Pair("cleanup.policy", "delete"), Pair("retention.bytes", "-1"),
                          Pair("retention.ms", "-1")));
  EXPECT_THAT(specs.at("alerts").settings, ElementsAre(Pair("cleanup.policy", "compact"),
                                                       Pair("min.compaction.lag.ms", "604800000")));
  EXPECT_EQ(specs.at("surgewatch.series").settings.at("retention.ms"), "63072000000");
  EXPECT_EQ(specs.at("surgewatch.late").settings.at("retention.ms"), "2592000000");
  EXPECT_THAT(specs.at("surgewatch.checkpoints").settings,
              ElementsAre(Pair("cleanup.policy", "compact")));
}

TEST(Topics, InputsMayHaveABoundOnTimestamps) {
  for (const TopicSpec& spec : Topics("").specs(4, std::chrono::hours(36))) {
    const bool is_input = spec.name == "invoices" || spec.name == "shipments";
    const auto bound = spec.settings.find(std::string(kTimestampBound));
    EXPECT_EQ(bound != spec.settings.end(), is_input) << spec.name;
    if (is_input) {
      EXPECT_EQ(bound->second, "129600000");
    }
  }
}

// Makes what it is asked for, but for settings that it does not know.
class OldBrokers final : public Admin {
 public:
  explicit OldBrokers(std::string unknown) : unknown_(std::move(unknown)) {}

  absl::Status create_topics(const std::vector<TopicSpec>& topics, int) override {
    absl::Status first_failure;
    for (const TopicSpec& topic : topics) {
      if (topic.settings.count(unknown_) == 0) {
        made.insert(topic.name);
      } else if (first_failure.ok()) {
        first_failure = absl::InvalidArgumentError("creating topic \"" + topic.name +
                                                   "\": Unknown topic config name: " + unknown_);
      }
    }
    return first_failure;
  }
  absl::StatusOr<std::vector<std::optional<std::int32_t>>> partitions(
      const std::vector<std::string>&, std::chrono::milliseconds) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::pair<std::int64_t, std::int64_t>> watermarks(
      const TopicPartition&, std::chrono::milliseconds) override {
    return absl::UnimplementedError("");
  }

  absl::StatusOr<std::vector<LogEnds>> log_ends(const std::vector<TopicPartition>&,
                                                std::chrono::milliseconds) override {
    return absl::UnimplementedError("");
  }

  std::set<std::string> made;

 private:
  std::string unknown_;
};

TEST(Topics, AreMadeByBrokersThatDoNotKnowTheBoundOnTimestamps) {
  OldBrokers brokers{std::string(kTimestampBound)};
  EXPECT_EQ(create_topics(&brokers, Topics("").specs(4, std::chrono::hours(24)), 1),
            absl::OkStatus());
  EXPECT_EQ(brokers.made.size(), 9u);
}

TEST(Topics, AnotherSettingThatBrokersDoNotKnowIsAnError) {
  OldBrokers brokers("min.compaction.lag.ms");
  const absl::Status status =
      create_topics(&brokers, Topics("").specs(4, std::chrono::hours(24)), 1);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("alerts"));
}

}  // namespace
}  // namespace surgewatch::kafka
