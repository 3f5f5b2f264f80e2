#include "support/record_batch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <concepts>
#include <cstdlib>

#include "base/status.h"

namespace surgewatch::test {
namespace {

// Behind the batch's length in its header: epoch of the leader, magic, checksum.
constexpr std::size_t kBeforeChecked = 4 + 1 + 4;

template <std::integral Number>
std::string big_endian(Number number) {
  std::string bytes;
  for (int shift = 8 * static_cast<int>(sizeof number) - 8; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xFFU);
  }
  return bytes;
}

std::string with_length(const std::string& text) {  // a STRING
  return big_endian(static_cast<std::int16_t>(text.size())) + text;
}

std::string varint(std::int64_t number) {
  auto left = static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
  std::string bytes;
  for (; left > 0x7F; left >>= 7) bytes += static_cast<char>((left & 0x7FU) | 0x80U);
  return bytes + static_cast<char>(left);
}

std::uint32_t crc32c(std::string_view bytes) {
  constexpr std::uint32_t kPolynomial = 0x82F63B78;
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1U) != 0 ? kPolynomial : 0);
  }
  return ~crc;
}

struct Socket {
  int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  Socket() = default;
  ~Socket() { ::close(descriptor); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
};

absl::Status exchange(const std::string& brokers, const std::string& request, std::string* answer) {
  const Socket socket;
  const std::size_t colon = brokers.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(brokers.c_str() + colon + 1)));
  ::inet_pton(AF_INET, brokers.substr(0, colon).c_str(), &address.sin_addr);
  if (::connect(socket.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {
    return unavailable("no connection to {}", brokers);
  }
  const std::string framed = big_endian(static_cast<std::int32_t>(request.size())) + request;
  if (::send(socket.descriptor, framed.data(), framed.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(framed.size())) {
    return unavailable("{} does not take the request", brokers);
  }
  const auto read = [&](std::size_t size) {
    answer->assign(size, '\0');
    return ::recv(socket.descriptor, answer->data(), size, MSG_WAITALL) ==
           static_cast<ssize_t>(size);
  };
  if (!read(4)) return unavailable("no answer from {}", brokers);
  std::uint32_t size = 0;
  for (const char byte : *answer) size = size << 8 | static_cast<unsigned char>(byte);
  return read(size) ? absl::OkStatus() : unavailable("half an answer from {}", brokers);
}

}  // namespace

std::string RecordBatch::bytes() const {
  constexpr std::int64_t kTimestamp = 1'704'067'200'000;
  const std::string checked =
      big_endian(static_cast<std::int16_t>(codec)) + big_endian(records - 1) +
      big_endian(kTimestamp) + big_endian(kTimestamp) + big_endian(std::int64_t{-1}) +
      big_endian(std::int16_t{-1}) + big_endian(std::int32_t{-1}) + big_endian(records) + body;
  const std::uint32_t checksum = crc32c(checked) ^ (has_right_checksum ? 0U : 1U);
  return big_endian(first_offset) +
         big_endian(static_cast<std::int32_t>(kBeforeChecked + checked.size())) +
         big_endian(std::int32_t{0}) + big_endian(magic) + big_endian(checksum) + checked;
}

std::string records(const std::vector<std::pair<std::string, std::string>>& records) {
  std::string body;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto& [key, payload] = records[i];
    const std::string record =
        std::string(1, '\0') + varint(0) + varint(static_cast<std::int64_t>(i)) +
        varint(static_cast<std::int64_t>(key.size())) + key +
        varint(static_cast<std::int64_t>(payload.size())) + payload + varint(0);
    body += varint(static_cast<std::int64_t>(record.size())) + record;
  }
  return body;
}

absl::Status produce(const std::string& brokers, const kafka::TopicPartition& partition,
                     const std::string& batch) {
  constexpr std::int16_t kProduce = 0, kVersion = 3, kNull = -1, kAllReplicas = -1;
  constexpr std::int32_t kCorrelation = 1, kTimeoutMs = 10'000, kOne = 1;
  const std::string request =
      big_endian(kProduce) + big_endian(kVersion) + big_endian(kCorrelation) +
      with_length("by-hand") + big_endian(kNull) + big_endian(kAllReplicas) +
      big_endian(kTimeoutMs) + big_endian(kOne) + with_length(partition.topic) + big_endian(kOne) +
      big_endian(partition.partition) + big_endian(static_cast<std::int32_t>(batch.size())) + batch;
  std::string answer;
  SW_RETURN_IF_ERROR(exchange(brokers, request, &answer));
  // Behind correlation, one topic with its name, and one partition with its number.
  const std::size_t at = 4 + 4 + 2 + partition.topic.size() + 4 + 4;
  if (answer.size() < at + 2) return unavailable("{} answers too little", brokers);
  const int code =
      static_cast<unsigned char>(answer[at]) << 8 | static_cast<unsigned char>(answer[at + 1]);
  return code == 0 ? absl::OkStatus()
                   : unavailable("{} answers Produce with error {}", brokers, code);
}

}  // namespace surgewatch::test
