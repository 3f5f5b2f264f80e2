// How a detector's state becomes bytes and comes back: little-endian, fixed order, doubles by their
// bits, so that what is restored continues to the last bit.
//
// Invariants: every snapshot begins with its kind and the fingerprint of the parameters it was made
// with. Errors: kInvalidArgument for a snapshot of another kind, of other parameters, or of a wrong
// length; the reader then yields zeros and the caller leaves its state as it was.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace surgewatch::statistics {

class StateWriter {
 public:
  StateWriter(std::uint32_t kind, std::uint64_t fingerprint) {
    put_whole(kind);
    put_whole(fingerprint);
  }
  void put_whole(std::uint64_t value) {
    for (int i = 0; i < 8; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  }
  void put(double value) { put_whole(std::bit_cast<std::uint64_t>(value)); }
  template <typename Range>
  void put_all(const Range& values) {
    for (const double value : values) put(value);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class StateReader {
 public:
  StateReader(std::string_view bytes, std::uint32_t kind, std::uint64_t fingerprint)
      : bytes_(bytes) {
    if (whole() != kind || whole() != fingerprint) wrong_ = true;
  }
  std::uint64_t whole() {
    if (bytes_.size() < 8) {
      wrong_ = true;
      return 0;
    }
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i)
      value |= static_cast<std::uint64_t>(
                   static_cast<unsigned char>(bytes_[static_cast<std::size_t>(i)]))
               << (8 * i);
    bytes_.remove_prefix(8);
    return value;
  }
  // A number of windows: never negative.
  std::int64_t ordinal() {
    const std::uint64_t value = whole();
    if (value >> 62 != 0) wrong_ = true;
    return wrong_ ? 0 : static_cast<std::int64_t>(value);
  }
  // A finite number: a torn snapshot brings in no NaN.
  double real() {
    const double value = std::bit_cast<double>(whole());
    if (value - value == 0) return value;
    wrong_ = true;
    return 0;
  }
  template <typename Range>
  void get_all(Range* values) {
    for (double& value : *values) value = real();
  }
  absl::Status finish() const {
    if (wrong_ || !bytes_.empty())
      return invalid_argument(
          "the snapshot is not one of this detector with these parameters; rebuild from history");
    return absl::OkStatus();
  }

 private:
  std::string_view bytes_;
  bool wrong_ = false;
};

// Folds numbers into a fingerprint of parameters (FNV-1a over their bytes).
class Fingerprint {
 public:
  Fingerprint& add(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i) {
      value_ ^= bits >> (8 * i) & 0xff;
      value_ *= 0x100000001b3ULL;
    }
    return *this;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace surgewatch::statistics
