#include "detector/journal_position.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>

#include "base/check.h"

namespace surgewatch::services {
namespace {

constexpr std::string_view kFirst = "first=";
constexpr std::string_view kTransaction = "transaction=";
constexpr std::string_view kPartial = "partial";
constexpr std::string_view kSilentTo = "silent_to=";

template <typename Number>
std::optional<Number> number(std::string_view text, int base) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void read_word(std::string_view word, JournalPosition* position) {
  const auto value_of = [&](std::string_view name) { return word.substr(name.size()); };
  if (word == kPartial) position->is_partial = true;
  if (word.starts_with(kFirst)) {
    position->first_record = number<std::uint64_t>(value_of(kFirst), 16);
  }
  if (word.starts_with(kTransaction)) {
    position->transaction = number<std::uint64_t>(value_of(kTransaction), 10).value_or(0);
  }
  if (word.starts_with(kSilentTo)) {
    position->silent_to = number<std::int64_t>(value_of(kSilentTo), 10).value_or(0);
  }
}

}  // namespace

kafka::GroupOffset to_commit(const JournalPosition& position,
                             const kafka::TopicPartition& journal) {
  std::string words;
  if (position.first_record.has_value()) {
    words = fmt::format("{}{:016x} ", kFirst, *position.first_record);
  }
  words += fmt::format("{}{}", kTransaction, position.transaction);
  if (position.is_partial) words += fmt::format(" {}", kPartial);
  if (position.silent_to > position.next) {
    words += fmt::format(" {}{}", kSilentTo, position.silent_to);
  }
  return {.partition = journal, .offset = position.next, .metadata = words};
}

JournalPosition from_commit(const kafka::GroupOffset& committed) {
  JournalPosition position;
  position.next = committed.offset;
  std::string_view rest = committed.metadata;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    read_word(rest.substr(0, end), &position);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return position;
}

std::uint64_t fingerprint(std::optional<std::int64_t> timestamp_ms, std::string_view key,
                          std::string_view payload) {
  // The time and the key's length in front, so that no two records are written alike.
  std::string bytes = fmt::format("{};{};", timestamp_ms.value_or(-1), key.size());
  bytes.append(key).append(payload);
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string to_header(std::uint64_t first_record, std::string_view group_id) {
  return fmt::format("{:016x} {}", first_record, group_id);
}

std::optional<KnownJournal> from_header(std::string_view header, std::string_view group_id) {
  const std::size_t space = header.find(' ');
  if (space == std::string_view::npos || header.substr(space + 1) != group_id) return std::nullopt;
  const auto first_record = number<std::uint64_t>(header.substr(0, space), 16);
  if (!first_record.has_value()) return std::nullopt;
  return KnownJournal{.next = 1, .first_record = first_record};
}

std::optional<Incident> incident_of(const kafka::TopicPartition& journal,
                                    const kafka::LogEnds& ends,
                                    const std::optional<kafka::StoredRecord>& first,
                                    const std::optional<KnownJournal>& known) {
  if (ends.first > 0) {
    return Incident{
        kJournalStartMoved,
        fmt::format(
            "topic '{}' begins at offset {}: records that every figure rests on were deleted; "
            "restore them, or delete the topic, create it with retention.ms=-1 (surgewatch topics "
            "create) and start everything under another kafka.group_id, which writes it anew from "
            "the inputs",
            journal.topic, ends.first)};
  }
  if (!known.has_value()) return std::nullopt;
  const bool is_another =
      known->first_record.has_value() && first.has_value() &&
      *known->first_record != fingerprint(first->timestamp_ms, first->key, first->payload);
  if (ends.next >= known->next && !is_another) return std::nullopt;
  return Incident{
      kJournalReplaced,
      fmt::format("topic '{}' is another one under the same name: it {}; restore it, or start "
                  "everything under another kafka.group_id, which writes it anew from the inputs",
                  journal.topic,
                  is_another ? "begins with another record"
                             : fmt::format("ends at offset {}, and what is published rests on "
                                           "records up to {}",
                                           ends.next, known->next))};
}

}  // namespace surgewatch::services
