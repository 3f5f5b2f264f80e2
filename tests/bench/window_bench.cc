// The window alone: what one contribution costs its writer, beside what else could hold panes.
//
//   tests/bench/run_window.sh      all of it, into build/bench/window.json
//
// cpu_time is that of the writer's thread alone. With a reader, another thread samples panes of
// random keys, at a pace or without rest; in every case a third collects what changed ten times a
// second. `unpublished` is the same code without sequence locks, hand-over and progress.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/affinity.h"
#include "window/window.h"
#include "window_contenders.h"
#include "window_events.h"

namespace surgewatch::bench {
namespace {

// So many series take long to set up and to run through.
constexpr std::size_t kLarge = 1'000'000;

constexpr auto kFlushInterval = std::chrono::milliseconds(100);

enum class Way : std::uint8_t { kPublished, kUnpublished, kOneByOne };
// As in lib/aggregate/source.cc.
constexpr std::int64_t kEventsPerPublication = 256;

template <Way kWay>
class OurWindow {
  static constexpr window::Publication kPublication =
      kWay == Way::kUnpublished ? window::Publication::kOff : window::Publication::kOn;

 public:
  explicit OurWindow(const Load& load)
      : back_(pane_length(load.series) * load.panes_back),
        length_(pane_length(load.series)),
        window_({{.pane_length = length_, .dimensions = 2, .max_keys = load.series}},
                {.allowed_lateness = back_,
                 .out_of_orderness = 0,
                 // Documents are remembered for much longer than a pane takes.
                 .correction_horizon = 1'000 * length_}) {
    for (int i = 0; i < 2'048; ++i) window_.dictionary().intern(std::to_string(i));
    window_.begin_event();
    window_.advance(kStart);
    for (std::uint32_t i = 0; i < load.series; ++i)
      slots_.push_back(window_.slot(0, key_of(i), {}).slot);
    window_.publish(0);
  }

  // As the product: looking ahead, and publishing once for many.
  void events(const Ahead& ahead) requires(kWay != Way::kOneByOne) {
    for (std::size_t i = 0; i < kGroup; ++i) {
      Looking& looking = looking_[i];
      window_.prefetch_pane(looking.guesses[1]);
      now_[i] = looking.guesses[0];
      looking.guesses[0] = looking.guesses[1];
      looking.guesses[1] = window_.guess(looking.hash);
      looking.hash = window_.prefetch(0, ahead[3][i].key);
    }
    if (offset_ % kEventsPerPublication == 0) window_.begin_event();
    for (std::size_t i = 0; i < kGroup; ++i) {
      const Event& event = ahead[0][i];
      window_.advance(event.newest);
      const window::SlotId slot = window_.slot(0, event.key, {}, now_[i]).slot;
      window_.add<kPublication>(slot, event.time, *event.values, offset_++);
      window_.end_event();
    }
    if (offset_ % kEventsPerPublication == 0) window_.publish<kPublication>(offset_);
  }
  void events(const Ahead& ahead) requires(kWay == Way::kOneByOne) {
    for (const Event& event : ahead[0]) {
      window_.begin_event();
      window_.advance(event.newest);
      const window::SlotId slot = window_.slot(0, event.key, {}).slot;
      window_.add<kPublication>(slot, event.time, *event.values, offset_);
      window_.publish<kPublication>(++offset_);
    }
  }
  MeasureValues sample(std::uint32_t number, Micros time) {
    window::PaneSnapshot snapshot;
    window_.read(slots_[number], pane_of(time, length_), &snapshot);
    return snapshot.values;
  }
  void collect() { window_.collect(&collected_); }
  window::Window& window() { return window_; }

 private:
  // What is known of the events ahead: of those of the last group a hash, of those before a guess.
  struct Looking {
    std::uint64_t hash = 0;
    std::array<window::SlotId, 2> guesses{window::kNoSlot, window::kNoSlot};
  };

  const Micros back_, length_;
  std::array<Looking, kGroup> looking_{};
  std::array<window::SlotId, kGroup> now_{};
  window::Window window_;
  std::vector<window::SlotId> slots_;
  std::int64_t offset_ = 0;
  window::Collected collected_;
};
using Published = OurWindow<Way::kPublished>;
using Unpublished = OurWindow<Way::kUnpublished>;
using OneByOne = OurWindow<Way::kOneByOne>;

// Rivals have one thread fewer: nothing of theirs is handed over.
template <typename Rival>
class Other {
 public:
  explicit Other(const Load& load) : rival_(std::make_unique<Rival>(load)) {}
  void events(const Ahead& ahead) { rival_->events(ahead); }
  MeasureValues sample(std::uint32_t number, Micros time) {
    return rival_->sample(key_of(number), time);
  }
  void collect() {}

 private:
  std::unique_ptr<Rival> rival_;
};

// The writer, and those beside it, on cores of their own, where there are two: else they might
// share one, and never meet.
OnCpus run_on(bool is_beside) {
  static const std::vector<int> cpus = allowed_cpus();
  return OnCpus(one_of(cpus, is_beside ? cpus.size() - 1 : 0));
}

// A thread that does something until it is destroyed.
class Busy {
 public:
  template <typename Work>
  explicit Busy(Work work)
      : thread_([this, work]() mutable {
          const OnCpus pinned = run_on(true);
          while (!is_over_.load(std::memory_order_relaxed)) work();
        }) {}
  ~Busy() {
    is_over_.store(true, std::memory_order_relaxed);
    thread_.join();
  }

 private:
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

// Who reads beside the writer: nobody; a thread that samples panes of random keys without rest; or
// one at a pace of the product's order, where what is dirty is read ten times a second, and metrics
// and queries come on top.
enum class Reader : std::uint8_t { kNone, kPaced, kWithoutRest };
constexpr int kSamplesPerSecond = 1'000'000;
constexpr std::array<const char*, 3> kReaderNames{"no_reader", "reader_of_1M_a_second", "reader"};

// What a thread writes must not share a line with what another one works with: every event would
// pay for it.
struct alignas(128) Samples {
  std::uint64_t count = 0;
};
struct alignas(128) Now {
  std::atomic<std::int64_t> event{0};
};

// A system with its events, kept from one repetition to the next.
template <typename System>
class Running {
 public:
  Running(const Load& load, Reader reader)
      : load_(load), reader_(reader), events_(load), system_(load) {
    // Into the steady state: the first panes of the usual keys are there.
    const auto warm = static_cast<std::int64_t>(std::min<std::size_t>(kLarge, 4 * load.series));
    for (std::size_t i = 1; i < Ahead::kGroups; ++i, number_ += kGroup) {
      events_.fill(number_, ahead_.next());
    }
    while (number_ < warm) group();
  }

  void measure(benchmark::State& state) {
    const OnCpus pinned = run_on(false);
    now_.event.store(number_, std::memory_order_relaxed);
    samples_.count = 0;
    const auto begin = std::chrono::steady_clock::now();
    {
      Busy flusher([this] {
        system_.collect();
        std::this_thread::sleep_for(kFlushInterval);
      });
      std::unique_ptr<Busy> reader;
      if (reader_ != Reader::kNone) {
        reader = std::make_unique<Busy>(
            [this, random = std::minstd_rand(1), begin]() mutable { burst(&random, begin); });
      }
      while (state.KeepRunningBatch(kGroup)) {
        group();
        if ((number_ & 0xffff) == 0) now_.event.store(number_, std::memory_order_relaxed);
      }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    state.SetItemsProcessed(state.iterations());
    if (reader_ != Reader::kNone) {
      state.counters["samples_per_second"] = static_cast<double>(samples_.count) / took.count();
    }
  }

 private:
  static constexpr std::uint64_t kBurst = 64;

  void group() {
    events_.fill(number_, ahead_.next());
    system_.events(ahead_);
    number_ += kGroup;
  }
  // Some samples, when they are due.
  void burst(std::minstd_rand* random, std::chrono::steady_clock::time_point begin) {
    const auto due =
        begin + std::chrono::nanoseconds(samples_.count * (1'000'000'000 / kSamplesPerSecond));
    if (reader_ == Reader::kPaced && std::chrono::steady_clock::now() < due) return;
    const Micros time = kStart + now_.event.load(std::memory_order_relaxed);
    for (std::uint64_t i = 0; i < kBurst; ++i) {
      const auto key = static_cast<std::uint32_t>((*random)() % load_.series);
      benchmark::DoNotOptimize(system_.sample(key, time));
    }
    samples_.count += kBurst;
  }

  const Load load_;
  const Reader reader_;
  alignas(128) Samples samples_;  // the reader's
  Now now_;                       // the writer's, seldom
  alignas(128) Events events_;    // the writer's from here on
  Ahead ahead_;
  std::int64_t number_ = 0;
  alignas(128) System system_;
};

std::int64_t thread_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// From nothing to a million panes of ever new keys, each event clocked: does growth stop the
// writer?
void grow(benchmark::State& state) {
  constexpr std::uint32_t kPanes = 16;
  const auto keys = static_cast<std::uint32_t>(state.range(0)) / kPanes;
  std::vector<std::int64_t> took;
  for (auto _ : state) {
    window::Window window({{.pane_length = 1'000, .dimensions = 2, .max_keys = keys}},
                          {.allowed_lateness = kPanes * 1'000});
    for (int i = 0; i < 2'048; ++i) window.dictionary().intern(std::to_string(i));
    MeasureValues values;
    values.values.fill(1);
    std::int64_t offset = 0;
    for (std::uint32_t key = 0; key < keys; ++key) {
      for (std::uint32_t pane = 0; pane < kPanes; ++pane) {
        const std::int64_t begin = thread_cpu_ns();
        window.begin_event();
        window.advance(kPanes * 1'000);
        window.add(window.slot(0, key_of(key), {}).slot, pane * 1'000, values, offset);
        window.publish(++offset);
        took.push_back(thread_cpu_ns() - begin);
      }
    }
    state.counters["bytes_per_pane"] = static_cast<double>(window.bytes()) / (keys * kPanes);
  }
  std::sort(took.begin(), took.end());
  state.counters["longest_event_us"] = static_cast<double>(took.back()) / 1e3;
  state.counters["p999_event_us"] = static_cast<double>(took[took.size() / 1'000 * 999]) / 1e3;
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

double minimum(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

template <typename System>
void declare(const std::string& system, const Load& load, Reader reader) {
  const std::string name = system + "/series:" + std::to_string(load.series) +
                           (load.is_zipf ? "/zipf" : "/uniform") +
                           "/late_percent:" + std::to_string(load.late_percent) +
                           "/panes_back:" + std::to_string(load.panes_back) + "/" +
                           kReaderNames[static_cast<std::size_t>(reader)];
  const bool is_large = load.series >= kLarge;
  const int repetitions = is_large ? 3 : 5;
  benchmark::RegisterBenchmark(
      name.c_str(),
      [load, reader, repetitions, left = 0,
       running = std::shared_ptr<Running<System>>()](benchmark::State& state) mutable {
        if (left == 0) {
          running = std::make_shared<Running<System>>(load, reader);
          left = repetitions;
        }
        running->measure(state);
        if (--left == 0) running.reset();
      })
      ->Iterations(is_large ? 1'000'000 : 4'000'000)
      ->Repetitions(repetitions)
      ->ReportAggregatesOnly()
      ->ComputeStatistics("min", minimum);
}

void declare_rivals(const Load& load, Reader reader) {
  declare<Other<BareLine>>("bare_line", load, reader);
  declare<Other<BareProbe>>("bare_probe", load, reader);
  declare<Other<FetchAdd>>("fetch_add", load, reader);
  declare<Other<MutexAndFlat>>("mutex_flat_hash_map", load, reader);
  declare<Other<MutexAndUnordered>>("mutex_unordered_map", load, reader);
  declare<Other<MutexAndTree>>("mutex_map", load, reader);
  declare<Other<TbbMap>>("tbb_concurrent_hash_map", load, reader);
}

void declare_all() {
  for (const std::size_t series : {100u, 10'000u, 1'000'000u}) {
    for (const bool is_zipf : {true, false}) {
      for (const int late : {0, 10}) {
        const Load load{.series = series, .is_zipf = is_zipf, .late_percent = late};
        for (const Reader reader : {Reader::kNone, Reader::kPaced, Reader::kWithoutRest}) {
          if (series >= kLarge && reader == Reader::kPaced) continue;
          declare<Published>("window", load, reader);
          declare<Unpublished>("unpublished", load, reader);
        }
        // The others where they matter: with a reader, at both ends.
        if (is_zipf != (late == 0)) continue;
        declare<OneByOne>("window_one_by_one", load, Reader::kWithoutRest);
        declare_rivals(load, Reader::kWithoutRest);
      }
    }
  }
  const Load usual{.series = 10'000, .is_zipf = true};
  declare<Other<Nothing>>("nothing", usual, Reader::kNone);
  for (const Reader reader : {Reader::kNone, Reader::kPaced}) {
    declare<OneByOne>("window_one_by_one", usual, reader);
    declare_rivals(usual, reader);
  }
  benchmark::RegisterBenchmark("growth/panes", grow)
      ->Arg(10'000)
      ->Arg(100'000)
      ->Arg(1'000'000)
      ->Iterations(1)
      ->Repetitions(5)
      ->ReportAggregatesOnly()
      ->ComputeStatistics("min", minimum);
  // Against the window's length and against disorder.
  for (const int panes : {2, 8, 32}) {
    declare<Published>("window_length", {.series = 10'000, .is_zipf = true, .panes_back = panes},
                       Reader::kWithoutRest);
  }
  for (const int late : {1, 30, 50}) {
    declare<Published>("window_disorder", {.series = 10'000, .is_zipf = true, .late_percent = late},
                       Reader::kWithoutRest);
  }
}

}  // namespace
}  // namespace surgewatch::bench

int main(int argc, char** argv) {
  surgewatch::bench::declare_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
