#include "json/message_table.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/timestamp.pb.h>

#include <memory>

#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "observe/wire.h"

namespace surgewatch::json {
namespace {

namespace pb = google::protobuf;
using observe::WireType;

Kind kind_of(const pb::FieldDescriptor* field) {
  switch (field->type()) {
    case pb::FieldDescriptor::TYPE_INT32:
      return Kind::kInt32;
    case pb::FieldDescriptor::TYPE_INT64:
      return Kind::kInt64;
    case pb::FieldDescriptor::TYPE_ENUM:
      return Kind::kEnum;
    case pb::FieldDescriptor::TYPE_STRING:
      return Kind::kString;
    case pb::FieldDescriptor::TYPE_MESSAGE:
      SW_CHECK(!field->is_map());
      return field->message_type() == pb::Timestamp::descriptor() ? Kind::kTimestamp
                                                                  : Kind::kMessage;
    default:
      break;
  }
  constexpr bool kKindIsReadFromJson = false;
  SW_CHECK(kKindIsReadFromJson);
  return Kind::kInt32;
}

bool is_message(Kind kind) { return kind == Kind::kTimestamp || kind == Kind::kMessage; }

WireType wire_type_of(Kind kind) {
  return is_message(kind) || kind == Kind::kString ? WireType::kLength : WireType::kVarint;
}

}  // namespace

class TableMaker {
 public:
  const MessageTable& table_of(const pb::Descriptor* type) {
    std::unique_ptr<MessageTable>& table = tables_[type];
    if (table != nullptr) return *table;
    table = std::make_unique<MessageTable>();
    MessageTable& made = *table;  // what follows moves what is in the map
    SW_CHECK(type->field_count() <= static_cast<int>(MessageTable::kMaxFields));
    made.fields_.reserve(static_cast<std::size_t>(type->field_count()));
    for (int i = 0; i < type->field_count(); ++i) add(type->field(i), &made);
    return made;
  }

 private:
  void add(const pb::FieldDescriptor* from, MessageTable* table) {
    Field& field = table->fields_.emplace_back();
    field.name = from->name();
    field.json_name = from->json_name();
    field.number = static_cast<std::uint32_t>(from->number());
    field.index = static_cast<std::uint32_t>(table->fields_.size() - 1);
    field.kind = kind_of(from);
    field.tag = observe::wire_tag(field.number, wire_type_of(field.kind));
    field.is_repeated = from->is_repeated();
    field.has_presence = from->has_presence();
    if (field.kind == Kind::kEnum) {
      for (int i = 0; i < from->enum_type()->value_count(); ++i) {
        const pb::EnumValueDescriptor* value = from->enum_type()->value(i);
        field.values.push_back({value->name(), value->number()});
      }
    }
    if (is_message(field.kind)) field.table = &table_of(from->message_type());
    for (const std::string_view name : {field.name, field.json_name}) {
      const auto named = table->by_name_.try_emplace(name, field.index).first;
      SW_CHECK(named->second == field.index);  // protoc refuses two fields of one JSON name
    }
  }

  absl::flat_hash_map<const pb::Descriptor*, std::unique_ptr<MessageTable>> tables_;
};

const MessageTable& MessageTable::of(const pb::Descriptor* type) {
  static absl::Mutex mutex;
  static auto* const maker = new TableMaker;
  const absl::MutexLock lock(&mutex);
  return maker->table_of(type);
}

}  // namespace surgewatch::json
