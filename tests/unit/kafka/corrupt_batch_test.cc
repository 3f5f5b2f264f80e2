#include "kafka/corrupt_batch.h"

#include <gtest/gtest.h>

#include <vector>

namespace surgewatch::kafka {
namespace {

// A log of offsets [0, end) whose unreadable batches are given; read by what a client does.
struct Log {
  std::int64_t end = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> bad;  // [first, next)

  const std::pair<std::int64_t, std::int64_t>* bad_at(std::int64_t offset) const {
    for (const auto& one : bad) {
      if (offset >= one.first && offset < one.second) return &one;
    }
    return nullptr;
  }
};

struct Reading {
  std::vector<std::int64_t> read;
  std::vector<std::pair<std::int64_t, std::int64_t>> skipped;
  int fetches = 0;
};

Reading read(const Log& log, std::int64_t from = 0) {
  Reading result;
  CorruptBatch state;
  std::int64_t position = from;  // of the client
  std::int64_t fetch = from;     // of the library
  const auto note = [&] {
    if (const auto skipped = state.take_skipped()) {
      result.skipped.push_back(*skipped);
      position = skipped->second;
    }
  };
  while (result.fetches < 10'000) {
    ++result.fetches;
    const auto* bad = log.bad_at(fetch);
    const auto to =
        bad != nullptr ? state.failed(bad->first, position, log.end) : state.succeeded();
    note();
    if (to.has_value()) {
      fetch = *to;
    } else if (bad == nullptr) {
      if (fetch >= log.end) return result;
      result.read.push_back(fetch);
      position = ++fetch;
    }
  }
  ADD_FAILURE() << "the reader stands still";
  return result;
}

TEST(CorruptBatch, NoReadableRecordIsPassedOverWhateverTheLengths) {
  for (std::int64_t first = 0; first < 6; ++first) {
    for (std::int64_t length = 1; length < 40; ++length) {
      for (std::int64_t after = 0; after < 6; ++after) {
        const Log log{first + length + after, {{first, first + length}}};
        const Reading reading = read(log);
        ASSERT_EQ(reading.skipped, log.bad) << first << " " << length << " " << after;
        std::vector<std::int64_t> expected;
        for (std::int64_t i = 0; i < log.end; ++i) {
          if (log.bad_at(i) == nullptr) expected.push_back(i);
        }
        ASSERT_EQ(reading.read, expected) << first << " " << length << " " << after;
      }
    }
  }
}

TEST(CorruptBatch, AReaderThatStartsWithinABatchSkipsFromWhereItStarted) {
  const Reading reading = read({20, {{5, 15}}}, 8);
  EXPECT_EQ(reading.skipped, (std::vector<std::pair<std::int64_t, std::int64_t>>{{8, 15}}));
  EXPECT_EQ(reading.read, (std::vector<std::int64_t>{15, 16, 17, 18, 19}));
}

TEST(CorruptBatch, SeveralBatchesWithGoodOnesBetween) {
  for (std::int64_t gap = 1; gap < 12; ++gap) {
    for (std::int64_t length = 1; length < 20; ++length) {
      const std::int64_t second = 2 + length + gap;
      const Log log{second + length + 3, {{2, 2 + length}, {second, second + length}}};
      const Reading reading = read(log);
      ASSERT_EQ(reading.skipped, log.bad) << gap << " " << length;
      ASSERT_EQ(reading.read.size(), static_cast<std::size_t>(2 + gap + 3));
    }
  }
}

TEST(CorruptBatch, FetchesGrowWithTheLogarithmOfTheLength) {
  const Log log{100'001, {{0, 100'000}}};
  EXPECT_LE(read(log).fetches, CorruptBatch::kPatience + 2 * 17 + 3);
}

TEST(CorruptBatch, PatienceStartsAnewAfterSuccess) {
  CorruptBatch state;
  EXPECT_TRUE(state.quiet());
  for (int i = 0; i < CorruptBatch::kPatience - 1; ++i) {
    EXPECT_EQ(state.failed(7, 7, 100), std::nullopt);
    EXPECT_FALSE(state.quiet());
  }
  EXPECT_EQ(state.succeeded(), std::nullopt);
  EXPECT_TRUE(state.quiet());
  for (int i = 0; i < CorruptBatch::kPatience - 1; ++i) {
    EXPECT_EQ(state.failed(7, 7, 100), std::nullopt);
  }
  EXPECT_EQ(state.failed(7, 7, 100), 8);
}

TEST(CorruptBatch, FailuresAtDifferentOffsetsAreNotOne) {
  CorruptBatch state;
  for (std::int64_t offset = 0; offset < 20; ++offset) {
    EXPECT_EQ(state.failed(offset, offset, 100), std::nullopt);
  }
}

}  // namespace
}  // namespace surgewatch::kafka
