// One client's connection: reads requests, writes answers or a stream, and ends it when the client
// takes too long. What to answer is its server's to say.
//
//                       on_request()              answer()               keep-alive
//   start() ─► reading ─────────────► serving ───────────────► writing ─────────────► reading …
//                 │                      │ begin_stream()         │
//                 │ refused, too slow    └──────► streaming       │ else
//                 └────► writing ─► lingering ─► closed ◄─────────┘
//
// Lingering: a client that is still sending when we close would lose our answer to a reset; so what
// it sends is thrown away for a while (RFC 9112, 9.6).
//
// Threads: one, that of the socket's executor; nothing waits.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "serve/connection_table.h"
#include "serve/http_meters.h"
#include "serve/http_reader.h"
#include "serve/http_server.h"
#include "serve/router.h"

namespace surgewatch::serve {

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Clock = std::chrono::steady_clock;

  // Its server; a connection calls these, and none of them after on_closed().
  struct Events {
    std::function<void(HttpConnection&, HttpRequest)> on_request;
    std::function<void(HttpConnection&)> on_taken;  // of a stream: send() more
    std::function<void(HttpConnection&, int status)> on_answered;
    std::function<void(HttpConnection&, Cut)> on_cut;
    std::function<void(HttpConnection&)> on_closed;
  };

  HttpConnection(std::uint64_t id, Socket socket, const HttpLimits& limits, const Events& events);

  void start();
  // Once after each on_request(): this, or begin_stream().
  void answer(HttpReply reply);
  void begin_stream();
  // Only when all that was sent before has been taken.
  void send(std::string_view text, bool ends);
  void cut(Cut why);
  // Closes it as soon as nothing is being answered.
  void drain();
  void close();

  std::uint64_t id() const { return id_; }
  bool is_closed() const { return state_ == State::kClosed; }
  bool is_streaming() const { return state_ == State::kStreaming; }
  const Standing& standing() const { return standing_; }

 private:
  enum class State { kReading, kServing, kWriting, kStreaming, kLingering, kClosed };

  void read();
  void on_read(std::size_t size);
  void take(std::string_view bytes);
  void read_next();
  void send_continue();
  void refuse(const RequestReader::Refusal& refusal);
  void linger();
  void put_head(const HttpReply& reply);
  void write();
  void write_on();
  void on_written();
  void end_by(Clock::time_point deadline);
  void on_deadline();

  const std::uint64_t id_;
  const HttpLimits& limits_;
  const Events& events_;
  Socket socket_;
  boost::asio::steady_timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Standing standing_;
  State state_ = State::kReading;

  RequestReader reader_;
  std::array<char, 4'096> input_{};
  bool is_reading_ = false;  // a read is under way, whatever the state has become since
  bool is_timed_ = true;     // request_time runs, and not idle_time
  std::size_t thrown_away_ = 0;

  // Of the request that is being answered.
  bool is_head_ = false;
  bool takes_chunks_ = false;
  bool keep_alive_ = false;
  bool is_draining_ = false;
  bool is_last_batch_ = false;  // of a stream

  std::string output_;  // written before body_
  std::shared_ptr<const std::string> body_;
  std::size_t written_ = 0;
  Clock::time_point answer_deadline_;
};

}  // namespace surgewatch::serve
