#include "journal/merger.h"

#include <algorithm>

namespace surgewatch::journal {

Merger::Merger(std::shared_ptr<const config::Config> config) : config_(std::move(config)) {
  const auto limit = static_cast<std::size_t>(config_->limits.detector_keys_per_series);
  for (const config::Series& series : config_->series) {
    keys_.push_back(std::make_unique<KeyTable>(series.group_by.size(), limit));
  }
}

std::span<const Change> Merger::apply(const v1::JournalRecord& record, std::int64_t offset) {
  changes_.clear();
  last_offset_ = offset;
  if (record.kind_case() == v1::JournalRecord::kTopology) {
    apply_topology(record.topology());
    return changes_;
  }
  const std::optional<SourceId> source = source_of(record);
  if (!source.has_value() || record.kind_case() == v1::JournalRecord::KIND_NOT_SET) {
    ++stats_.malformed;
    return changes_;
  }
  if (record.has_ownership()) {
    apply_ownership(*source, record.ownership(), offset);
    return changes_;
  }
  Generation* said_by = generation_for(*source, record);
  if (said_by == nullptr) {
    ++stats_.former_owners;
    return changes_;
  }
  said_by->watermarks().add_source(*source);
  switch (record.kind_case()) {
    case v1::JournalRecord::kPanes:
      said_by->apply(*source, record.panes(), said_by == in_force_ ? &changes_ : nullptr);
      break;
    case v1::JournalRecord::kProgress:
      said_by->apply(*source, record.progress());
      if (said_by != in_force_) replace_if_caught_up();
      break;
    case v1::JournalRecord::kIdle:
      said_by->watermarks().mark_idle(*source, record.idle().idle());
      break;
    default:
      break;
  }
  return changes_;
}

std::optional<SourceId> Merger::source_of(const v1::JournalRecord& record) {
  const std::optional<Topic> topic = topic_from_name(record.source().topic());
  const std::int32_t partition = record.source().partition();
  if (!topic.has_value() || partition < 0 || partition >= kMaxPartitions) return std::nullopt;
  return SourceId{*topic, partition};
}

void Merger::apply_topology(const v1::Topology& topology) {
  for (const v1::Topology::Topic& topic : topology.topics()) {
    const std::optional<Topic> known = topic_from_name(topic.name());
    if (!known.has_value() || topic.partitions() < 0 || topic.partitions() > kMaxPartitions) {
      ++stats_.malformed;
      continue;
    }
    std::int32_t& partitions = partitions_[static_cast<std::size_t>(*known)];
    partitions = std::max(partitions, topic.partitions());
    for (const auto& generation : generations_) {
      generation->watermarks().add_partitions(*known, partitions);
    }
  }
}

// ---- owners and generations --------------------------------------------------------------------

void Merger::apply_ownership(SourceId source, const v1::Ownership& ownership, std::int64_t offset) {
  Generation& named = generation(ownership.generation());
  named.declare(source.topic, ownership);
  named.watermarks().add_source(source);
  owners_[source] = {.epoch = offset, .generation = &named};
  retire();
}

Generation* Merger::generation_for(SourceId source, const v1::JournalRecord& record) {
  const std::optional<std::int64_t> epoch =
      record.has_epoch() ? std::optional<std::int64_t>(record.epoch()) : std::nullopt;
  const auto [entry, is_new] = owners_.try_emplace(source);
  Owner& owner = entry->second;
  if (is_new) {
    // One who gives an epoch has been heard of, or what he said first is gone.
    if (epoch.has_value()) {
      owners_.erase(entry);
      return nullptr;
    }
    owner.generation = &generation("");
  }
  return owner.epoch == epoch ? owner.generation : nullptr;
}

Generation& Merger::generation(const std::string& name) {
  for (const auto& known : generations_) {
    if (known->name() == name) return *known;
  }
  if (generations_.size() == kMaxGenerations) {
    // Somebody owns a source by it still, and will be heard again when he begins anew.
    const auto oldest = std::ranges::find_if(
        generations_, [this](const auto& one) { return one.get() != in_force_; });
    for (auto& [source, owner] : owners_) {
      if (owner.generation == oldest->get()) owner = {.epoch = -1, .generation = nullptr};
    }
    (*oldest)->clear();
    generations_.erase(oldest);
  }
  Generation& added =
      *generations_.emplace_back(std::make_unique<Generation>(name, config_, &keys_, &stats_));
  for (const Topic topic : {Topic::kInvoices, Topic::kShipments}) {
    added.watermarks().add_partitions(topic, partitions_[static_cast<std::size_t>(topic)]);
  }
  if (in_force_ == nullptr) in_force_ = &added;
  return added;
}

bool Merger::is_owned_by(const Generation& generation) const {
  return std::ranges::any_of(
      owners_, [&](const auto& entry) { return entry.second.generation == &generation; });
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

std::optional<Micros> Merger::passed(std::size_t series, std::size_t other) const {
  if (in_force_ == nullptr || !in_force_->covers(series) || !in_force_->covers(other)) {
    return std::nullopt;
  }
  return in_force_->watermarks().passed(topics_of(series, other));
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
