#include "common/beginning.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <charconv>

namespace surgewatch::services {
namespace {

// The form of the text. Another one is read as far as names are known.
constexpr std::string_view kForm = "v1";

template <typename Number>
std::optional<Number> number(std::string_view text, int base) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> hexadecimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void append(std::string* text, std::string_view prefix, const Beginning& beginning) {
  *text += fmt::format(" {}first={}", prefix, beginning.first);
  if (beginning.record) *text += fmt::format(" {}record={:016x}", prefix, *beginning.record);
}

}  // namespace

std::uint64_t fingerprint(std::optional<std::int64_t> timestamp_ms, std::string_view key,
                          bool has_key, std::string_view payload) {
  // Parts by parts, each with what tells "empty" from "absent".
  const std::uint64_t parts[] = {
      static_cast<std::uint64_t>(timestamp_ms.value_or(-1)),
      has_key ? XXH3_64bits_withSeed(key.data(), key.size(), 1) : 0,
      payload.data() == nullptr ? 0 : XXH3_64bits_withSeed(payload.data(), payload.size(), 2)};
  return XXH3_64bits(parts, sizeof(parts));
}

std::string to_metadata(const Remembered& remembered) {
  std::string text(kForm);
  append(&text, "", remembered.own);
  if (remembered.partner) append(&text, "partner_", *remembered.partner);
  if (remembered.partitions > 0) text += fmt::format(" partitions={}", remembered.partitions);
  return text;
}

Remembered from_metadata(std::string_view metadata) {
  Remembered remembered;
  Beginning partner;
  bool has_partner = false;
  while (!metadata.empty()) {
    const std::string_view word = metadata.substr(0, metadata.find(' '));
    metadata.remove_prefix(std::min(metadata.size(), word.size() + 1));
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = word.substr(0, equals);
    const std::string_view value = word.substr(equals + 1);
    if (name == "first") {
      remembered.own.first = number<std::int64_t>(value, 10).value_or(0);
    } else if (name == "record") {
      remembered.own.record = hexadecimal(value);
    } else if (name == "partner_first") {
      const auto first = number<std::int64_t>(value, 10);
      has_partner = first.has_value();
      partner.first = first.value_or(0);
    } else if (name == "partner_record") {
      partner.record = hexadecimal(value);
    } else if (name == "partitions") {
      remembered.partitions = number<std::int32_t>(value, 10).value_or(0);
    }
  }
  if (has_partner) remembered.partner = partner;
  return remembered;
}

std::string_view name_of(Incident incident) {
  switch (incident) {
    case Incident::kLogStartMoved:
      return "log_start_moved";
    case Incident::kTopicReplaced:
      return "topic_replaced";
    case Incident::kPartitionsDiffer:
      return "partitions_differ";
    case Incident::kPartitionsChanged:
      return "partitions_changed";
    case Incident::kNone:
      break;
  }
  return "none";
}

Incident judge_start(const StartFacts& facts, const kafka::LogEnds& ends) {
  // The offsets are gone but the partner's are there: so the topic went, and came again. Or all
  // were lost, and it could not be read any more when the partner's came again.
  if (!facts.committed && facts.partner_recalls) {
    return ends.first > facts.partner_recalls->first ? Incident::kLogStartMoved
                                                     : Incident::kTopicReplaced;
  }
  if (!facts.committed && facts.reached == 0) return Incident::kNone;  // the first life
  if (ends.next < std::max(facts.committed.value_or(0), facts.reached)) {
    return Incident::kTopicReplaced;
  }
  return ends.first > facts.remembered.first ? Incident::kLogStartMoved : Incident::kNone;
}

Incident judge_first(const Beginning& remembered, std::int64_t offset, std::uint64_t record) {
  if (!remembered.record) return Incident::kNone;
  if (offset > remembered.first) return Incident::kLogStartMoved;
  if (offset < remembered.first || record != *remembered.record) return Incident::kTopicReplaced;
  return Incident::kNone;
}

}  // namespace surgewatch::services
