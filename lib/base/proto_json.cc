#include "base/proto_json.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <memory>

#include "base/check.h"
#include "base/status.h"

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

}  // namespace

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

absl::StatusOr<std::string> try_to_json(const pb::Message& message) {
  pb::util::JsonPrintOptions options;
  options.add_whitespace = false;
  options.preserve_proto_field_names = true;
  options.always_print_enums_as_ints = false;
  options.always_print_primitive_fields = false;
  std::string json;
  const auto status = pb::util::BinaryToJsonString(
      generated_types(), "type.googleapis.com/" + message.GetDescriptor()->full_name(),
      to_bytes(message), &json, options);
  if (!status.ok()) {
    return invalid_argument("{} has no JSON form: {}", message.GetDescriptor()->name(),
                            std::string(status.message()));
  }
  return json;
}

std::string to_json(const pb::Message& message) {
  absl::StatusOr<std::string> json = try_to_json(message);
  SW_CHECK(json.ok());
  return *std::move(json);
}

}  // namespace surgewatch
