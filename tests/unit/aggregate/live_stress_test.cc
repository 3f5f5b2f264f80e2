// Live windows while a writer and a flusher are at work: each answer lies between what its offset
// promises and what had been handed to the source, and nothing is missing from a window that is
// called complete. Run under ThreadSanitizer for the memory orders.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "aggregate/live_windows.h"
#include "aggregate/source.h"
#include "unit/aggregate/builders.h"

namespace surgewatch::aggregate {
namespace {

#if defined(__SANITIZE_THREAD__)
constexpr int kEvents = 40'000;
#else
constexpr int kEvents = 200'000;
#endif
constexpr Micros kPane = 60 * kMicrosPerSecond;
constexpr std::size_t kBatch = 400;
constexpr int kReaders = 2;

// So many events share a pane: a group that is published at once closes several, and the panes that
// leave with it are out of the table before its progress is seen.
constexpr int kEventsPerPane = 20;

TEST(LiveWindowsStress, NoWindowThatIsCompleteLacksAnything) {
  auto config = test::config();
  config->event_time.out_of_orderness = 0;
  config->event_time.allowed_lateness = 10 * kPane;
  config->event_time.correction_horizon = kPane;
  config->series = {
      test::series("billed", Topic::kInvoices, {config::Dimension::kBillToId}, kPane)};
  std::vector<std::string> payloads;
  std::mt19937 random(3);
  for (int i = 0; i < kEvents; ++i) {
    v1::Invoice invoice =
        test::invoice("i" + std::to_string(i), test::kNewYear + i / kEventsPerPane * kPane +
                                                   i % kEventsPerPane * kMicrosPerSecond);
    // Parties come and go, so that slots are used again.
    invoice.mutable_bill_to()->set_party_id(
        std::to_string(i / 1'000 * 3 + static_cast<int>(random() % 7)));
    payloads.push_back(invoice.SerializeAsString());
  }
  Source source(SourceId{}, config, {.remembers_documents = false});
  std::atomic<std::int64_t> handed{0};  // no event from here on can be in an answer
  std::atomic<bool> done{false};
  std::atomic<std::int64_t> answers{0};
  std::atomic<int> readers_at_work{kReaders};

  std::thread writer([&] {
    std::vector<Aside> aside;
    std::vector<Record> records;
    for (std::size_t at = 0; at < payloads.size(); at += records.size()) {
      records.clear();
      for (std::size_t i = at; i < std::min(at + kBatch, payloads.size()); ++i) {
        records.push_back({.offset = static_cast<std::int64_t>(i), .payload = payloads[i]});
      }
      handed.store(static_cast<std::int64_t>(at + records.size()));
      source.process(records, &aside);
      // However the threads are given time, readers answer on the way.
      while (answers.load() < handed.load() / (5 * std::int64_t{kBatch}) &&
             readers_at_work.load() == kReaders) {
        std::this_thread::yield();
      }
    }
    EXPECT_TRUE(aside.empty());
    done.store(true);
  });
  std::thread flusher([&] {
    std::vector<v1::JournalRecord> journal;
    while (!done.load()) {
      source.flush(&journal);
      source.recycle(&journal);
    }
  });

  std::atomic<std::int64_t> complete{0}, partial{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < kReaders; ++reader) {
    readers.emplace_back([&, reader] {
      const auto leave = [&](std::atomic<int>* at_work) { at_work->fetch_sub(1); };
      const std::unique_ptr<std::atomic<int>, decltype(leave)> leaving(&readers_at_work, leave);
      LiveQuery query;
      query.key.resize(1);
      // The whole, windows of two and of seven panes that overlap.
      query.window = reader == 0 ? 2 : 7;
      query.step = 1;
      query.windows = 14;
      while (!done.load()) {
        const LiveSource live{source.id(), &source.panes(), true};
        const auto answer = live_windows(*config, {&live, 1}, query);
        const std::int64_t most = handed.load();
        ASSERT_TRUE(answer.ok()) << answer.status();
        answers.fetch_add(1);
        if (answer->rows().empty()) continue;
        ASSERT_EQ(answer->rows_size(), 1);
        for (int i = 0; i < answer->windows_size(); ++i) {
          const v1::LiveWindow& window = answer->windows(i);
          // Events of the window below an offset.
          const auto below = [&](std::int64_t offset) {
            const auto event_at = [&](std::int64_t seconds) {
              return (seconds * kMicrosPerSecond - test::kNewYear) / kPane * kEventsPerPane;
            };
            const std::int64_t first = event_at(window.start().seconds());
            const std::int64_t end = event_at(window.end().seconds());
            return std::max<std::int64_t>(std::min(offset, end) - std::max<std::int64_t>(first, 0),
                                          0);
          };
          const v1::Measures& sum = answer->rows(0).windows(i).sum();
          ASSERT_EQ(sum.documents(), sum.units());  // not torn
          ASSERT_LE(sum.documents(), below(most));
          if (!window.complete()) {
            partial.fetch_add(1);
            continue;
          }
          complete.fetch_add(1);
          ASSERT_GE(sum.documents(), below(answer->sources(0).next_offset()))
              << "window " << i << " of an answer at " << answer->sources(0).next_offset();
        }
      }
    });
  }
  writer.join();
  flusher.join();
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(complete.load(), 100);
  EXPECT_GT(partial.load(), 10);
}

}  // namespace
}  // namespace surgewatch::aggregate
