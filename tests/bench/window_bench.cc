// The window alone: what one contribution costs its writer, beside what else could hold panes.
//
//   tests/bench/run_window.sh      all of it, into build/bench/window.json
//
// cpu_time is that of the writer's thread alone. With a reader, another thread samples panes of
// random keys without rest; in every case a third collects what changed ten times a second.
// `unpublished` is the same code without sequence locks, hand-over and progress.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "window/window.h"
#include "window_contenders.h"
#include "window_events.h"

namespace surgewatch::bench {
namespace {

constexpr auto kFlushInterval = std::chrono::milliseconds(100);

template <window::Publication kPublication>
class OurWindow {
 public:
  explicit OurWindow(const Load& load)
      : back_(pane_length(load.series) * load.panes_back),
        length_(pane_length(load.series)),
        window_({{.pane_length = length_, .dimensions = 2, .max_keys = load.series}},
                {.allowed_lateness = back_, .out_of_orderness = 0}) {
    for (int i = 0; i < 2'048; ++i) window_.dictionary().intern(std::to_string(i));
    window_.begin_event();
    window_.advance(kStart);
    for (std::uint32_t i = 0; i < load.series; ++i)
      slots_.push_back(window_.slot(0, key_of(i), {}).slot);
    window_.publish(0);
  }

  void event(const window::KeyValues& key, Micros newest, Micros time,
             const MeasureValues& values) {
    window_.begin_event();
    window_.advance(newest);
    const window::SlotId slot = window_.slot(0, key, {}).slot;
    window_.add<kPublication>(slot, time, values, offset_);
    window_.publish<kPublication>(++offset_);
  }
  MeasureValues sample(std::uint32_t number, Micros time) {
    window::PaneSnapshot snapshot;
    window_.read(slots_[number], pane_of(time, length_), &snapshot);
    return snapshot.values;
  }
  void collect() { window_.collect(&collected_); }
  window::Window& window() { return window_; }

 private:
  const Micros back_, length_;
  window::Window window_;
  std::vector<window::SlotId> slots_;
  std::int64_t offset_ = 1;
  window::Collected collected_;
};
using Published = OurWindow<window::Publication::kOn>;
using Unpublished = OurWindow<window::Publication::kOff>;

// Rivals have one thread fewer: nothing of theirs is handed over.
template <typename Rival>
class Other {
 public:
  explicit Other(const Load& load) : rival_(std::make_unique<Rival>(load)) {}
  void event(const window::KeyValues& key, Micros, Micros time, const MeasureValues& values) {
    rival_->event(key, time, values);
  }
  MeasureValues sample(std::uint32_t number, Micros time) {
    return rival_->sample(key_of(number), time);
  }
  void collect() {}

 private:
  std::unique_ptr<Rival> rival_;
};

// A thread that does something until it is destroyed.
class Busy {
 public:
  template <typename Work>
  explicit Busy(Work work)
      : thread_([this, work]() mutable {
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

template <typename System>
void run(benchmark::State& state, const Load& load, bool has_reader) {
  const Events events(load);
  System system(load);
  alignas(128) std::atomic<std::int64_t> event{0};
  alignas(128) std::int64_t number = 0;
  const auto one = [&] {
    system.event(key_of(events.key(number)), events.newest(number), events.time(number),
                 events.values(number));
    ++number;
  };
  // Into the steady state: the first panes of the usual keys are there.
  const auto warm = static_cast<std::int64_t>(std::min<std::size_t>(kStream, 4 * load.series));
  while (number < warm) one();
  {
    Busy flusher([&] {
      system.collect();
      std::this_thread::sleep_for(kFlushInterval);
    });
    std::unique_ptr<Busy> reader;
    std::uint64_t samples = 0;
    if (has_reader) {
      reader = std::make_unique<Busy>([&, random = std::minstd_rand(1), n=0ull, s=load.series]() mutable {
        const auto key = static_cast<std::uint32_t>(random() % s);
        benchmark::DoNotOptimize(system.sample(key, kStart + event.load()));
        if (++n%1024==0) samples=n;
      });
    }
    for (auto _ : state) {
      one();
      if ((number & 0xffff) == 0) event.store(number, std::memory_order_relaxed);
    }
    reader.reset();
    if (has_reader) state.counters["samples"] = static_cast<double>(samples);
  }
  state.SetItemsProcessed(state.iterations());
}

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
void declare(const std::string& system, const Load& load, bool has_reader) {
  const std::string name =
      system + "/series:" + std::to_string(load.series) + (load.is_zipf ? "/zipf" : "/uniform") +
      "/late_percent:" + std::to_string(load.late_percent) +
      "/panes_back:" + std::to_string(load.panes_back) + (has_reader ? "/reader" : "/no_reader");
  benchmark::RegisterBenchmark(
      name.c_str(),
      [load, has_reader](benchmark::State& state) { run<System>(state, load, has_reader); })
      ->Iterations(load.series > 100'000 ? 3'000'000 : 6'000'000)
      ->Repetitions(5)
      ->ReportAggregatesOnly()
      ->ComputeStatistics("min", minimum);
}

void declare_all() {
  for (const std::size_t series : {100u, 10'000u, 1'000'000u}) {
    for (const bool is_zipf : {true, false}) {
      for (const int late : {0, 10}) {
        const Load load{.series = series, .is_zipf = is_zipf, .late_percent = late};
        for (const bool has_reader : {true, false}) {
          declare<Published>("window", load, has_reader);
          declare<Unpublished>("unpublished", load, has_reader);
        }
        // The rivals where they matter: with a reader, at both ends.
        if (is_zipf != (late == 0)) continue;
        declare<Other<BareProbe>>("bare_probe", load, true);
        declare<Other<FetchAdd>>("fetch_add", load, true);
        declare<Other<MutexAndFlat>>("mutex_flat_hash_map", load, true);
        declare<Other<MutexAndUnordered>>("mutex_unordered_map", load, true);
        declare<Other<MutexAndTree>>("mutex_map", load, true);
        declare<Other<TbbMap>>("tbb_concurrent_hash_map", load, true);
      }
    }
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
                       true);
  }
  for (const int late : {1, 30, 50}) {
    declare<Published>("window_disorder", {.series = 10'000, .is_zipf = true, .late_percent = late},
                       true);
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
