// libFuzzer: decode() against generated code on any bytes. The first byte chooses the topic; then
// both wire formats go through unframe() besides.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "unit/observe/decode_oracle.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // it logs each string that is not UTF-8
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto topic =
      (data[0] & 1) == 0 ? surgewatch::Topic::kInvoices : surgewatch::Topic::kShipments;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bool decodable = false;
  const std::string difference = surgewatch::observe::decode_difference(topic, bytes, &decodable);
  if (!difference.empty()) {
    std::fputs(difference.c_str(), stderr);
    std::abort();
  }
  (void)surgewatch::observe::unframe(bytes);
  return 0;
}
