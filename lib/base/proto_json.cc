#include "base/proto_json.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <algorithm>
#include <climits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/printable.h"
#include "base/time.h"
#include "base/utf8.h"

namespace surgewatch {
namespace {

namespace pb = google::protobuf;

// MessageToJsonString serializes with maps in hash order; going through our own deterministic bytes
// keeps the order of keys.
pb::util::TypeResolver* generated_types() {
  static pb::util::TypeResolver* const resolver = pb::util::NewTypeResolverForDescriptorPool(
      "type.googleapis.com", pb::DescriptorPool::generated_pool());
  return resolver;
}

bool is_writable(const pb::Timestamp& time) {
  constexpr std::int64_t kFirst = kMinTime / kMicrosPerSecond;
  return time.seconds() >= kFirst && time.seconds() <= floor_div(kMaxTime, kMicrosPerSecond) &&
         time.nanos() >= 0 && time.nanos() < 1'000'000'000;
}

// protobuf escapes controls and, of the hidden characters that is_hidden() names, those that a much
// older Unicode had: no isolates, for one.
void escape_hidden(std::string* json) {
  if (is_ascii(*json)) return;
  std::string result;
  result.reserve(json->size());
  for (std::string_view rest = *json; !rest.empty();) {
    const std::size_t length = std::max<std::size_t>(utf8_length(rest), 1);
    const std::string_view sequence = rest.substr(0, length);
    const char32_t character = length > 1 ? utf8_character(sequence) : U' ';
    if (!is_hidden(character)) {
      result += sequence;
    } else {
      const auto number = static_cast<std::uint32_t>(character);
      result += number < 0x10000 ? fmt::format("\\u{:04x}", number)
                                 : fmt::format("\\u{:04x}\\u{:04x}", 0xD7C0 + (number >> 10U),
                                               0xDC00 + (number & 0x3FFU));
    }
    rest.remove_prefix(length);
  }
  *json = std::move(result);
}

}  // namespace

bool has_json(const pb::Message& message) {
  if (message.GetDescriptor() == pb::Timestamp::descriptor()) {
    return is_writable(static_cast<const pb::Timestamp&>(message));
  }
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  return std::ranges::all_of(fields, [&](const pb::FieldDescriptor* field) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) return true;
    if (!field->is_repeated()) return has_json(reflection.GetMessage(message, field));
    const int size = reflection.FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      if (!has_json(reflection.GetRepeatedMessage(message, field, i))) return false;
    }
    return true;
  });
}

bool parse_printable(std::string_view bytes, pb::Message* message) {
  return bytes.size() <= INT_MAX &&
         message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         has_json(*message);
}

std::string to_bytes(const pb::Message& message) {
  std::string bytes;
  pb::io::StringOutputStream stream(&bytes);
  {
    pb::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    SW_CHECK(message.SerializeToCodedStream(&coded));
  }
  return bytes;
}

std::string to_json(const pb::Message& message) {
  pb::util::JsonPrintOptions options;
  options.add_whitespace = false;
  options.preserve_proto_field_names = true;
  options.always_print_enums_as_ints = false;
  options.always_print_primitive_fields = false;
  std::string json;
  const auto status = pb::util::BinaryToJsonString(
      generated_types(), "type.googleapis.com/" + message.GetDescriptor()->full_name(),
      to_bytes(message), &json, options);
  SW_CHECK(status.ok());
  escape_hidden(&json);
  return json;
}

}  // namespace surgewatch
