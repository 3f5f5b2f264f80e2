// Sliding, hopping and tumbling windows over the panes that sources hold in memory, for one who
// asks now: sums, the largest pane, and how many keys.
//
// Threads: any, at any time: one more lock-free reader of each source's window, which neither the
// writer nor the flusher notices. The sources must outlive the call.
// Invariants: every event below the next_offset that the answer names for a source is in it, once;
// of later ones, any part may be. A window that is not marked complete lacks panes that have left.
// Errors: INVALID_ARGUMENT with the parameter's name where the answer would be larger than the
// limits below, or begins before the year 1.
// Cost: each key is looked at; each pane of the keys that are answered is read once, some 50 ns;
// the windows then take O(log panes) each, however long they are and however much they overlap
// (window/pane_tree.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/source.h"
#include "base/time.h"
#include "config/config.h"
#include "surgewatch/v1/live.pb.h"

namespace surgewatch::window {
class Reads;
}

namespace surgewatch::aggregate {

// From the start of the first window to the end of the last.
inline constexpr std::int64_t kMaxLivePanes = 16'384;
inline constexpr std::int64_t kMaxLiveWindows = 1'000;
// Rows times windows: some megabytes of JSON.
inline constexpr std::int64_t kMaxLiveFigures = 20'000;
// Panes read for one answer: some tenths of a second.
inline constexpr std::int64_t kMaxLiveReads = 4'000'000;

struct LiveQuery {
  std::size_t series = 0;  // index into Config::series
  // In panes, above 0. Windows end at multiples of the step since 1970-01-01T00:00:00Z.
  std::int64_t window = 1;
  std::int64_t step = 1;
  std::int64_t windows = 1;  // so many, the newest last
  // The last window ends here or before; absent: it is the first that holds all events seen.
  std::optional<Micros> end = {};
  std::vector<std::size_t> per = {};  // positions in group_by, ascending
  std::vector<std::optional<std::string>> key =
      {};                       // by position in group_by: only keys of this value
  std::int64_t rows = 100;      // at most
  std::string page_token = {};  // next_page_token of the page before, or empty
};

struct LiveSource {
  SourceId id;
  const window::Reads* panes = nullptr;  // see Source::panes()
  bool caught_up = false;
};

absl::StatusOr<v1::LiveWindows> live_windows(const config::Config& config,
                                             std::span<const LiveSource> sources,
                                             const LiveQuery& query);

}  // namespace surgewatch::aggregate
