// A fold is run again from a mark: what comes out is what a fold from the first window gives, and
// no more windows are run than the age of the change asks for.
#include "detect/fold.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace surgewatch::detect {
namespace {

constexpr std::int64_t kLength = 3;
constexpr std::int64_t kUnsettled = 500;  // windows

PaneIndex pane_of_window(std::int64_t number) { return number * kLength - 1; }

// A state that tells the order in which windows were taken in.
struct State {
  std::uint64_t digest = 1;
  void take(std::uint64_t value) { digest = digest * 1'000'003 + value; }
};

class Windows {
 public:
  // Windows are counted from here; before 1970 as well.
  explicit Windows(std::int64_t first) : first_(first), newest_(first - 1) {}

  void close(std::uint64_t value) {
    ++newest_;
    values_[newest_] = value;
    run(newest_);
    if (newest_ - settled_ <= kUnsettled) return;
    ++settled_;
    fold_.settle(pane_of_window(settled_), [&](State* state) { state->take(values_[settled_]); });
  }
  // How many windows that takes.
  std::int64_t change(std::int64_t age, std::uint64_t value) {
    const std::int64_t number = newest_ - age;
    values_[number] = value;
    const PaneIndex after = fold_.rewind(pane_of_window(number));
    const std::int64_t from =
        after == Fold<State>::kSettled ? settled_ + 1 : (after + 1) / kLength + 1;
    for (std::int64_t again = from; again <= newest_; ++again) run(again);
    return newest_ - from + 1;
  }
  State expected() const {
    State state;
    for (const auto& [number, value] : values_) state.take(value);
    return state;
  }
  const Fold<State>& fold() const { return fold_; }
  std::int64_t closed() const { return newest_ - first_ + 1; }

 private:
  void run(std::int64_t number) {
    const WindowGrid grid{.length = kLength, .newest = pane_of_window(newest_)};
    fold_.close(pane_of_window(number), grid, [&](State* state) { state->take(values_[number]); });
  }

  const std::int64_t first_;
  std::int64_t newest_;
  std::int64_t settled_ = first_ - 1;
  std::map<std::int64_t, std::uint64_t> values_;
  Fold<State> fold_{State{}};
};

TEST(Fold, GivesTheSameFromWhereverItIsRunAgain) {
  for (const std::int64_t first : {-700, 1, 100'000}) {
    std::mt19937_64 random(7);
    Windows windows(first);
    for (int i = 0; i < 1'500; ++i) {
      windows.close(random() % 100);
      if (random() % 4 != 0) continue;
      const auto most = static_cast<std::uint64_t>(std::min(windows.closed(), kUnsettled));
      const std::uint64_t age =
          random() % 2 == 0 ? random() % std::min<std::uint64_t>(most, 4) : random() % most;
      windows.change(static_cast<std::int64_t>(age), random() % 100);
      ASSERT_EQ(windows.fold().live().digest, windows.expected().digest) << i << " " << age;
    }
  }
}

TEST(Fold, RunsNoMoreThanEightTimesTheWindowsBehindAChange) {
  Windows windows(12'345);
  for (int i = 0; i < 1'000; ++i) windows.close(1);
  for (std::int64_t age = 0; age < kUnsettled; ++age) {
    EXPECT_LE(windows.change(age, 2), std::min(8 * (age + 1), kUnsettled)) << age;
    windows.close(1);
  }
}

TEST(Fold, KeepsNoMoreMarksThanItSays) {
  Windows windows(1);
  std::size_t most = 0;
  for (int i = 0; i < 2'000; ++i) {
    windows.close(1);
    most = std::max(most, windows.fold().marks());
  }
  EXPECT_LE(most, most_marks(kUnsettled));
  EXPECT_GT(2 * most, most_marks(kUnsettled));
}

TEST(Fold, GivesTheStateBeforeAWindow) {
  Windows windows(1);
  EXPECT_EQ(windows.fold().before(pane_of_window(1)).after, Fold<State>::kSettled);
  for (int i = 0; i < 10; ++i) windows.close(1);
  EXPECT_EQ(windows.fold().before(pane_of_window(11)).after, pane_of_window(10));
  EXPECT_EQ(windows.fold().before(pane_of_window(10)).after, pane_of_window(9));
  EXPECT_EQ(windows.fold().before(pane_of_window(9)).after, pane_of_window(8));
}

}  // namespace
}  // namespace surgewatch::detect
