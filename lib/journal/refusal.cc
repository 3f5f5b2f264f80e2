#include "journal/refusal.h"

#include <fmt/format.h>

#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "base/printable.h"

namespace surgewatch::journal {
namespace {

struct Words {
  std::string_view name, text;
};
constexpr std::array<Words, kRefusalCount> kWords{{
    {"unreadable", "it is no record of the journal"},
    {"unknown_kind", "it says nothing that this version knows"},
    {"unknown_source", "it is of no partition of an input topic"},
    {"beyond_topology", "its topic does not have this partition"},
    {"no_owner", "nobody owns this source"},
    {"not_the_owner", "who says it has never owned the source"},
    {"impossible_offset", "no log has such an offset"},
    {"impossible_time", "it lies outside of the times that can be written"},
    {"ended", "the input has ended, it says, which only a file does"},
    {"another_topology", "the owners of the sources say otherwise, or it is of other topics"},
    {"series_mismatch",
     "the batch does not name the series, names it twice, or is of another topic"},
    {"key_mismatch", "the series has no such keys"},
    {"impossible_sum", "no number of documents adds up to this"},
}};

std::optional<Refused> bad_offset(std::string_view name, std::int64_t offset) {
  if (is_offset(offset)) return std::nullopt;
  return Refused{Refusal::kImpossibleOffset, fmt::format("{} is {}", name, offset)};
}

// Watermarks are times of events, less the out-of-orderness.
std::optional<Refused> bad_watermark(std::string_view name, Micros time) {
  if (time >= kMinTime && time <= kMaxEventTime) return std::nullopt;
  return Refused{Refusal::kImpossibleTime,
                 fmt::format("{} is {} microseconds since 1970", name, time)};
}

template <typename SeriesList>
std::optional<Refused> bad_series(const SeriesList& series) {
  absl::flat_hash_map<std::string_view, std::uint64_t> definitions;
  for (const v1::SeriesRef& ref : series) {
    const auto [known, is_new] = definitions.try_emplace(ref.name(), ref.definition());
    if (is_new || known->second == ref.definition()) continue;
    return Refused{Refusal::kSeriesMismatch,
                   fmt::format("series {} has two definitions", printable_word(ref.name()))};
  }
  return std::nullopt;
}

std::optional<Refused> bad_topology(const v1::Topology& topology) {
  for (const v1::Topology::Topic& topic : topology.topics()) {
    const bool is_known = input_topic_from_name(topic.name()).has_value();
    if (is_known && topic.partitions() >= 0 && topic.partitions() <= kMaxPartitions) continue;
    return Refused{Refusal::kAnotherTopology,
                   fmt::format("a topology of topic {} with {} partitions",
                               printable_word(topic.name()), topic.partitions())};
  }
  return std::nullopt;
}

std::optional<Refused> bad_progress(const v1::Progress& progress) {
  if (auto bad = bad_offset("progress", progress.next_offset())) return bad;
  if (auto bad = bad_offset("its first record", progress.first_record().offset())) return bad;
  if (auto bad = bad_offset("copies", progress.copied_to())) return bad;
  const v1::PairOffsets& pair = progress.pair();
  if (auto bad = bad_offset("the pair's invoices", pair.invoices_next_offset())) return bad;
  if (auto bad = bad_offset("the pair's shipments", pair.shipments_next_offset())) return bad;
  if (auto bad = bad_watermark("the watermark", progress.watermark_micros())) return bad;
  return bad_watermark("the first watermark", progress.first_watermark_micros());
}

std::optional<Refused> bad_ownership(const v1::Ownership& ownership) {
  if (auto bad = bad_offset("the first offset", ownership.start_offset())) return bad;
  if (auto bad = bad_series(ownership.series())) return bad;
  return bad_topology(ownership.topology());
}

std::optional<Refused> bad_kind(const v1::JournalRecord& record) {
  switch (record.kind_case()) {
    case v1::JournalRecord::kPanes:
      if (auto bad = bad_offset("panes", record.panes().next_offset())) return bad;
      return bad_series(record.panes().series());
    case v1::JournalRecord::kFindings:
      if (auto bad = bad_offset("findings", record.findings().next_offset())) return bad;
      return bad_series(record.findings().series());
    case v1::JournalRecord::kProgress:
      return bad_progress(record.progress());
    case v1::JournalRecord::kOwnership:
      return bad_ownership(record.ownership());
    case v1::JournalRecord::kTopology:
      return bad_topology(record.topology());
    case v1::JournalRecord::kIdle:
      return std::nullopt;
    case v1::JournalRecord::KIND_NOT_SET:
      break;
  }
  return Refused{Refusal::kUnknownKind,
                 record.ByteSizeLong() == 0 ? "an empty record" : "a record"};
}

}  // namespace

std::string_view refusal_name(Refusal refusal) {
  return kWords[static_cast<std::size_t>(refusal)].name;
}

std::string_view refusal_text(Refusal refusal) {
  return kWords[static_cast<std::size_t>(refusal)].text;
}

std::uint64_t RefusalCounts::total() const {
  return std::accumulate(by_reason.begin(), by_reason.end(), std::uint64_t{0});
}

std::optional<Refused> read_record(std::string_view bytes, v1::JournalRecord* record) {
  if (record->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return Refused{Refusal::kUnreadable, fmt::format("{} bytes", bytes.size())};
}

std::optional<SourceId> source_of(const v1::JournalRecord& record) {
  const std::optional<Topic> topic = topic_from_name(record.source().topic());
  const std::int32_t partition = record.source().partition();
  if (!topic.has_value() || partition < 0 || partition >= kMaxPartitions) return std::nullopt;
  return SourceId{*topic, partition};
}

std::optional<Refused> impossible(const v1::JournalRecord& record, std::int64_t offset) {
  if (auto bad = bad_kind(record)) return bad;
  const bool is_nobodys = record.has_topology() && !record.has_source();
  if (!is_nobodys && !source_of(record).has_value()) {
    return Refused{Refusal::kUnknownSource,
                   fmt::format("partition {} of topic {}", record.source().partition(),
                               printable_word(record.source().topic()))};
  }
  if (!record.has_epoch()) return std::nullopt;
  // An epoch is the offset of a record before this one.
  if (record.epoch() < 0 || record.epoch() >= offset) {
    return Refused{Refusal::kImpossibleOffset,
                   fmt::format("the epoch {} at offset {}", record.epoch(), offset)};
  }
  if (record.has_progress() && record.progress().ended()) {
    return Refused{Refusal::kEnded, "progress"};
  }
  return std::nullopt;
}

}  // namespace surgewatch::journal
