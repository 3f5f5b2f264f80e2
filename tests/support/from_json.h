// What a test reads back from JSON that we have written, by protobuf's own parser.
#pragma once

#include <google/protobuf/util/json_util.h>

#include <string_view>

namespace surgewatch {

// Passes over unknown fields, as a client does that is older than the server.
inline bool from_json(std::string_view json, google::protobuf::Message* message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  return google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, message, options)
      .ok();
}

}  // namespace surgewatch
