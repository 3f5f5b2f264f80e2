#include "kafka/topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace surgewatch::kafka
