// Random streams of events against the sequential reference: every disposition, every count, every
// pane after merging the journal.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>

#include "property/stream.h"

namespace surgewatch::property {
namespace {

class RandomChoices {
 public:
  explicit RandomChoices(unsigned seed) : random_(seed) {}

  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  static bool has_more() { return true; }

 private:
  std::mt19937_64 random_;
};

// What all streams of a test came to.
struct Totals {
  std::array<std::uint64_t, 5> dispositions{};
  std::uint64_t corrections = 0, unverifiable = 0, over_key_limit = 0, behind_the_ring = 0,
                keys_left = 0, exact_largest = 0, bounded_largest = 0, held_back = 0, forgotten = 0;
};

Totals run_streams(bool has_outliers) {
  Totals totals;
  for (unsigned seed = 1; seed <= 400 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Stream<RandomChoices> stream(RandomChoices(seed), has_outliers);
    stream.run(300);
    for (std::size_t i = 0; i < 5; ++i) totals.dispositions[i] += stream.dispositions[i];
    totals.corrections += stream.corrections;
    totals.unverifiable += stream.unverifiable;
    totals.over_key_limit += stream.over_key_limit;
    totals.keys_left += stream.keys_left;
    totals.behind_the_ring += stream.behind_the_ring;
    totals.exact_largest += stream.exact_largest;
    totals.bounded_largest += stream.bounded_largest;
    totals.held_back += stream.held_back;
    totals.forgotten += stream.forgotten;
  }
  return totals;
}

// That the streams have gone everywhere.
void expect_that_all_was_met(const Totals& totals) {
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(totals.dispositions[i], 1'000u) << "disposition " << i;
  }
  EXPECT_GT(totals.corrections, 1'000u);
  EXPECT_GT(totals.unverifiable, 1'000u);
  EXPECT_GT(totals.over_key_limit, 1'000u);
  EXPECT_GT(totals.keys_left, 1'000u);
  EXPECT_GT(totals.forgotten, 100u);
  EXPECT_GT(totals.behind_the_ring, 1'000u);
  EXPECT_GT(totals.bounded_largest, 100u);
  EXPECT_GT(totals.exact_largest, 9 * totals.bounded_largest) << "that it mostly knows";
}

TEST(SourceProperty, AgreesWithTheSequentialReference) {
  expect_that_all_was_met(run_streams(/*has_outliers=*/false));
}

TEST(SourceProperty, AgreesWithTheSequentialReferenceWhereClocksRunAhead) {
  const Totals totals = run_streams(/*has_outliers=*/true);
  expect_that_all_was_met(totals);
  EXPECT_GT(totals.held_back, 1'000u);
}

}  // namespace
}  // namespace surgewatch::property
