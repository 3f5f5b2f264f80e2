#include "journal/key_table.h"

#include <cstring>

#include "absl/hash/hash.h"

namespace surgewatch::journal {
namespace {

constexpr std::string_view kOther = "other";

// The first of the values that are encoded.
std::string_view take_value(std::string_view* bytes) {
  std::uint32_t size = 0;
  std::memcpy(&size, bytes->data(), sizeof size);
  const std::string_view value = bytes->substr(sizeof size, size);
  bytes->remove_prefix(sizeof size + size);
  return value;
}

}  // namespace

std::size_t KeyTable::Hash::operator()(std::string_view bytes) const {
  return absl::Hash<std::string_view>{}(bytes);
}

KeyTable::KeyTable(std::size_t dimensions, std::size_t limit)
    : limit_(limit), ids_(0, Hash{&entries_}, Equal{&entries_}) {
  encode(std::vector<std::string>(dimensions, std::string(kOther)), &other_bytes_);
}

KeyId KeyTable::intern_bytes() {
  if (const auto found = ids_.find(std::string_view(bytes_)); found != ids_.end()) return *found;
  const bool is_other = bytes_ == other_bytes_;
  const KeyId id = add(bytes_);
  if (is_other || counted_ < limit_) {
    counted_ += !is_other;
    entries_[id].counts_as = id;
    return id;
  }
  ++over_limit_;
  const auto other = ids_.find(std::string_view(other_bytes_));
  const KeyId as = other != ids_.end() ? *other : add(other_bytes_);
  entries_[as].counts_as = as;
  refer(as);
  entries_[id].counts_as = as;
  return id;
}

KeyId KeyTable::add(const std::string& bytes) {
  auto id = static_cast<KeyId>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id] = {.bytes = bytes, .counts_as = id, .references = 0, .is_used = true};
  ids_.insert(id);
  idle_.push_back(id);
  return id;
}

void KeyTable::let_go(KeyId id) {
  Entry& entry = entries_[id];
  ids_.erase(id);
  if (entry.counts_as != id) {
    --over_limit_;
    unrefer(entry.counts_as);
  } else if (entry.bytes != other_bytes_) {
    --counted_;
  }
  entry = {};
  free_.push_back(id);
}

std::vector<std::string> KeyTable::values(KeyId id) const {
  std::vector<std::string> result;
  std::string_view rest = entries_[id].bytes;
  while (!rest.empty()) result.emplace_back(take_value(&rest));
  return result;
}

std::string_view KeyTable::value(KeyId id, std::size_t position) const {
  std::string_view rest = entries_[id].bytes;
  for (; position > 0; --position) take_value(&rest);
  return take_value(&rest);
}

}  // namespace surgewatch::journal
