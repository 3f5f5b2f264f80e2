// A client of a TCP port that sends just the bytes that it is told to, when it is told to.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace surgewatch::serve {

class RawClient {
 public:
  struct Options {
    const char* from = "127.0.0.1";  // any address of 127.0.0.0/8 is ours
    int receive_buffer = 0;          // above 0: no more than about this much is taken unread
  };
  explicit RawClient(int port) : RawClient(port, Options{}) {}
  RawClient(int port, const Options& options) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (options.receive_buffer > 0) {
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer,
                 sizeof options.receive_buffer);
    }
    sockaddr_in own = address(options.from, 0);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&own), sizeof own), 0);
    sockaddr_in server = address("127.0.0.1", port);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&server), sizeof server), 0);
  }
  ~RawClient() {
    if (socket_ >= 0) close(socket_);
  }
  RawClient(RawClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawClient& operator=(RawClient&&) = delete;

  // False once the server has gone.
  bool send(std::string_view bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  // Until what has come holds `end`, the server closes, or 20 s have gone by.
  std::string read_until(std::string_view end) const {
    std::string read;
    std::size_t looked_at = 0;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (read.find(end, looked_at) == std::string::npos && is_readable_by(deadline)) {
      looked_at = read.size() - std::min(read.size(), end.size());
      char buffer[4'096];
      const ssize_t size = recv(socket_, buffer, sizeof buffer, 0);
      if (size <= 0) break;
      read.append(buffer, static_cast<std::size_t>(size));
    }
    return read;
  }

  // Whether the server closes within 20 s; what comes before that is passed over.
  bool is_closed_in_time() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (is_readable_by(deadline)) {
      char buffer[4'096];
      if (recv(socket_, buffer, sizeof buffer, 0) <= 0) return true;
    }
    return false;
  }

  // The server has closed, as far as can be seen now.
  bool is_closed() const {
    char byte = 0;
    const ssize_t size = recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN);
  }

 private:
  static sockaddr_in address(const char* host, int port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, host, &made.sin_addr);
    return made;
  }

  bool is_readable_by(std::chrono::steady_clock::time_point deadline) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wanted{.fd = socket_, .events = POLLIN, .revents = 0};
    return left.count() > 0 && poll(&wanted, 1, static_cast<int>(left.count())) > 0;
  }

  int socket_;
};

}  // namespace surgewatch::serve
