// Writes protobuf's wire format into memory that somebody has made large enough.
//
// Cost: a message's length is written behind its content, into one byte that was left for it; only
// a message of 128 bytes or more is moved to make room for a longer one.
// Source: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace surgewatch::json {

class WireWriter {
 public:
  explicit WireWriter(char* memory) : start_(memory), at_(memory) {}

  std::string_view written() const { return {start_, static_cast<std::size_t>(at_ - start_)}; }

  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) *at_++ = static_cast<char>(value | 0x80);
    *at_++ = static_cast<char>(value);
  }
  void integer(std::uint32_t tag, std::int64_t value) {
    varint(tag);
    varint(static_cast<std::uint64_t>(value));
  }
  void string(std::uint32_t tag, std::string_view text) {
    varint(tag);
    varint(text.size());
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

  // Whatever is written between the two is the message's content.
  [[nodiscard]] char* begin_message(std::uint32_t tag) {
    varint(tag);
    return ++at_;
  }
  void end_message(char* content) {
    const auto size = static_cast<std::size_t>(at_ - content);
    if (size < 0x80) [[likely]] {
      content[-1] = static_cast<char>(size);
      return;
    }
    std::size_t more = 0;  // bytes of the length beyond the one that was left
    for (std::size_t rest = size >> 7; rest != 0; rest >>= 7) ++more;
    std::memmove(content + more, content, size);
    at_ = content - 1;
    varint(size);
    at_ += size;
  }

 private:
  char* start_;
  char* at_;
};

}  // namespace surgewatch::json
