#include "serve/http_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace surgewatch::serve {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

// Debian's absl::string_view is not std::string_view, and Beast's is neither.
std::string text(beast::string_view view) { return {view.data(), view.size()}; }

}  // namespace

// Keeps the fields that somebody asks for and no others. It is told to skip bodies: what of them
// there is in Beast (chunks above all) sees no byte from outside.
class RequestReader::HeadParser final : public http::basic_parser<true> {
 public:
  explicit HeadParser(HttpRequest* request) : request_(*request) {
    header_limit(kMaxHead);
    skip(true);
  }

  bool has_transfer_encoding() const { return has_transfer_encoding_; }
  bool expects_continue() const { return expects_continue_; }
  std::string take_target() { return std::move(target_); }

 private:
  using Error = beast::error_code;

  void on_request_impl(http::verb, beast::string_view method, beast::string_view target,
                       int version, Error& error) override {
    error = {};
    request_.method = text(method);
    request_.takes_chunks = version >= 11;
    target_ = text(target);
  }
  void on_field_impl(http::field field, beast::string_view name, beast::string_view value,
                     Error& error) override {
    error = {};
    switch (field) {
      case http::field::accept_encoding:
        accept_encoding_ += (accept_encoding_.empty() ? "" : ",") + text(value);
        break;
      case http::field::if_none_match:
        request_.if_none_match = text(value);
        break;
      case http::field::transfer_encoding:
        has_transfer_encoding_ = true;
        break;
      case http::field::expect:
        expects_continue_ = beast::iequals(value, "100-continue");
        break;
      default:  // Beast has no name for what is not registered with IANA
        if (beast::iequals(name, "Last-Event-ID")) request_.last_event_id = text(value);
        break;
    }
  }
  void on_header_impl(Error& error) override {
    error = {};
    request_.accepts_gzip = accepts_gzip(accept_encoding_);
  }
  void on_finish_impl(Error& error) override { error = {}; }
  // A parser that skips bodies calls none of the following.
  void on_response_impl(int, beast::string_view, int, Error& error) override { error = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error& error) override {
    error = {};
  }
  std::size_t on_body_impl(beast::string_view body, Error& error) override {
    error = {};
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Error& error) override {
    error = {};
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, Error& error) override {
    error = {};
    return body.size();
  }

  HttpRequest& request_;
  std::string target_;
  std::string accept_encoding_;
  bool has_transfer_encoding_ = false;
  bool expects_continue_ = false;
};

RequestReader::RequestReader() : parser_(std::make_unique<HeadParser>(&request_)) {}
RequestReader::~RequestReader() = default;

RequestReader::Progress RequestReader::feed(std::string_view bytes) {
  buffer_.append(bytes);
  switch (phase_) {
    case Phase::kHead:
      return read_head();
    case Phase::kBody:
      return pass_body();
    case Phase::kDone:
      return Progress::kRequest;
    case Phase::kRefused:
      buffer_.clear();
      return Progress::kRefused;
  }
  return Progress::kRefused;
}

HttpRequest RequestReader::take() {
  HttpRequest taken = std::exchange(request_, {});
  parser_ = std::make_unique<HeadParser>(&request_);
  head_bytes_ = 0;
  wants_continue_ = false;
  phase_ = Phase::kHead;
  return taken;
}

RequestReader::Progress RequestReader::read_head() {
  // Empty lines before a request are passed over (RFC 9112, 2.2).
  if (head_bytes_ == 0) {
    std::size_t begin = 0;
    while (buffer_.compare(begin, 2, "\r\n") == 0) begin += 2;
    buffer_.erase(0, begin);
    if (buffer_.empty() || buffer_ == "\r") return Progress::kMore;
  }
  beast::error_code error;
  const std::size_t parsed = parser_->put({buffer_.data(), buffer_.size()}, error);
  buffer_.erase(0, parsed);
  head_bytes_ += parsed;
  if (!error && parser_->is_done()) return end_head();
  // Beast bounds what it could not parse yet, and not how many fields there are.
  const bool is_too_long = head_bytes_ + buffer_.size() > kMaxHead;
  if (error == http::error::header_limit || (error == http::error::need_more && is_too_long)) {
    // What lies behind the limit may have come or not.
    const bool has_line = head_bytes_ > 0 || buffer_.find('\n') < kMaxHead;
    return has_line ? refuse(431, "its head is longer than 16 kB")
                    : refuse(414, "its target is longer than 8 kB");
  }
  if (error == http::error::need_more) return Progress::kMore;
  return refuse(400, error.message());
}

RequestReader::Progress RequestReader::end_head() {
  if (head_bytes_ > kMaxHead) return refuse(431, "its head is longer than 16 kB");
  const std::string target = parser_->take_target();
  if (target.size() > kMaxTarget) return refuse(414, "its target is longer than 8 kB");
  auto parsed = api::parse_target(target);
  if (!parsed.ok()) return refuse(400, message_of(parsed.status()));
  request_.path = std::move(parsed->path);
  request_.params = std::move(parsed->params);
  request_.keep_alive = parser_->keep_alive();
  if (parser_->has_transfer_encoding()) return refuse(411, "it has a body without Content-Length");
  body_left_ = parser_->content_length().value_or(0);
  if (body_left_ > kMaxBody) return refuse(413, "its body is longer than 64 kB");
  wants_continue_ = parser_->expects_continue() && body_left_ > buffer_.size();
  phase_ = Phase::kBody;
  return pass_body();
}

RequestReader::Progress RequestReader::pass_body() {
  const std::size_t passed = std::min<std::uint64_t>(body_left_, buffer_.size());
  buffer_.erase(0, passed);
  body_left_ -= passed;
  if (body_left_ > 0) {
    return std::exchange(wants_continue_, false) ? Progress::kContinue : Progress::kMore;
  }
  phase_ = Phase::kDone;
  return Progress::kRequest;
}

RequestReader::Progress RequestReader::refuse(int status, std::string reason) {
  phase_ = Phase::kRefused;
  refusal_ = {status, std::move(reason)};
  buffer_.clear();
  return Progress::kRefused;
}

bool accepts_gzip(std::string_view accept_encoding) {
  for (absl::string_view coding :
       absl::StrSplit(absl::string_view(accept_encoding.data(), accept_encoding.size()), ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(coding, absl::MaxSplits(';', 1));
    if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts.first), "gzip")) continue;
    absl::string_view weight = absl::StripAsciiWhitespace(parts.second);
    double value = 1;
    if (absl::ConsumePrefix(&weight, "q=") && !absl::SimpleAtod(weight, &value)) return false;
    return value > 0;
  }
  return false;
}

}  // namespace surgewatch::serve
