// A fuzzer's bytes as choices: a configuration, and valid events with flushes between them (late
// ones, corrections, cancellations, outliers), through three sources, their windows and the
// journal's merger, beside the sequential reference of tests/property.
//
// The first byte says whether there are outliers; property/stream.h what is chosen then, in its
// order.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "fuzz/bytes.h"
#include "property/stream.h"

namespace surgewatch::property {
namespace {

constexpr int kMaxEvents = 300;

class InputChoices {
 public:
  explicit InputChoices(fuzz::Bytes* input) : input_(input) {}
  std::int64_t pick(std::int64_t low, std::int64_t high) { return input_->pick(low, high); }
  bool has_more() const { return !input_->empty(); }

 private:
  fuzz::Bytes* input_;
};

}  // namespace
}  // namespace surgewatch::property

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  testing::InitGoogleTest(argc, *argv);
  GTEST_FLAG_SET(throw_on_failure, true);  // a difference ends the process
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace surgewatch;
  fuzz::Bytes input(data, size);
  const bool has_outliers = input.number(1) % 2 == 1;
  property::Stream<property::InputChoices> stream(property::InputChoices(&input), has_outliers);
  stream.run(property::kMaxEvents);
  return 0;
}
