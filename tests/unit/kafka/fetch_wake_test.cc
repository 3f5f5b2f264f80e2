#include "kafka/fetch_wake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>

namespace surgewatch::kafka {
namespace {

constexpr std::size_t kBytes = kQueuedKilobytes * 1'024;

// Takes that many records of that size, in polls of 512.
bool take(FetchWake* wake, std::size_t records, std::size_t bytes, std::size_t left) {
  bool is_due = false;
  for (; records > 0; --records) {
    wake->took(bytes);
    if (records % 512 == 1) is_due |= wake->is_due(left);
  }
  return is_due;
}

TEST(FetchWake, QuietWhileLittleIsTaken) {
  FetchWake wake;
  EXPECT_FALSE(take(&wake, kBytes / 2 / 1'024 - 1, 1'024, 0));
}

TEST(FetchWake, DueOnceHalfOfTheBytesAreTakenAndLessThanHalfIsLeft) {
  FetchWake wake;
  const std::size_t half = kBytes / 2 / 1'024;
  EXPECT_FALSE(take(&wake, half, 1'024, half)) << "half is left";
  EXPECT_TRUE(wake.is_due(half - 1));
  EXPECT_FALSE(wake.is_due(0)) << "woken just now";
  EXPECT_TRUE(take(&wake, half, 1'024, half - 1));
}

TEST(FetchWake, SmallRecordsAreLimitedByTheirNumber) {
  FetchWake wake;
  EXPECT_FALSE(take(&wake, kQueuedMessages / 2, 1, kQueuedMessages / 2));
  EXPECT_TRUE(wake.is_due(kQueuedMessages / 2 - 1));
}

// A client that stops at a full queue and goes on only when it is woken.
TEST(FetchWake, AReaderNeverStandsStillWhateverTheSizesOfRecords) {
  for (const auto& [first, then] : {std::pair<std::size_t, std::size_t>{1, 1},
                                    {133, 133},
                                    {1, 1'000'000},
                                    {1'000'000, 1},
                                    {100'000, 10}}) {
    constexpr std::size_t kRecords = 400'000;
    const auto size_of = [&](std::size_t record) { return record % 50'000 < 40 ? first : then; };
    FetchWake wake;
    std::size_t fetched = 0, read = 0, bytes = 0;
    bool is_fetching = true;
    while (read < kRecords) {
      while (is_fetching && fetched < kRecords) {
        bytes += size_of(fetched++);
        is_fetching = bytes < kBytes && fetched - read < kQueuedMessages;
      }
      const std::size_t batch = std::min<std::size_t>(512, fetched - read);
      ASSERT_GT(batch, 0u) << "stands still after " << read;
      for (std::size_t i = 0; i < batch; ++i) {
        wake.took(size_of(read));
        bytes -= size_of(read++);
      }
      if (wake.is_due(fetched - read)) {
        is_fetching = bytes < kBytes && fetched - read < kQueuedMessages;
      }
    }
  }
}

}  // namespace
}  // namespace surgewatch::kafka
