// A cursor over protobuf's wire format, for decoders that must agree with generated code on
// every input, the malformed ones included.
//
// Why not protozero, which does nearly this: it refuses groups and the field numbers 19000 to
// 19999, cuts tags and lengths of more than 32 bits instead of refusing them, and reports by
// exception. What would be left of it is one varint.
//
// Errors: every reader answers false at the first byte that protobuf would not accept; the
// cursor is then of no further use. Nothing throws or allocates.
// Source: protobuf.dev/programming-guides/encoding; limits as in protobuf 3.21 (tags of at most
// five bytes, lengths below 2 GiB, messages and groups nested at most 100 deep).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace surgewatch::observe {

enum class WireType : std::uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kLength = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

constexpr std::uint32_t wire_tag(std::uint32_t field, WireType type) {
  return field << 3 | static_cast<std::uint32_t>(type);
}

inline constexpr int kMaxNesting = 100;

class WireCursor {
 public:
  explicit WireCursor(std::string_view bytes)
      : at_(reinterpret_cast<const unsigned char*>(bytes.data())), end_(at_ + bytes.size()) {}

  bool at_end() const { return at_ == end_; }
  std::string_view rest() const {
    return {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(end_ - at_)};
  }

  // The low 32 bits of a varint of at most five bytes; never of field 0.
  bool read_tag(std::uint32_t* tag) {
    if (at_ != end_ && *at_ < 0x80) [[likely]] {
      *tag = *at_++;
    } else if (!read_limited(5, tag)) {
      return false;
    }
    return *tag >> 3 != 0;
  }

  // Bits beyond 64 are dropped, as protobuf does.
  bool read_varint(std::uint64_t* value) {
    if (at_ != end_ && *at_ < 0x80) [[likely]] {
      *value = *at_++;
      return true;
    }
    std::uint64_t result = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return false;
      const unsigned char byte = *at_++;
      result |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return false;
  }

  // Fields narrower than 64 bits take the low bits.
  bool read_int64(std::int64_t* value) {
    std::uint64_t raw = 0;
    if (!read_varint(&raw)) return false;
    *value = static_cast<std::int64_t>(raw);
    return true;
  }
  bool read_int32(std::int32_t* value) {
    std::uint64_t raw = 0;
    if (!read_varint(&raw)) return false;
    *value = static_cast<std::int32_t>(static_cast<std::uint32_t>(raw));
    return true;
  }

  bool read_bytes(std::string_view* bytes) {
    std::uint32_t length = 0;
    if (at_ != end_ && *at_ < 0x80) [[likely]] {
      length = *at_++;
    } else if (!read_length(&length)) {
      return false;
    }
    if (static_cast<std::size_t>(end_ - at_) < length) return false;
    *bytes = {reinterpret_cast<const char*>(at_), length};
    at_ += length;
    return true;
  }

  // Passes over a field that nobody knows. `nesting`: how many messages and groups surround it.
  bool skip(std::uint32_t tag, int nesting) {
    switch (static_cast<WireType>(tag & 7)) {
      case WireType::kVarint: {
        std::uint64_t ignored = 0;
        return read_varint(&ignored);
      }
      case WireType::kFixed64:
        return advance(8);
      case WireType::kLength: {
        std::string_view ignored;
        return read_bytes(&ignored);
      }
      case WireType::kStartGroup:
        return skip_group(tag, nesting + 1);
      case WireType::kFixed32:
        return advance(4);
      case WireType::kEndGroup:  // without its start
        return false;
    }
    return false;
  }

 private:
  bool advance(std::ptrdiff_t count) {
    if (end_ - at_ < count) return false;
    at_ += count;
    return true;
  }

  bool skip_group(std::uint32_t start, int nesting) {
    if (nesting > kMaxNesting) return false;
    while (!at_end()) {
      std::uint32_t tag = 0;
      if (!read_tag(&tag)) return false;
      if (static_cast<WireType>(tag & 7) == WireType::kEndGroup) return tag == start + 1;
      if (!skip(tag, nesting)) return false;
    }
    return false;
  }

  bool read_limited(unsigned max_bytes, std::uint32_t* value) {
    std::uint64_t result = 0;
    for (unsigned i = 0; i < max_bytes; ++i) {
      if (at_ == end_) return false;
      const unsigned char byte = *at_++;
      result |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        *value = static_cast<std::uint32_t>(result);
        return true;
      }
    }
    return false;
  }

  bool read_length(std::uint32_t* length) {
    const unsigned char* const start = at_;
    if (!read_limited(5, length)) return false;
    // The fifth byte holds bits 28 to 30; more would be 2 GiB or above.
    return at_ - start < 5 || at_[-1] < 8;
  }

  const unsigned char* at_;
  const unsigned char* end_;
};

}  // namespace surgewatch::observe
