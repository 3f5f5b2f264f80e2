// What reading a message from JSON needs to know of its type: made once from protobuf's
// descriptors, so that a new field of a .proto needs no code here.
//
// Threads: immutable once made; any. Everything in it lives until the process ends.
// Limits: kinds of fields that events use (Kind); a type with another one ends the process at the
// first use, and so in every test.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace google::protobuf {
class Descriptor;
}

namespace surgewatch::json {

class MessageTable;

enum class Kind : std::uint8_t { kInt32, kInt64, kEnum, kString, kTimestamp, kMessage };

struct EnumValue {
  std::string_view name;
  std::int32_t number = 0;
};

struct Field {
  std::string_view name;       // as in the .proto
  std::string_view json_name;  // lowerCamelCase
  std::uint32_t number = 0;
  std::uint32_t tag = 0;    // number and wire type
  std::uint32_t index = 0;  // in its message
  Kind kind = Kind::kInt32;
  bool is_repeated = false;
  bool has_presence = false;            // is written even if it has its default
  std::vector<EnumValue> values;        // of kEnum
  const MessageTable* table = nullptr;  // of kMessage and kTimestamp
};

class MessageTable {
 public:
  static constexpr std::size_t kMaxFields = 64;

  // Of the generated type; each is made once.
  static const MessageTable& of(const google::protobuf::Descriptor* type);

  // By either spelling; null if there is none. `expected` is the index of the field that would come
  // next in the order of the .proto, and sets the cost where it does.
  const Field* find(std::string_view name, std::uint32_t expected) const {
    if (expected < fields_.size() && fields_[expected].name == name) return &fields_[expected];
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &fields_[found->second];
  }

 private:
  friend class TableMaker;
  std::vector<Field> fields_;
  absl::flat_hash_map<std::string_view, std::uint32_t> by_name_;
};

}  // namespace surgewatch::json
