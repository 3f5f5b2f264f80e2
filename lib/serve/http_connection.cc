#include "serve/http_connection.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace surgewatch::serve {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

// The page has no inline script or style, and nothing comes from elsewhere.
constexpr char kSecurityHeaders[] =
    "Content-Security-Policy: default-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

constexpr milliseconds kLingerTime{2'000};
constexpr std::size_t kMostThrownAway = std::size_t{1} << 20U;
// The kernel takes no more than this ahead of what the network does. A client that reads slowly is
// seen to do so, and one that does not read is found out, whatever the size of the send buffer.
constexpr int kUnsentInKernel = 128 * 1'024;
// A client that is gone without a word is one that has acknowledged nothing for so long.
constexpr int kUnacknowledgedMs = 30'000;

void set_options(HttpConnection::Socket& socket) {
  error_code ignored;  // all of these only make it better
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentInKernel,
             sizeof kUnsentInKernel);
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs,
             sizeof kUnacknowledgedMs);
}

std::string http_date() {
  return absl::FormatTime("%a, %d %b %E4Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone());
}

std::string reason_phrase(int status) {
  const auto phrase =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return {phrase.data(), phrase.size()};
}

}  // namespace

HttpConnection::HttpConnection(std::uint64_t id, Socket socket, const HttpLimits& limits,
                               const Events& events)
    : id_(id),
      limits_(limits),
      events_(events),
      socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      standing_{.waiting_since = Clock::now()} {}

void HttpConnection::start() {
  set_options(socket_);
  end_by(standing_.waiting_since + limits_.request_time);
  read();
}

void HttpConnection::read() {
  if (is_reading_) return;
  is_reading_ = true;
  socket_.async_read_some(asio::buffer(input_),
                          [self = shared_from_this()](const error_code& error, std::size_t size) {
                            self->is_reading_ = false;
                            if (self->is_closed()) return;
                            if (error && self->state_ != State::kWriting) return self->close();
                            if (!error) self->on_read(size);
                          });
}

void HttpConnection::on_read(std::size_t size) {
  if (state_ == State::kReading) return take({input_.data(), size});
  thrown_away_ += size;
  if (state_ == State::kWriting) return;
  if (thrown_away_ <= kMostThrownAway) return read();
  if (state_ == State::kStreaming) return cut(Cut::kUnasked);
  close();
}

void HttpConnection::take(std::string_view bytes) {
  switch (reader_.feed(bytes)) {
    case RequestReader::Progress::kContinue:
      return send_continue();
    case RequestReader::Progress::kMore:
      if (reader_.has_begun() && !std::exchange(is_timed_, true)) {
        end_by(Clock::now() + limits_.request_time);
      }
      return read();
    case RequestReader::Progress::kRefused:
      return refuse(reader_.refusal());
    case RequestReader::Progress::kRequest:
      break;
  }
  HttpRequest request = reader_.take();
  is_head_ = request.method == "HEAD";
  takes_chunks_ = request.takes_chunks;
  keep_alive_ = request.keep_alive;
  state_ = State::kServing;
  standing_ = {.waiting_since = Clock::now(), .is_served = true};
  end_by(Clock::time_point::max());
  events_.on_request(*this, std::move(request));
}

void HttpConnection::read_next() {
  state_ = State::kReading;
  standing_ = {.waiting_since = Clock::now()};
  is_timed_ = false;
  end_by(standing_.waiting_since + limits_.idle_time);
  take({});
}

void HttpConnection::send_continue() {
  asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      if (self->state_ != State::kReading) return;
                      if (error) return self->close();
                      self->read();
                    });
}

void HttpConnection::refuse(const RequestReader::Refusal& refusal) {
  is_head_ = false;
  keep_alive_ = false;
  answer(refusal_reply(refusal));
}

void HttpConnection::answer(HttpReply reply) {
  if (is_closed()) return;
  state_ = State::kWriting;
  keep_alive_ = keep_alive_ && !is_draining_;
  put_head(reply);
  body_ = is_head_ ? nullptr : std::move(reply.body);
  events_.on_answered(*this, reply.status);
  write();
}

void HttpConnection::begin_stream() {
  if (is_closed()) return;
  state_ = State::kStreaming;
  keep_alive_ = false;
  HttpReply reply = stream_reply();
  if (takes_chunks_) reply.headers.emplace_back("Transfer-Encoding", "chunked");
  put_head(reply);  // goes out with the first batch
  events_.on_answered(*this, reply.status);
  read();  // so that a client that has gone is noticed now and not by the next heartbeat
}

void HttpConnection::send(std::string_view text, bool ends) {
  if (state_ != State::kStreaming) return;
  is_last_batch_ = ends;
  if (takes_chunks_) {
    output_ += fmt::format("{:x}\r\n{}\r\n{}", text.size(), text, ends ? "0\r\n\r\n" : "");
  } else {
    output_ += text;
  }
  write();
}

void HttpConnection::put_head(const HttpReply& reply) {
  output_ = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nConnection: {}\r\n{}", reply.status,
                        reason_phrase(reply.status), http_date(),
                        keep_alive_ ? "keep-alive" : "close", kSecurityHeaders);
  if (!reply.type.empty()) output_ += fmt::format("Content-Type: {}\r\n", reply.type);
  for (const auto& [name, value] : reply.headers) {
    output_ += fmt::format("{}: {}\r\n", name, value);
  }
  if (reply.body != nullptr) output_ += fmt::format("Content-Length: {}\r\n", reply.body->size());
  output_ += "\r\n";
}

void HttpConnection::write() {
  written_ = 0;
  standing_ = {.waiting_since = Clock::now(), .has_unsent = true};
  answer_deadline_ = standing_.waiting_since + limits_.answer_time;
  write_on();
}

void HttpConnection::write_on() {
  end_by(std::min(answer_deadline_, standing_.waiting_since + limits_.stall_time));
  const std::array<asio::const_buffer, 2> all{
      asio::buffer(output_), body_ != nullptr ? asio::buffer(*body_) : asio::const_buffer()};
  const std::size_t of_output = std::min(written_, output_.size());
  const std::array<asio::const_buffer, 2> left{all[0] + of_output, all[1] + (written_ - of_output)};
  socket_.async_write_some(left, [self = shared_from_this(), size = asio::buffer_size(left)](
                                     const error_code& error, std::size_t written) {
    if (self->is_closed()) return;
    if (error) return self->close();
    self->written_ += written;
    self->standing_.waiting_since = Clock::now();
    if (written < size) return self->write_on();
    self->on_written();
  });
}

void HttpConnection::on_written() {
  output_.clear();
  body_.reset();
  standing_.has_unsent = false;
  if (state_ == State::kStreaming && !is_last_batch_) {
    end_by(Clock::time_point::max());
    return events_.on_taken(*this);
  }
  if (is_draining_) return close();
  keep_alive_ ? read_next() : linger();
}

void HttpConnection::linger() {
  state_ = State::kLingering;
  error_code ignored;  // that it is gone is noticed by reading
  socket_.shutdown(Socket::shutdown_send, ignored);
  end_by(Clock::now() + kLingerTime);
  read();
}

void HttpConnection::cut(Cut why) {
  if (is_closed()) return;
  events_.on_cut(*this, why);
  close();
}

void HttpConnection::drain() {
  is_draining_ = true;
  if (state_ != State::kServing && state_ != State::kWriting) close();
}

void HttpConnection::close() {
  if (is_closed()) return;
  state_ = State::kClosed;
  timer_.cancel();
  error_code ignored;  // there is nothing to be done about it
  socket_.close(ignored);
  body_.reset();
  events_.on_closed(*this);
}

void HttpConnection::end_by(Clock::time_point deadline) {
  deadline_ = deadline;
  timer_.expires_at(deadline);  // takes back what it was set to before
  if (deadline == Clock::time_point::max()) return;
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    // A wait that was over when it was taken back comes here all the same.
    if (!error && !self->is_closed() && Clock::now() >= self->deadline_) self->on_deadline();
  });
}

void HttpConnection::on_deadline() {
  switch (state_) {
    case State::kReading:
      if (!is_timed_) return close();  // it was idle
      if (!reader_.has_begun()) return cut(Cut::kRequestTime);
      events_.on_cut(*this, Cut::kRequestTime);
      return refuse(
          {408, fmt::format("it did not come within {} ms", limits_.request_time.count())});
    case State::kWriting:
    case State::kStreaming:
      return cut(Cut::kAnswerTime);
    case State::kLingering:
      return close();
    case State::kServing:
    case State::kClosed:
      return;
  }
}

}  // namespace surgewatch::serve
