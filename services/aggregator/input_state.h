// What a worker knows of an input partition beside what it counts: where its log began, from where
// on its records are new, whether it has been read to where it was asked. Part of an OwnedSource.
//
// Threads: the worker's, but for what is atomic.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "aggregate/source.h"
#include "common/beginning.h"

namespace surgewatch::services {

// Records below `offset` were counted in metrics by an earlier owner.
class NewsBorder {
 public:
  explicit NewsBorder(std::int64_t offset = 0) : offset_(offset), passed_(offset == 0) {}

  std::int64_t offset() const { return offset_; }
  // Any thread. What passed() guards may then be read.
  bool passed() const { return passed_.load(std::memory_order_acquire); }
  // What was counted below the border. Once passed.
  const aggregate::SourceStats& below() const { return below_; }
  // The worker, once, before the first record at or beyond the border.
  void pass(aggregate::SourceStats below) {
    below_ = std::move(below);
    passed_.store(true, std::memory_order_release);
  }

 private:
  const std::int64_t offset_;
  aggregate::SourceStats below_;
  // Set by the worker after below_; the release pairs with the acquire of passed().
  std::atomic<bool> passed_;
};

struct InputState {
  explicit InputState(std::int64_t committed_by_group = 0)
      : border(committed_by_group), committed(committed_by_group) {}

  static std::uint64_t next_life() {
    static std::atomic<std::uint64_t> lives{0};  // a number; orders nothing
    return lives.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  const std::uint64_t life = next_life();  // tells owners of one source apart, in this process
  NewsBorder border;                       // what an earlier owner had committed

  // As the group's first life found it, or this one, if it is the first. The worker writes it
  // before has_begun (release), the watch reads it after that (acquire).
  Beginning beginning;
  std::atomic<bool> has_begun{false};  // its first record is the right one

  // Offsets below it have been there. The worker writes it, the watch reads it, and nothing else on
  // its strength: relaxed.
  std::atomic<std::int64_t> position{0};

  // Copies of late events and rejects below it are with the brokers. The worker writes it, the
  // flusher reads it, and nothing else on its strength: relaxed.
  std::atomic<std::int64_t> copied_to{0};

  // What is wrong with the log, said once by whoever finds it, before anybody acts on it: detail
  // first, then the incident (release; the worker's acquire).
  std::atomic<Incident> incident{Incident::kNone};
  std::string incident_detail;
  void say(Incident what, std::string detail) {
    const std::lock_guard lock(say_mutex);
    if (incident.load(std::memory_order_relaxed) != Incident::kNone) return;
    incident_detail = std::move(detail);
    incident.store(what, std::memory_order_release);
  }
  std::mutex say_mutex;

  // The worker's.
  std::int64_t end_when_assigned = 0;
  bool reached_end = false;
  std::int64_t to_be_delivered = 0;  // what had been processed by then
  // What the group holds: to be said again only when it differs.
  std::int64_t committed = 0;
  std::string committed_metadata;
  // As the group remembers it, or as it is now.
  std::optional<Beginning> partner;

  // The watch's.
  bool was_warned = false;
};

}  // namespace surgewatch::services
