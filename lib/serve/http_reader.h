// Bytes that a client sends → requests. The head is parsed by Boost.Beast; a body, which nothing
// here has a use for, is passed over.
//
//            feed()                       head complete, body passed over
//   kMore ◄───────────── bytes ─────────────────────────────────────► kRequest, take()
//                          │
//                          └─ malformed, too long, chunked ──────────► kRefused, refusal(): the end
//
// Threads: one. It knows no sockets: the same bytes give the same requests however they are cut,
// so that tests and fuzzers need no server. Of a head with two faults, one of which is its length,
// either may be named.
// Limits: kMaxHead, kMaxTarget, kMaxBody. What follows a request stays here until the next feed().
// Source: RFC 9112.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "serve/params.h"

namespace surgewatch::serve {

struct HttpRequest {
  std::string method;
  std::string path;  // percent-decoded
  api::Params params;
  std::string if_none_match;
  std::string last_event_id;
  bool accepts_gzip = false;
  bool keep_alive = false;
  bool takes_chunks = false;  // HTTP/1.1
};

class RequestReader {
 public:
  static constexpr std::size_t kMaxHead = 16 * 1'024;
  static constexpr std::size_t kMaxTarget = 8 * 1'024;
  static constexpr std::size_t kMaxBody = 64 * 1'024;

  RequestReader();
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  enum class Progress {
    kMore,      // feed it more
    kContinue,  // the same, and the client waits for "100 Continue" before it sends the body
    kRequest,   // take() it
    kRefused,   // answer refusal() and close
  };
  // After take(), feed("") goes on with what came behind the request.
  Progress feed(std::string_view bytes);
  HttpRequest take();

  // Some of a request has come.
  bool has_begun() const { return phase_ == Phase::kBody || head_bytes_ > 0 || !buffer_.empty(); }

  struct Refusal {
    int status = 400;
    std::string reason;
  };
  const Refusal& refusal() const { return refusal_; }

 private:
  class HeadParser;
  enum class Phase { kHead, kBody, kDone, kRefused };

  Progress read_head();
  Progress end_head();
  Progress pass_body();
  Progress refuse(int status, std::string reason);

  std::unique_ptr<HeadParser> parser_;
  HttpRequest request_;
  Refusal refusal_;
  std::string buffer_;  // not parsed yet
  std::size_t head_bytes_ = 0;
  std::uint64_t body_left_ = 0;
  bool wants_continue_ = false;
  Phase phase_ = Phase::kHead;
};

// Whether a value of Accept-Encoding lets us send gzip.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace surgewatch::serve
