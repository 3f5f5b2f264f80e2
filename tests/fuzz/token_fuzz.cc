// Whatever a client sends as a token or as query parameters, it gets an answer: tokens have one
// text each, and parameters either make sense or are told what is wrong. The first byte chooses.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "serve/api.h"
#include "serve/token.h"

namespace surgewatch::serve {
namespace {

// "a=b&c=d", as it is: percent-decoding is the server's.
api::Params split(std::string_view text) {
  api::Params params;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(pair.size() == text.size() ? pair.size() : pair.size() + 1);
    const std::size_t equals = pair.find('=');
    params.emplace(pair.substr(0, equals),
                   equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
  }
  return params;
}

const AlertStore& store() {
  static const AlertStore* const filled = [] {
    auto* made = new AlertStore(AlertStore::Limits{});
    for (int i = 0; i < 3; ++i) {
      v1::Alert alert;
      alert.set_alert_id(std::to_string(i));
      (*alert.mutable_subject())["bill_to"] = "SG";
      made->add(i, alert);
      v1::SeriesPoint point;
      point.set_rule("r");
      (*point.mutable_subject())["bill_to"] = "SG";
      point.mutable_window_end()->set_seconds(86'400 * i);
      made->add(point);
    }
    return made;
  }();
  return *filled;
}

void check_reply(const api::Reply& reply) {
  SW_CHECK(reply.status == 200 || reply.status == 400);
  SW_CHECK(reply.body.front() == '{' && reply.body.back() == '}');
}

void check_tokens(std::string_view text) {
  if (const auto token = parse_resume_token(text); token.ok()) SW_CHECK(make_token(*token) == text);
  if (const auto token = parse_page_token(text); token.ok()) SW_CHECK(make_token(*token) == text);
}

void check_stream(std::string_view text) {
  const std::size_t line = text.find('\n');
  const std::string last_event_id(line == std::string_view::npos ? std::string_view()
                                                                 : text.substr(line + 1));
  const auto request = api::parse_stream_request(split(text.substr(0, line)), last_event_id);
  if (!request.ok() || !request->from) return;
  SW_CHECK(request->from->next_offset >= 0);
  const absl::Status valid = usable(*request->from, 7, 1'700'000'000);
  SW_CHECK(valid.ok() || absl::IsOutOfRange(valid));
}

}  // namespace
}  // namespace surgewatch::serve

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace surgewatch::serve;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 't':
      check_tokens(text);
      break;
    case 'a':
      check_reply(api::list_alerts(store(), split(text)));
      break;
    case 's':
      check_reply(api::list_points(store(), split(text)));
      break;
    case 'e':
      check_stream(text);
      break;
    default:
      break;
  }
  return 0;
}
