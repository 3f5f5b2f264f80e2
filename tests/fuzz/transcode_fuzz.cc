// libFuzzer: EventTranscoder against protobuf's JSON parser on any line.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "unit/json/transcode_oracle.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // As a reader has them: one transcoder for all lines, none of which is blank.
  static auto* const transcoder = new surgewatch::json::EventTranscoder;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  if (line.find('\n') != line.npos || line.find_first_not_of(" \t") == line.npos) return 0;
  const std::string difference = surgewatch::json::transcode_difference(transcoder, line);
  if (!difference.empty()) {
    std::fputs(difference.c_str(), stderr);
    std::abort();
  }
  return 0;
}
