#include "serve/alert_store.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <queue>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/at_most.h"
#include "base/proto_json.h"
#include "base/revision_chain.h"
#include "base/status.h"

namespace surgewatch::serve {
namespace {

using AlertPtr = std::shared_ptr<const v1::Alert>;

Micros onset_of(const v1::Alert& alert) {
  return alert.onset_time().seconds() * kMicrosPerSecond + alert.onset_time().nanos() / 1'000;
}

// Orders a list: newest onset first, then by id.
struct ListKey {
  Micros onset = 0;
  std::string alert_id;

  friend bool operator<(const ListKey& a, const ListKey& b) {
    if (a.onset != b.onset) return a.onset > b.onset;
    return a.alert_id < b.alert_id;
  }
};

ListKey key_of(const v1::Alert& alert) { return {onset_of(alert), alert.alert_id()}; }

// A SeriesPoint without what all points of its subject share. Windows start and end on whole
// seconds, since panes do.
struct Point {
  std::int64_t start = 0, end = 0;
  double observed = 0, expected = 0, upper_bound = 0;
  bool has_expected = false, has_upper_bound = false, firing = false, inconclusive = false;
  v1::AlertLife life = v1::ALERT_LIFE_UNSPECIFIED;
};

Point compact(const v1::SeriesPoint& point) {
  return {.start = point.window_start().seconds(),
          .end = point.window_end().seconds(),
          .observed = point.observed(),
          .expected = point.expected(),
          .upper_bound = point.upper_bound(),
          .has_expected = point.has_expected(),
          .has_upper_bound = point.has_upper_bound(),
          .firing = point.firing(),
          .inconclusive = point.inconclusive(),
          .life = point.life()};
}

// `shared` never changes and never moves once it is there, so it is read without the lock.
struct SubjectPoints {
  v1::SeriesPoint shared;
  std::deque<Point> points;  // by end

  std::deque<Point>::iterator at_or_after(std::int64_t end) {
    return std::lower_bound(points.begin(), points.end(), end,
                            [](const Point& point, std::int64_t e) { return point.end < e; });
  }
};

v1::SeriesPoint expand(const SubjectPoints& subject, const Point& point) {
  v1::SeriesPoint full = subject.shared;
  full.mutable_window_start()->set_seconds(point.start);
  full.mutable_window_end()->set_seconds(point.end);
  full.set_observed(point.observed);
  if (point.has_expected) full.set_expected(point.expected);
  if (point.has_upper_bound) full.set_upper_bound(point.upper_bound);
  full.set_firing(point.firing);
  full.set_inconclusive(point.inconclusive);
  full.set_life(point.life);
  return full;
}

// One string of a key of several: sorts as the text does, and no text can reach beyond its own end.
void append_part(std::string_view text, std::string* key) {
  for (const char c : text) {
    key->push_back(c);
    if (c == '\0') key->push_back('\xFF');
  }
  key->append(1, '\0').append(1, '\1');
}

// Rule and subject in one string that sorts by both.
std::string subject_key(const v1::SeriesPoint& point) {
  std::string key;
  append_part(point.rule(), &key);
  const std::map<std::string, std::string> ordered(point.subject().begin(), point.subject().end());
  for (const auto& [dimension, value] : ordered) {
    append_part(dimension, &key);
    append_part(value, &key);
  }
  return key;
}

bool subject_matches(const AlertStore::PointQuery& query, const v1::SeriesPoint& shared) {
  if (!query.rule.empty() && query.rule != shared.rule()) return false;
  return std::all_of(query.subject.begin(), query.subject.end(), [&](const auto& wanted) {
    const auto found = shared.subject().find(wanted.first);
    return found != shared.subject().end() && found->second == wanted.second;
  });
}

template <typename Range, typename Value>
bool contains(const Range& range, const Value& value) {
  return std::find(range.begin(), range.end(), value) != range.end();
}

}  // namespace

bool matches(const v1::AlertFilter& filter, const v1::Alert& alert) {
  if (filter.rules_size() > 0 && !contains(filter.rules(), alert.rule())) return false;
  // A severity that this version does not know may lie below all that it does.
  const bool asks_severity = filter.min_severity() != v1::SEVERITY_UNSPECIFIED;
  if (asks_severity && alert.severity() < filter.min_severity()) return false;
  if (filter.state() != v1::ALERT_STATE_UNSPECIFIED && filter.state() != alert.state()) {
    return false;
  }
  return filter.regions_size() == 0 ||
         std::any_of(alert.subject().begin(), alert.subject().end(),
                     [&](const auto& entry) { return contains(filter.regions(), entry.second); });
}

absl::Status check_filter(const v1::AlertFilter& filter) {
  if (filter.rules_size() <= kMaxFilterValues && filter.regions_size() <= kMaxFilterValues) {
    return absl::OkStatus();
  }
  return invalid_argument(
      "the filter names {} rules and {} regions, but may name at most {} of each; ask for all, and "
      "choose",
      filter.rules_size(), filter.regions_size(), kMaxFilterValues);
}

struct AlertStore::State {
  explicit State(const Limits& l) : limits(l) {}

  const Limits limits;
  // std::mutex, since ThreadSanitizer does not see the locks of Debian's Abseil.
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  bool stopped ABSL_GUARDED_BY(mutex) = false;

  Place place ABSL_GUARDED_BY(mutex);
  // Behind the newest revision that has left the deque: from here on nothing is missing.
  std::int64_t complete_from ABSL_GUARDED_BY(mutex) = 0;
  std::deque<StoredRevision> revisions ABSL_GUARDED_BY(mutex);

  std::map<ListKey, AlertPtr> ordered ABSL_GUARDED_BY(mutex);
  std::set<ListKey> resolved ABSL_GUARDED_BY(mutex);
  struct Newest {
    AlertPtr alert;
    RevisionChain chain;
  };
  absl::flat_hash_map<std::string, Newest> newest ABSL_GUARDED_BY(mutex);

  struct Change {
    const std::string* subject = nullptr;  // a key of *subjects
    std::int64_t end = 0;
  };
  using Subjects = std::map<std::string, SubjectPoints>;
  // Shared with readers that have taken points and expand them without the lock.
  std::shared_ptr<Subjects> subjects ABSL_GUARDED_BY(mutex) = std::make_shared<Subjects>();
  std::deque<Change> changes ABSL_GUARDED_BY(mutex);
  std::int64_t change_count ABSL_GUARDED_BY(mutex) = 0;  // of all that there ever were
  std::uint64_t dropped_points ABSL_GUARDED_BY(mutex) = 0;
  std::uint64_t evicted_alerts ABSL_GUARDED_BY(mutex) = 0;

  // Held while they are called, so that it says when no call is under way.
  std::mutex watch_mutex;
  std::list<std::function<void()>> watchers ABSL_GUARDED_BY(watch_mutex);

  bool put(SubjectPoints* subject, const Point& point) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // Tells those who watch. To be made before the lock is taken: it acts once that is released.
  auto telling() {
    return absl::Cleanup([this] {
      const std::lock_guard lock(watch_mutex);
      for (const auto& watcher : watchers) watcher();
    });
  }

  // Moves the end of the log; false if the record has been seen before.
  bool pass(std::int64_t offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (offset < place.next_offset) return false;
    place.next_offset = offset + 1;
    changed.notify_all();
    return true;
  }
  void unlist(const v1::Alert& alert) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const ListKey key = key_of(alert);
    ordered.erase(key);
    resolved.erase(key);
  }
  void erase(const std::string& alert_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto found = newest.find(alert_id);
    if (found == newest.end()) return;
    unlist(*found->second.alert);
    newest.erase(found);
  }
};

AlertStore::AtMost AlertStore::at_most(const Limits& limits, Saturating alert, Saturating subject) {
  // With its own counts.
  const Saturating held = at_most::block(alert + 4 * sizeof(void*));
  // An id is `al-` and 16 digits; it is in three places.
  constexpr std::size_t kIdBytes = 19;
  const Saturating of_alert = at_most::text(kIdBytes) * 3 +
                              at_most::tree_node(sizeof(std::pair<const ListKey, AlertPtr>)) +
                              at_most::tree_node(sizeof(ListKey));
  const Saturating of_subject = at_most::tree_node(sizeof(State::Subjects::value_type)) +
                                at_most::text(subject) * 2 + subject +
                                at_most::deque(limits.points_per_subject, sizeof(Point));
  return {.revisions = Saturating(limits.revisions) * held +
                       at_most::deque(limits.revisions, sizeof(StoredRevision)),
          .alerts = Saturating(limits.alerts) * (held + of_alert) +
                    at_most::flat_hash(limits.alerts,
                                       sizeof(std::pair<const std::string, State::Newest>)),
          .points = Saturating(limits.subjects) * of_subject +
                    at_most::deque(limits.point_changes, sizeof(State::Change))};
}

AlertStore::AlertStore(const Limits& limits) : state_(std::make_shared<State>(limits)) {}
AlertStore::AlertStore(std::int64_t kept_revisions)
    : AlertStore(Limits{.revisions = kept_revisions}) {}

AlertStore::Place AlertStore::place() const {
  const std::lock_guard lock(state_->mutex);
  return state_->place;
}

void AlertStore::reset() {
  State& s = *state_;
  const auto telling = s.telling();
  const std::lock_guard lock(s.mutex);
  s.place = {.life = s.place.life + 1, .loaded = false};
  s.complete_from = 0;
  s.revisions.clear();
  s.ordered.clear();
  s.resolved.clear();
  s.newest.clear();
  s.subjects = std::make_shared<State::Subjects>();
  s.changes.clear();
  s.changed.notify_all();
}

void AlertStore::set_loaded() {
  const std::lock_guard lock(state_->mutex);
  state_->place.loaded = true;
}

void AlertStore::set_identity(std::uint64_t identity) {
  const std::lock_guard lock(state_->mutex);
  state_->place.identity = identity;
}

AlertStore::Added AlertStore::add(std::int64_t offset, v1::Alert alert) {
  State& s = *state_;
  const auto held = std::make_shared<const v1::Alert>(std::move(alert));
  const auto telling = s.telling();
  const std::lock_guard lock(s.mutex);
  if (!s.pass(offset)) return {};
  State::Newest& newest = s.newest[held->alert_id()];
  const bool is_said_again = newest.alert != nullptr && newest.chain.newest() == held->revision() &&
                             to_bytes(*newest.alert) != to_bytes(*held);
  if (!newest.chain.takes(held->revision()) && !is_said_again) {
    if (newest.alert == nullptr) s.newest.erase(held->alert_id());
    return {};
  }
  Added added{.is_news = true, .evicted = {}};

  if (newest.alert != nullptr) s.unlist(*newest.alert);
  newest.alert = held;
  const ListKey key = key_of(*held);
  s.ordered.emplace(key, held);
  if (held->state() == v1::ALERT_STATE_RESOLVED) s.resolved.insert(key);
  if (s.newest.size() > s.limits.alerts) {
    added.evicted =
        s.resolved.empty() ? s.ordered.rbegin()->first.alert_id : s.resolved.rbegin()->alert_id;
    s.erase(added.evicted);
    ++s.evicted_alerts;
  }

  s.revisions.push_back({offset, held});
  while (static_cast<std::int64_t>(s.revisions.size()) > s.limits.revisions) {
    s.complete_from = s.revisions.front().offset + 1;
    s.revisions.pop_front();
  }
  return added;
}

void AlertStore::forget(std::int64_t offset, const std::string& alert_id) {
  const auto telling = state_->telling();
  const std::lock_guard lock(state_->mutex);
  if (state_->pass(offset)) state_->erase(alert_id);
}

void AlertStore::advance(std::int64_t next_offset) {
  const auto telling = state_->telling();
  const std::lock_guard lock(state_->mutex);
  state_->pass(next_offset - 1);
}

std::vector<v1::Alert> AlertStore::list(const v1::AlertFilter& filter) const {
  const Page all = page(filter, std::nullopt, state_->limits.alerts);
  std::vector<v1::Alert> copies;
  copies.reserve(all.alerts.size());
  for (const AlertPtr& alert : all.alerts) copies.push_back(*alert);
  return copies;
}

AlertStore::Page AlertStore::page(const v1::AlertFilter& filter, const std::optional<Cursor>& after,
                                  std::size_t limit, std::size_t max_bytes) const {
  const State& s = *state_;
  Page page;
  std::size_t bytes = 0;
  const std::lock_guard lock(s.mutex);
  page.place = s.place;
  auto entry =
      after ? s.ordered.upper_bound(ListKey{after->onset, after->alert_id}) : s.ordered.begin();
  for (; entry != s.ordered.end(); ++entry) {
    if (!matches(filter, *entry->second)) continue;
    if (max_bytes < SIZE_MAX) bytes += entry->second->ByteSizeLong();
    if (page.alerts.size() == limit || (bytes > max_bytes && !page.alerts.empty())) {
      const v1::Alert& last = *page.alerts.back();
      page.next = Cursor{onset_of(last), last.alert_id()};
      break;
    }
    page.alerts.push_back(entry->second);
  }
  return page;
}

std::optional<v1::Alert> AlertStore::get(const std::string& alert_id) const {
  AlertPtr held;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->newest.find(alert_id);
    if (found == state_->newest.end()) return std::nullopt;
    held = found->second.alert;
  }
  return *held;
}

absl::StatusOr<AlertStore::Revisions> AlertStore::since(const Place& place,
                                                        std::size_t limit) const {
  const State& s = *state_;
  const std::int64_t from = place.next_offset;
  const std::lock_guard lock(s.mutex);
  if (place.life != s.place.life) {
    return absl::AbortedError("the alerts topic is another one than before, or is read anew");
  }
  if (from < s.complete_from) {
    return out_of_range("revisions below offset {} are no longer kept, and {} was asked for",
                        s.complete_from, from);
  }
  Revisions result;
  auto next =
      std::lower_bound(s.revisions.begin(), s.revisions.end(), from,
                       [](const StoredRevision& r, std::int64_t o) { return r.offset < o; });
  for (; next != s.revisions.end() && result.revisions.size() < limit; ++next) {
    result.revisions.push_back(*next);
  }
  // At the next revision that is kept, or behind everything, what held no revision included.
  result.next = s.place;
  result.next.next_offset =
      next == s.revisions.end() ? std::max(from, s.place.next_offset) : next->offset;
  return result;
}

bool AlertStore::wait_beyond(const Place& from, std::chrono::milliseconds wait) const {
  const State& s = *state_;
  std::unique_lock lock(s.mutex);
  const auto is_news = [&] {
    return s.place.next_offset > from.next_offset || s.place.life != from.life;
  };
  s.changed.wait_for(lock, wait, [&] { return is_news() || s.stopped; });
  return is_news();
}

void AlertStore::stop() {
  const auto telling = state_->telling();
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->changed.notify_all();
}

bool AlertStore::stopped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stopped;
}

AlertStore::Watch AlertStore::watch(std::function<void()> changed) const {
  const std::lock_guard lock(state_->watch_mutex);
  const auto watcher = state_->watchers.insert(state_->watchers.end(), std::move(changed));
  return {&*watcher, [state = state_, watcher](const void*) {
            const std::lock_guard unwatch(state->watch_mutex);
            state->watchers.erase(watcher);
          }};
}

// --- Points ----------------------------------------------------------------------------------

bool AlertStore::State::put(SubjectPoints* subject, const Point& point) {
  const auto at = subject->at_or_after(point.end);
  if (at != subject->points.end() && at->end == point.end) {
    *at = point;
    return true;
  }
  const bool full = subject->points.size() >= limits.points_per_subject;
  if (full && at == subject->points.begin()) return false;
  subject->points.insert(at, point);
  if (full) {
    subject->points.pop_front();
    ++dropped_points;
  }
  return true;
}

void AlertStore::add(const v1::SeriesPoint& point) {
  State& s = *state_;
  std::string key = subject_key(point);
  const std::lock_guard lock(s.mutex);
  auto subject = s.subjects->find(key);
  if (subject == s.subjects->end()) {
    if (s.subjects->size() >= s.limits.subjects) {
      ++s.dropped_points;
      return;
    }
    subject = s.subjects->emplace(std::move(key), SubjectPoints{}).first;
    v1::SeriesPoint& shared = subject->second.shared;
    shared.set_rule(point.rule());
    shared.set_rule_type(point.rule_type());
    shared.set_series(point.series());
    shared.set_measure(point.measure());
    shared.set_unit(point.unit());
    shared.set_comparison(point.comparison());
    *shared.mutable_subject() = point.subject();
  }
  if (!s.put(&subject->second, compact(point))) {
    ++s.dropped_points;
    return;
  }
  s.changes.push_back({&subject->first, point.window_end().seconds()});
  ++s.change_count;
  if (s.changes.size() > s.limits.point_changes) s.changes.pop_front();
}

namespace {

struct Taken {
  const std::string* key = nullptr;
  const SubjectPoints* subject = nullptr;
  Point point;
};

// One subject's way from its newest wanted point towards the oldest.
struct Walk {
  const std::string* key = nullptr;
  SubjectPoints* subject = nullptr;
  std::size_t remaining = 0;  // points [0, remaining) are still to come

  const Point& head() const { return subject->points[remaining - 1]; }
  // The heap's top is the newest.
  friend bool operator<(const Walk& a, const Walk& b) {
    if (a.head().end != b.head().end) return a.head().end < b.head().end;
    return *a.key < *b.key;
  }
};

}  // namespace

std::vector<v1::SeriesPoint> AlertStore::points(const PointQuery& query) const {
  State& s = *state_;
  std::vector<Taken> taken;
  std::shared_ptr<const State::Subjects> held;  // over a reset()
  {
    // Merges the subjects from their newest points backwards, so that the cost goes by what is
    // taken and not by what is kept.
    const std::lock_guard lock(s.mutex);
    held = s.subjects;
    std::priority_queue<Walk> walks;
    for (auto& [key, subject] : *s.subjects) {
      if (!subject_matches(query, subject.shared)) continue;
      const auto end =
          query.to_seconds
              ? std::upper_bound(subject.points.begin(), subject.points.end(), *query.to_seconds,
                                 [](std::int64_t to, const Point& point) { return to < point.end; })
              : subject.points.end();
      const auto count = static_cast<std::size_t>(end - subject.points.begin());
      if (count > 0) walks.push({&key, &subject, count});
    }
    while (!walks.empty() && taken.size() < query.limit) {
      Walk walk = walks.top();
      walks.pop();
      const Point point = walk.head();
      if (query.from_seconds && point.end < *query.from_seconds) break;
      taken.push_back({walk.key, walk.subject, point});
      --walk.remaining;
      if (query.step_seconds > 0) {
        const std::int64_t step_start =
            floor_div(point.end, query.step_seconds) * query.step_seconds;
        walk.remaining = static_cast<std::size_t>(walk.subject->at_or_after(step_start) -
                                                  walk.subject->points.begin());
      }
      if (walk.remaining > 0) walks.push(walk);
    }
  }
  std::vector<v1::SeriesPoint> result;
  result.reserve(taken.size());
  for (auto t = taken.rbegin(); t != taken.rend(); ++t) {
    result.push_back(expand(*t->subject, t->point));
  }
  return result;
}

std::vector<v1::SeriesPoint> AlertStore::latest_points() const {
  std::vector<v1::SeriesPoint> result;
  const std::lock_guard lock(state_->mutex);
  for (const auto& [key, subject] : *state_->subjects) {
    if (!subject.points.empty()) result.push_back(expand(subject, subject.points.back()));
  }
  return result;
}

std::int64_t AlertStore::point_sequence() const {
  const std::lock_guard lock(state_->mutex);
  return state_->change_count;
}

AlertStore::PointChanges AlertStore::points_since(std::int64_t sequence, std::size_t limit,
                                                  std::int64_t until) const {
  State& s = *state_;
  PointChanges result;
  const std::lock_guard lock(s.mutex);
  const std::int64_t oldest = s.change_count - static_cast<std::int64_t>(s.changes.size());
  const std::int64_t end = std::min(until, s.change_count);
  result.next = std::max(sequence, end);
  if (sequence < oldest || sequence > s.change_count) {
    result.complete = false;
    result.next = s.change_count;
    return result;
  }
  absl::flat_hash_set<std::pair<const std::string*, std::int64_t>> seen;
  for (std::int64_t i = sequence; i < end; ++i) {
    const State::Change& change = s.changes[static_cast<std::size_t>(i - oldest)];
    if (!seen.emplace(change.subject, change.end).second) continue;
    if (result.points.size() == limit) {
      result.next = i;
      break;
    }
    SubjectPoints& subject = s.subjects->find(*change.subject)->second;
    const auto point = subject.at_or_after(change.end);
    // It may have left the ring since.
    if (point == subject.points.end() || point->end != change.end) continue;
    result.points.push_back(expand(subject, *point));
  }
  return result;
}

std::uint64_t AlertStore::dropped_points() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped_points;
}

std::uint64_t AlertStore::evicted_alerts() const {
  const std::lock_guard lock(state_->mutex);
  return state_->evicted_alerts;
}

}  // namespace surgewatch::serve
