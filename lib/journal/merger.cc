#include "journal/merger.h"

#include <fmt/format.h>

#include <algorithm>

namespace surgewatch::journal {

namespace {

Partitions read_topology(const v1::Topology& topology) {
  Partitions partitions{};
  for (const v1::Topology::Topic& topic : topology.topics()) {
    const std::optional<Topic> known = input_topic_from_name(topic.name());
    if (!known.has_value()) continue;
    std::int32_t& most = partitions[static_cast<std::size_t>(*known)];
    most = std::max(most, topic.partitions());
  }
  return partitions;
}

// Of a pair: of the topic that has more.
std::int32_t of_topic(const Partitions& partitions, Topic topic) {
  if (topic == Topic::kOrders) return std::max(partitions[0], partitions[1]);
  return partitions[static_cast<std::size_t>(topic)];
}

std::string name_of(SourceId source) {
  return fmt::format("{}/{}", topic_name(source.topic), source.partition);
}

}  // namespace

Merger::Merger(std::shared_ptr<const config::Config> config, Options options)
    : config_(std::move(config)), options_(options) {
  const auto limit = static_cast<std::size_t>(config_->limits.detector_keys_per_series);
  for (const config::Series& series : config_->series) {
    keys_.push_back(std::make_unique<KeyTable>(series.group_by.size(), limit));
  }
}

std::span<const Change> Merger::apply(const v1::JournalRecord& record, std::int64_t offset) {
  changes_.clear();
  refused_.clear();
  heard_ = false;
  last_offset_ = offset;
  if (std::optional<Refused> refused = refusal_of(record, offset)) {
    refuse(*std::move(refused));
    return changes_;
  }
  if (record.has_topology() && !record.has_source()) {
    apply_topology(record.topology());
    heard_ = refused_.empty();
    return changes_;
  }
  const SourceId source = *source_of(record);
  if (record.has_ownership()) {
    owners_.claim(source, record, offset);
    return changes_;
  }
  if (Generation* said_by = generation_for(source, record); said_by != nullptr) {
    apply(source, record, said_by);
    heard_ = true;
  }
  return changes_;
}

void Merger::apply(SourceId source, const v1::JournalRecord& record, Generation* said_by) {
  // A pair has the watermarks of its halves.
  if (source.topic != Topic::kOrders) said_by->watermarks().add_source(source);
  switch (record.kind_case()) {
    case v1::JournalRecord::kPanes:
      said_by->apply(source, record.panes(), said_by == in_force_ ? &changes_ : nullptr, &refused_);
      break;
    case v1::JournalRecord::kFindings:
      said_by->apply(source, record.findings(), &refused_);
      break;
    case v1::JournalRecord::kProgress:
      said_by->apply(source, record, said_by == in_force_ ? &changes_ : nullptr);
      if (said_by != in_force_) replace_if_caught_up();
      break;
    case v1::JournalRecord::kIdle:
      if (source.topic == Topic::kOrders) break;
      said_by->watermarks().mark_idle(source, record.idle().idle());
      break;
    case v1::JournalRecord::kTopology:
      said_by->say_partitions(source, read_topology(record.topology()));
      break;
    default:
      break;
  }
}

// ---- what is refused ---------------------------------------------------------------------------

std::optional<Refused> Merger::refusal_of(const v1::JournalRecord& record,
                                          std::int64_t offset) const {
  if (auto refused = impossible(record, offset)) return refused;
  if (!record.has_source()) return std::nullopt;
  const SourceId source = *source_of(record);
  if (record.progress().ended() && !options_.inputs_end) {
    return Refused{Refusal::kEnded, fmt::format("progress of {}", name_of(source))};
  }
  std::int32_t partitions = partitions_known(source.topic);
  // Who claims a partition may know more of them than those before him.
  const Partitions claimed = read_topology(record.ownership().topology());
  partitions = std::max(partitions, of_topic(claimed, source.topic));
  if (partitions == 0 || source.partition < partitions) return std::nullopt;
  return Refused{Refusal::kBeyondTopology,
                 fmt::format("{} of {} partitions", name_of(source), partitions)};
}

void Merger::refuse(Refused refused) {
  ++stats_.refused[refused.reason];
  refused_.push_back(std::move(refused));
}

std::int32_t Merger::partitions_known(Topic topic) const {
  // There are as many pairs as partitions of either.
  std::int32_t most = of_topic(said_by_nobody_, topic);
  for (const auto& generation : generations_) {
    for (const Topic one : kInputTopics) {
      if (topic != one && topic != Topic::kOrders) continue;
      most = std::max(most, generation->partitions(one).value_or(0));
    }
  }
  return most;
}

// ---- topology, owners and generations ----------------------------------------------------------

// Of partitions that their owners don't know nobody is waited for, but they may be claimed.
void Merger::apply_topology(const v1::Topology& topology) {
  const Partitions said = read_topology(topology);
  bool is_refused = false;
  for (const Topic topic : kInputTopics) {
    const std::int32_t partitions = said[static_cast<std::size_t>(topic)];
    std::int32_t& most = said_by_nobody_[static_cast<std::size_t>(topic)];
    most = std::max(most, partitions);
    const auto known = in_force_ == nullptr ? std::nullopt : in_force_->partitions(topic);
    if (is_refused || partitions <= known.value_or(partitions)) continue;
    refuse({Refusal::kAnotherTopology,
            fmt::format("topic '{}' with {} partitions, of which its owners know {}",
                        topic_name(topic), partitions, *known)});
    is_refused = true;
  }
  for (const auto& generation : generations_) generation->hear_of_partitions(said_by_nobody_);
}

Generation* Merger::generation_for(SourceId source, const v1::JournalRecord& record) {
  switch (owners_.hear(source, record)) {
    case Owners::Standing::kOwner:
      if (Generation* known = counts_by_[source]; known != nullptr) return known;
      ++stats_.former_owners;  // by a generation that gave way
      return nullptr;
    case Owners::Standing::kNewOwner:
      return begin(source);
    case Owners::Standing::kFormer:
      ++stats_.former_owners;
      return nullptr;
    case Owners::Standing::kStranger:
      refuse({Refusal::kNotTheOwner, fmt::format("of {}", name_of(source))});
      return nullptr;
    case Owners::Standing::kNoOwner:
      refuse({Refusal::kNoOwner, fmt::format("of {}", name_of(source))});
      return nullptr;
  }
  return nullptr;
}

// His first word.
Generation* Merger::begin(SourceId source) {
  const v1::Ownership* ownership = owners_.owner(source);
  Generation& named = generation(ownership == nullptr ? "" : ownership->generation());
  counts_by_[source] = &named;
  named.begin(source);
  if (ownership != nullptr) {
    named.declare(source.topic, *ownership);
    if (ownership->has_topology()) {
      named.say_partitions(source, read_topology(ownership->topology()));
    }
    retire();
  }
  return &named;
}

Generation& Merger::generation(const std::string& name) {
  for (const auto& known : generations_) {
    if (known->name() == name) return *known;
  }
  if (generations_.size() == kMaxGenerations) {
    // Somebody owns a source by it still, and will be heard again when he begins anew.
    const auto oldest = std::ranges::find_if(
        generations_, [this](const auto& one) { return one.get() != in_force_; });
    for (auto& [source, generation] : counts_by_) {
      if (generation == oldest->get()) generation = nullptr;
    }
    (*oldest)->clear();
    generations_.erase(oldest);
  }
  Generation& added =
      *generations_.emplace_back(std::make_unique<Generation>(name, config_, &keys_, &stats_));
  added.hear_of_partitions(said_by_nobody_);
  if (in_force_ == nullptr) in_force_ = &added;
  return added;
}

bool Merger::is_owned_by(const Generation& generation) const {
  return std::ranges::any_of(counts_by_,
                             [&](const auto& entry) { return entry.second == &generation; });
}

// By which nobody counts any more, and which is not in force, can't take anything's place.
void Merger::retire() {
  std::erase_if(generations_, [this](const auto& generation) {
    if (generation.get() == in_force_ || is_owned_by(*generation)) return false;
    generation->clear();
    return true;
  });
}

// The newest first: of two that have caught up it is the one that was asked for last.
void Merger::replace_if_caught_up() {
  for (std::size_t i = generations_.size(); i-- > 0;) {
    Generation* next = generations_[i].get();
    if (next == in_force_ || !next->has_caught_up_with(*in_force_)) continue;
    next->differences(in_force_, &changes_);
    next->watermarks().follow(in_force_->watermarks());
    in_force_ = next;
    ++stats_.generations;
    retire();
    return;
  }
}

// ---- what others ask ---------------------------------------------------------------------------

std::optional<Micros> Merger::watermark(std::size_t series, std::size_t other) const {
  if (in_force_ == nullptr || !in_force_->covers(series) || !in_force_->covers(other)) {
    return std::nullopt;
  }
  return in_force_->watermarks().combined(topics_of(series, other));
}

std::optional<Micros> Merger::first_watermark(std::size_t series, std::size_t other) const {
  return in_force_ == nullptr ? std::nullopt
                              : in_force_->watermarks().first(topics_of(series, other));
}

std::optional<Micros> Merger::lowest_watermark() const {
  return in_force_ == nullptr ? std::nullopt : in_force_->watermarks().lowest();
}

const std::string& Merger::reference_data_version() const {
  static const std::string kNobodyHasSaid;
  return in_force_ == nullptr ? kNobodyHasSaid : in_force_->reference_data_version;
}

void Merger::forget_before(std::size_t series, PaneIndex pane) {
  for (const auto& generation : generations_) generation->forget_before(series, pane);
}

}  // namespace surgewatch::journal
