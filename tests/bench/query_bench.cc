// What an answer over panes costs, against the window's length: summing the panes again beside the
// tree. run_queries.sh runs it; 10 seconds.
#include <benchmark/benchmark.h>

#include <random>

#include "window/pane_tree.h"

namespace surgewatch::window {
namespace {

constexpr std::int64_t kKept = 1 << 14;  // eleven days of minutes

template <typename Combine>
PaneTree<Combine> filled() {
  PaneTree<Combine> tree(kKept, 0);
  for (PaneIndex pane = 1; pane <= kKept; ++pane) tree.set(pane, pane * 7 % 1'000);
  return tree;
}

// The window moves on by a pane and is asked for.
template <typename Combine>
void slide(benchmark::State& state) {
  PaneTree<Combine> tree = filled<Combine>();
  const auto shape = WindowShape::sliding(state.range(0));
  for (auto _ : state) {
    tree.set(tree.newest() + 1, tree.newest() % 1'000);
    benchmark::DoNotOptimize(tree.aggregate(shape, tree.newest()));
  }
}
// Something late changes a pane anywhere in the window, which is asked for.
template <typename Combine>
void amend(benchmark::State& state) {
  PaneTree<Combine> tree = filled<Combine>();
  const auto shape = WindowShape::sliding(state.range(0));
  std::minstd_rand random(1);
  for (auto _ : state) {
    const auto back = static_cast<PaneIndex>(random() % static_cast<unsigned>(state.range(0)));
    tree.set(tree.newest() - back, back);
    benchmark::DoNotOptimize(tree.aggregate(shape, tree.newest()));
  }
}
// The same by adding up the window's panes.
template <typename Combine>
void amend_plainly(benchmark::State& state) {
  std::vector<typename Combine::Value> panes(kKept);
  const auto length = static_cast<std::size_t>(state.range(0));
  std::minstd_rand random(1);
  for (auto _ : state) {
    panes[kKept - 1 - random() % length] = 5;
    auto result = Combine::identity();
    for (std::size_t i = kKept - length; i < kKept; ++i) {
      result = Combine::combine(result, panes[i]);
    }
    benchmark::DoNotOptimize(result);
  }
}

void lengths(benchmark::internal::Benchmark* it) {
  for (const std::int64_t length : {1, 10, 60, 1'440, 10'080}) it->Arg(length);
  it->MinTime(0.05);
}
BENCHMARK(slide<Sum>)->Apply(lengths);
BENCHMARK(amend<Sum>)->Apply(lengths);
BENCHMARK(amend_plainly<Sum>)->Apply(lengths);
BENCHMARK(slide<Max>)->Apply(lengths);
BENCHMARK(amend<Max>)->Apply(lengths);
BENCHMARK(amend_plainly<Max>)->Apply(lengths);

}  // namespace
}  // namespace surgewatch::window
