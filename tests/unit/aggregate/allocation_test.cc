// The writer's path asks for no memory once it is in the steady state: every key has been seen, as
// many panes are live as ever will be, the horizon is full, so that what leaves is used again.
//
// Every operator new, malloc, calloc and realloc of this program is counted while it is the
// writer's turn. Writer and flusher take turns on one thread, which is the same code as on two.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <vector>

#include "aggregate/source.h"
#include "bench/sales.h"

namespace {

// One thread; plain, since they are used before anything is constructed.
bool counting = false;
std::uint64_t allocations = 0;

}  // namespace

// The allocator's own entry points, which operator new ends in as well. glibc lets a program
// replace them and keeps the originals under these names.
extern "C" {
void* __libc_malloc(std::size_t size);                     // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* old, std::size_t size);         // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t alignment,               // NOLINT(bugprone-reserved-identifier)
                      std::size_t size);

void* malloc(std::size_t size) {
  allocations += counting ? 1 : 0;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  allocations += counting ? 1 : 0;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  allocations += counting ? 1 : 0;
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  allocations += counting ? 1 : 0;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  allocations += counting ? 1 : 0;
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? 12 : 0;
}
}

namespace surgewatch::aggregate {
namespace {

constexpr bench::Sales kSales{.countries = 10, .skus = 10, .apart = 40'000};
constexpr std::size_t kEventsPerFlush = 5'000;

TEST(Allocations, AreCountedHere) {
  allocations = 0;
  counting = true;
  void* volatile plain = std::malloc(8);
  void* volatile made = ::operator new(8);
  void* volatile aligned = ::operator new(64, std::align_val_t(64));
  counting = false;
  std::free(plain);
  ::operator delete(made);
  ::operator delete(aligned, std::align_val_t(64));
  EXPECT_EQ(allocations, 3u);
}

TEST(Allocations, TheWriterMakesNoneInTheSteadyState) {
  auto config = bench::sales_config(kSales, /*three=*/true);
  config->series[1].pane_length = bench::kMinute;  // so that they end within the test too
  config->series[2].pane_length = 2 * bench::kMinute;
  config->series[0].largest_document = Measure::kRevenueUsd;
  // 250,000 events are 10,000 s: the horizon is full after 3,600 of them.
  config->event_time.out_of_orderness = 5 * bench::kMinute;
  config->event_time.allowed_lateness = 10 * bench::kMinute;
  config->event_time.correction_horizon = 60 * bench::kMinute;
  const bench::Topic133 topic(kSales, 500'000);
  Source source(SourceId{}, config);
  std::vector<Aside> aside;
  std::vector<v1::JournalRecord> journal;
  const std::size_t warm = topic.records().size() / 2;
  std::size_t done = 0;
  std::uint64_t known_least = UINT64_MAX, known_most = 0;
  for (std::span<const Record> left = topic.records(); !left.empty();) {
    const std::size_t count = std::min<std::size_t>(777, left.size());
    allocations = 0;
    counting = true;
    source.process(left.first(count), &aside);
    counting = false;
    if (done >= warm) {
      ASSERT_EQ(allocations, 0u) << "in events from " << done;
      known_least = std::min(known_least, source.stats().documents_known);
      known_most = std::max(known_most, source.stats().documents_known);
    }
    left = left.subspan(count);
    if ((done + count) / kEventsPerFlush != done / kEventsPerFlush) {
      journal.clear();
      source.flush(&journal);
      ASSERT_FALSE(journal.empty());
    }
    done += count;
  }
  // Buckets have left meanwhile, and what they held was used again.
  EXPECT_LT(known_least + 5'000, known_most);
  EXPECT_LT(known_most, warm);
  EXPECT_EQ(source.stats().counted, topic.records().size());
}

}  // namespace
}  // namespace surgewatch::aggregate
