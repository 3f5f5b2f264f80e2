// The events that every contender of window_bench.cc gets: keys of two dimensions, zipf or uniform,
// in order or a tenth of them late, five sums each.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "base/measures.h"
#include "base/time.h"
#include "window/window.h"

namespace surgewatch::bench {

// Time in the events' own unit: each is one later than the one before.
constexpr Micros kStart = 1'000'000'000;
constexpr std::size_t kStream = std::size_t{1} << 22;
// A pane holds some tens of events of a key on average, and never changes faster than flushers do.
constexpr std::int64_t kEventsPerKeyAndPane = 20;
constexpr std::int64_t kLeastEventsPerPane = 400'000;

struct Load {
  std::size_t series = 0;
  bool is_zipf = false;
  int late_percent = 0;
  // Of the watermark behind the newest event; late ones are spread over it.
  int panes_back = 1;
};

inline Micros pane_length(std::size_t series) {
  return std::max(kLeastEventsPerPane, kEventsPerKeyAndPane * static_cast<std::int64_t>(series));
}

// Numbers of keys; the frequent ones of a zipf distribution (exponent 1) lie anywhere among them.
inline const std::vector<std::uint32_t>& key_stream(std::size_t series, bool is_zipf) {
  static std::map<std::pair<std::size_t, bool>, std::vector<std::uint32_t>> streams;
  std::vector<std::uint32_t>& stream = streams[{series, is_zipf}];
  if (!stream.empty()) return stream;
  std::mt19937_64 random(series);
  stream.resize(kStream);
  if (!is_zipf) {
    for (std::uint32_t& key : stream) key = static_cast<std::uint32_t>(random() % series);
    return stream;
  }
  std::vector<std::uint32_t> names(series);
  for (std::size_t i = 0; i < series; ++i) names[i] = static_cast<std::uint32_t>(i);
  std::shuffle(names.begin(), names.end(), random);
  std::vector<double> below(series);
  double sum = 0;
  for (std::size_t i = 0; i < series; ++i) below[i] = sum += 1 / static_cast<double>(i + 1);
  std::uniform_real_distribution<double> uniform(0, sum);
  for (std::uint32_t& key : stream) {
    const auto rank = std::lower_bound(below.begin(), below.end(), uniform(random)) - below.begin();
    key = names[std::min(static_cast<std::size_t>(rank), series - 1)];
  }
  return stream;
}

inline window::KeyValues key_of(std::uint32_t number) {
  return {number % 1'024, 1'024 + number / 1'024, 0, 0};
}

inline std::uint32_t number_of(const window::KeyValues& key) {
  return (key[1] - 1'024) * 1'024 + key[0];
}

// The window's own hash, for all of them.
struct KeyHash {
  std::size_t operator()(const window::KeyValues& key) const {
    return window::mix(std::uint64_t{key[1]} << 32 | key[0], std::uint64_t{key[3]} << 32 | key[2]);
  }
};

// Contenders get events in groups and may look ahead, as the product does within a batch of
// records.
constexpr std::size_t kGroup = 8;
struct Event {
  window::KeyValues key{};
  Micros newest = 0, time = 0;
  const MeasureValues* values = nullptr;
};
using Group = std::array<Event, kGroup>;

// The group whose turn it is, [0], and those that come next. The product's distance is eight
// records of some 400 ns; three groups are less than that.
class Ahead {
 public:
  static constexpr std::size_t kGroups = 8;  // so that what is looked at has long been stored
  const Group& operator[](std::size_t group) const { return groups_[(now_ + group) % kGroups]; }
  // Returns the last one, to be filled: it was the first.
  Group* next() { return &groups_[now_++ % kGroups]; }

 private:
  std::array<Group, kGroups> groups_{};
  std::size_t now_ = 0;
};

class Events {
 public:
  explicit Events(const Load& load) : keys_(key_stream(load.series, load.is_zipf)), back_(kSpread) {
    std::mt19937_64 random(load.series + 1);
    const auto spread = static_cast<std::uint64_t>(pane_length(load.series) * load.panes_back);
    for (Micros& back : back_) {
      const bool is_late = random() % 100 < static_cast<unsigned>(load.late_percent);
      back = is_late ? static_cast<Micros>(random() % spread) : 0;
    }
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const auto n = static_cast<std::int64_t>(i) + 1;
      values_[i].values = {1, n, 8 * n, 30'000'000'000 * n, 15'824 * 8 * n};
    }
  }

  // Events `number` to `number` + kGroup - 1; `number` is a multiple of kGroup.
  void fill(std::int64_t number, Group* group) {
    const std::uint32_t* key = &keys_[static_cast<std::size_t>(number) % kStream];
    const MeasureValues* values = &values_[static_cast<std::size_t>(number) % values_.size()];
    for (Event& event : *group) {
      const Micros now = kStart + number++;
      event = {.key = key_of(*key++),
               .newest = now,
               .time = now - back_.data()[next_back_],
               .values = values++};
      if (++next_back_ == kSpread) next_back_ = 0;
    }
  }

 private:
  static constexpr std::size_t kSpread = 1'021;  // prime: late events meet all keys
  const std::vector<std::uint32_t>& keys_;
  std::vector<Micros> back_;
  std::size_t next_back_ = 0;
  std::array<MeasureValues, 2 * kGroup> values_{};
};

}  // namespace surgewatch::bench
