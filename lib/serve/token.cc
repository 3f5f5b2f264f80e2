#include "serve/token.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "absl/strings/escaping.h"
#include "base/status.h"

namespace surgewatch::serve {
namespace {

constexpr std::size_t kMaxTokenBytes = 1'024;

// FNV-1a, 32 bits (draft-eastlake-fnv): against typing errors and cut texts, not against forgers;
// a forged token shows nothing that a list would not.
std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t hash = 2'166'136'261U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return hash;
}

std::string seal(const std::string& payload) {
  return absl::WebSafeBase64Escape(fmt::format("{}:{:08x}", payload, checksum(payload)));
}

// The next field up to ':', taken off the front of `rest`.
std::optional<std::string_view> take_field(std::string_view* rest) {
  const std::size_t colon = rest->find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view field = rest->substr(0, colon);
  rest->remove_prefix(colon + 1);
  return field;
}

// 16 lowercase hex digits, as it is written; anything else makes another text.
bool take_identity(std::string_view* rest, std::uint64_t* value) {
  const auto field = take_field(rest);
  if (!field) return false;
  const char* end = field->data() + field->size();
  const auto parsed = std::from_chars(field->data(), end, *value, 16);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

bool take_int(std::string_view* rest, std::int64_t* value) {
  const auto field = take_field(rest);
  if (!field) return false;
  const char* end = field->data() + field->size();
  const auto parsed = std::from_chars(field->data(), end, *value);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

// What is between the kind and the checksum, with a ':' at its end.
std::optional<std::string> open(std::string_view text, std::string_view kind) {
  std::string bytes;
  if (text.size() > kMaxTokenBytes || text.empty()) return std::nullopt;
  if (!absl::WebSafeBase64Unescape({text.data(), text.size()}, &bytes)) return std::nullopt;
  const std::size_t colon = bytes.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  bytes.resize(colon);
  // One text for each token: this also checks the checksum.
  if (seal(bytes) != text) return std::nullopt;
  std::string_view rest = bytes;
  const auto found = take_field(&rest);
  if (!found || *found != kind) return std::nullopt;
  return std::string(rest) + ":";
}

// What was sealed before tokens named their topic can't be told from what is of another one.
absl::Status of_an_earlier_form(std::string_view what) {
  return out_of_range("the {} is of an earlier version of the gateway", what);
}

std::string resume_fields(const ResumeToken& token) {
  return fmt::format("{}:{:016x}:{}", token.next_offset, token.identity, token.issued_at);
}

// A checksum keeps out errors, not forgers: what is computed with has bounds.
bool take_resume_fields(std::string_view* rest, ResumeToken* token) {
  return take_int(rest, &token->next_offset) && take_identity(rest, &token->identity) &&
         take_int(rest, &token->issued_at) && token->next_offset >= 0 && token->issued_at >= 0 &&
         token->issued_at <= kMaxTime / kMicrosPerSecond;
}

}  // namespace

absl::Status usable(const ResumeToken& token, std::uint64_t identity, std::int64_t now_seconds) {
  if (now_seconds - token.issued_at > kTokenLifeSeconds) {
    return out_of_range("the token is older than 7 days, beyond which not every revision is kept");
  }
  const bool has_seen_nothing = token.identity == 0 && token.next_offset == 0;
  if (token.identity != identity && !has_seen_nothing) {
    return out_of_range(
        "the token is of another alerts topic than the one that is there now: it was made anew");
  }
  return absl::OkStatus();
}

ResumeToken resume_token(const AlertStore::Place& place) {
  return {.next_offset = place.next_offset,
          .identity = place.identity,
          .issued_at = wall_clock_micros() / kMicrosPerSecond};
}

std::string make_token(const AlertStore::Place& place) { return make_token(resume_token(place)); }

std::string make_token(const ResumeToken& token) {
  return seal(fmt::format("r2:{}", resume_fields(token)));
}

absl::StatusOr<ResumeToken> parse_resume_token(std::string_view text) {
  if (open(text, "r1")) return of_an_earlier_form("token");
  const auto fields = open(text, "r2");
  ResumeToken token;
  std::string_view rest = fields ? std::string_view(*fields) : std::string_view();
  if (!fields || !take_resume_fields(&rest, &token) || !rest.empty() || make_token(token) != text) {
    return invalid_argument(
        "not a resume token of ours; pass one from an earlier response as it came, or none to "
        "start from now");
  }
  return token;
}

std::string make_token(const PageToken& token) {
  return seal(fmt::format("p2:{}:{}:{}", resume_fields(token.resume), token.onset, token.alert_id));
}

absl::StatusOr<PageToken> parse_page_token(std::string_view text) {
  if (open(text, "p1")) return of_an_earlier_form("page token");
  const auto fields = open(text, "p2");
  PageToken token;
  std::string_view rest = fields ? std::string_view(*fields) : std::string_view();
  if (!fields || !take_resume_fields(&rest, &token.resume) || !take_int(&rest, &token.onset) ||
      rest.empty() || token.onset < kMinTime || token.onset > kMaxTime) {
    return invalid_argument("not a page token of ours; pass next_page_token as it came");
  }
  token.alert_id = std::string(rest.substr(0, rest.size() - 1));
  if (make_token(token) != text) {
    return invalid_argument("not a page token of ours; pass next_page_token as it came");
  }
  return token;
}

}  // namespace surgewatch::serve
