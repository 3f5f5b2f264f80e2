#include "simulate/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/simulate/events.h"

namespace surgewatch::simulate {
namespace {

using testing::HasSubstr;

TEST(Scenario, UnknownNameIsNotFoundAndTheKnownOnesAreNamed) {
  const auto scenario = make_scenario("deepsek", 20'000, 1);
  EXPECT_EQ(scenario.status().code(), absl::StatusCode::kNotFound);
  for (const ScenarioInfo& info : scenarios()) {
    EXPECT_THAT(std::string(scenario.status().message()), HasSubstr(std::string(info.name)));
  }
}

TEST(Scenario, EachListedOneCanBeMade) {
  for (const ScenarioInfo& info : scenarios()) {
    EXPECT_TRUE(make_scenario(info.name, 20'000, 1).ok()) << info.name;
    EXPECT_THAT(std::string(info.description), HasSubstr("synthetic"));
  }
}

class Determinism : public testing::TestWithParam<std::string_view> {};

TEST_P(Determinism, SameSeedSameBytes) {
  const auto one = must_make(GetParam(), 20'000, 7);
  const auto other = must_make(GetParam(), 20'000, 7);
  v1::Event a, b;
  while (one->next(&a)) {
    // A fresh message on one side: what was there before must not shine through.
    b.Clear();
    ASSERT_TRUE(other->next(&b));
    ASSERT_EQ(a.SerializeAsString(), b.SerializeAsString());
  }
  EXPECT_FALSE(other->next(&b));
}

TEST_P(Determinism, AnotherSeedOtherBytes) {
  const auto one = must_make(GetParam(), 20'000, 7);
  const auto other = must_make(GetParam(), 20'000, 8);
  v1::Event a, b;
  int different = 0;
  while (one->next(&a) && other->next(&b))
    different += a.SerializeAsString() != b.SerializeAsString();
  EXPECT_GT(different, 15'000);
}

TEST_P(Determinism, GivesAsManyEventsAsAskedAndThenNone) {
  for (const std::uint64_t events : {20'000u, 20'001u, 20'002u, 123'457u}) {
    const auto scenario = must_make(GetParam(), events, 1);
    EXPECT_EQ(scenario->total(), events);
    v1::Event event;
    std::uint64_t count = 0;
    while (scenario->next(&event)) ++count;
    EXPECT_EQ(count, events);
    EXPECT_FALSE(scenario->next(&event));
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Determinism, testing::Values("deepseek", "steady"),
                         [](const auto& size) { return std::string(size.param); });

}  // namespace
}  // namespace surgewatch::simulate
