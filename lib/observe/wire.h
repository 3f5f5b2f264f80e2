// A cursor over protobuf's wire format, for decoders that must agree with generated code on
// every input, the malformed ones included.
//
// Why not protozero, which does nearly this: it refuses groups and the field numbers 19000 to
// 19999, cuts tags and lengths of more than 32 bits instead of refusing them, and reports by
// exception. What would be left of it is one varint.
//
// Errors: every reader answers false at the first byte that protobuf would not accept; the
// cursor is then of no further use. Nothing throws or allocates.
// Cost: a field of one byte is read inline; a longer varint takes one step for up to eight bytes.
// What is rare (fields nobody knows, the end of the buffer) works on a copy of the cursor, so
// that the one in use can stay in registers.
// Source: protobuf.dev/programming-guides/encoding; limits as in protobuf 3.21 (tags of at most
// five bytes, lengths below 2 GiB, messages and groups nested at most 100 deep).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
      : at_(reinterpret_cast<const unsigned char*>(bytes.data())),
        end_(at_ + bytes.size()),
        last_word_(bytes.size() < sizeof(std::uint64_t) ? nullptr : end_ - sizeof(std::uint64_t)) {}

  bool at_end() const { return at_ == end_; }
  std::string_view rest() const {
    return {reinterpret_cast<const char*>(at_), static_cast<std::size_t>(end_ - at_)};
  }

  // Whether a field with this tag, of one byte, is next and something follows; passes over the tag
  // if so.
  bool take_tag(std::uint32_t tag) {
    if (end_ - at_ < 2 || *at_ != tag) return false;
    ++at_;
    if (at_ == end_) __builtin_unreachable();  // for the reader of the value, which asks again
    return true;
  }

  // The low 32 bits of a varint of at most five bytes; never of field 0.
  bool read_tag(std::uint32_t* tag) {
    if (at_ != end_ && *at_ < 0x80) [[likely]] {
      *tag = *at_++;
    } else if (!move_to(limited(at_, end_, 5, tag))) {
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
    if (last_word_ != nullptr && std::endian::native == std::endian::little) [[likely]] {
      // What would come from beyond the buffer is zero, and never part of a varint that ends in it.
      const Byte from = std::min(at_, last_word_);
      std::uint64_t word = 0;
      std::memcpy(&word, from, sizeof word);
      word >>= static_cast<unsigned>(at_ - from) * 8 % 64;
      const std::uint64_t stops = ~word & 0x8080808080808080u;
      if (stops != 0) [[likely]] {
        const std::ptrdiff_t length = std::countr_zero(stops) / 8 + 1;
        if (end_ - at_ < length) return false;
        at_ += length;
        // Seven bits of each byte up to the last, moved together: pairs, fours, eights.
        word &= (stops ^ (stops - 1)) & 0x7f7f7f7f7f7f7f7fu;
        word = (word & 0x7f007f007f007f00u) >> 1 | (word & 0x007f007f007f007fu);
        word = (word & 0x3fff00003fff0000u) >> 2 | (word & 0x00003fff00003fffu);
        *value = (word & 0x0fffffff00000000u) >> 4 | (word & 0x000000000fffffffu);
        return true;
      }
    }
    return move_to(varint(at_, end_, value));
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
    std::uint32_t size = 0;
    if (at_ != end_ && *at_ < 0x80) [[likely]] {
      size = *at_++;
    } else if (!move_to(length(at_, end_, &size))) {
      return false;
    }
    if (static_cast<std::size_t>(end_ - at_) < size) return false;
    *bytes = {reinterpret_cast<const char*>(at_), size};
    at_ += size;
    return true;
  }

  // A cursor over a submessage.
  bool read_message(WireCursor* message) {
    std::string_view bytes;
    if (!read_bytes(&bytes)) return false;
    *message = WireCursor(at_ - bytes.size(), at_, last_word_);
    return true;
  }

  // Passes over a field that nobody knows. `nesting`: how many messages and groups surround it.
  bool skip(std::uint32_t tag, int nesting) { return move_to(skipped(*this, tag, nesting)); }

 private:
  using Byte = const unsigned char*;

  WireCursor(Byte at, Byte end, Byte last_word) : at_(at), end_(end), last_word_(last_word) {}

  bool move_to(Byte at) {
    if (at == nullptr) return false;
    at_ = at;
    return true;
  }

  // What follows answers where it has ended, or null.

  [[gnu::noinline, gnu::cold]] static Byte skipped(WireCursor from, std::uint32_t tag,
                                                   int nesting) {
    switch (static_cast<WireType>(tag & 7)) {
      case WireType::kVarint: {
        std::uint64_t ignored = 0;
        return from.read_varint(&ignored) ? from.at_ : nullptr;
      }
      case WireType::kFixed64:
        return from.end_ - from.at_ < 8 ? nullptr : from.at_ + 8;
      case WireType::kLength: {
        std::string_view ignored;
        return from.read_bytes(&ignored) ? from.at_ : nullptr;
      }
      case WireType::kStartGroup:
        return skipped_group(from, tag, nesting + 1);
      case WireType::kFixed32:
        return from.end_ - from.at_ < 4 ? nullptr : from.at_ + 4;
      case WireType::kEndGroup:  // without its start
        return nullptr;
    }
    return nullptr;
  }

  static Byte skipped_group(WireCursor from, std::uint32_t start, int nesting) {
    if (nesting > kMaxNesting) return nullptr;
    while (!from.at_end()) {
      std::uint32_t tag = 0;
      if (!from.read_tag(&tag)) return nullptr;
      if (static_cast<WireType>(tag & 7) == WireType::kEndGroup) {
        return tag == start + 1 ? from.at_ : nullptr;
      }
      if (!from.skip(tag, nesting)) return nullptr;
    }
    return nullptr;
  }

  [[gnu::noinline, gnu::cold]] static Byte varint(Byte at, Byte end, std::uint64_t* value) {
    std::uint64_t result = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at == end) return nullptr;
      // The analyzer takes `at` for null where `end` is not; both are the same text's.
      const unsigned char byte = *at++;  // NOLINT(clang-analyzer-core.NullDereference)
      result |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = result;
        return at;
      }
    }
    return nullptr;
  }

  [[gnu::noinline, gnu::cold]] static Byte limited(Byte at, Byte end, unsigned max_bytes,
                                                   std::uint32_t* value) {
    std::uint64_t result = 0;
    for (unsigned i = 0; i < max_bytes; ++i) {
      if (at == end) return nullptr;
      const unsigned char byte = *at++;
      result |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        *value = static_cast<std::uint32_t>(result);
        return at;
      }
    }
    return nullptr;
  }

  static Byte length(Byte start, Byte end, std::uint32_t* value) {
    const Byte at = limited(start, end, 5, value);
    // The fifth byte holds bits 28 to 30; more would be 2 GiB or above.
    return at == nullptr || (at - start == 5 && at[-1] >= 8) ? nullptr : at;
  }

  Byte at_;
  Byte end_;
  Byte last_word_;  // of the outermost message, to load at the latest; null if it is shorter
};

}  // namespace surgewatch::observe
