// Resume tokens and page tokens: opaque to those who hold them, the same over HTTP and gRPC, and
// good on every gateway, since they name offsets of the alerts topic and nothing of one process.
//
// A token is unpadded base64url of `kind:fields:checksum`. There is exactly one text for each
// token. Errors: INVALID_ARGUMENT for anything that make_…() did not write; OUT_OF_RANGE for a
// token of the form before this one (r1, p1), which does not say which topic it is of. Messages end
// where what to do begins, since that differs between gRPC and HTTP.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "serve/alert_store.h"

namespace surgewatch::serve {

// "Everything below next_offset has been seen."
struct ResumeToken {
  std::int64_t next_offset = 0;
  // Of the topic that the offset is of. 0: nobody has said which, since the topic was empty (then
  // next_offset is 0) or its records are of a detector that does not say.
  std::uint64_t identity = 0;
  // When it was issued, seconds since 1970. What compaction may have removed since then can't be
  // told from the offsets, so that a token has a life.
  std::int64_t issued_at = 0;

  friend bool operator==(const ResumeToken&, const ResumeToken&) = default;
};
std::string make_token(const ResumeToken& token);
// Of where a store's reading stands, issued now.
std::string make_token(const AlertStore::Place& place);
ResumeToken resume_token(const AlertStore::Place& place);
absl::StatusOr<ResumeToken> parse_resume_token(std::string_view text);

// The topic's min.compaction.lag.ms: for this long every revision is kept.
inline constexpr std::int64_t kTokenLifeSeconds = 7 * 86'400;

// OUT_OF_RANGE with the reason if the token can't be gone on from in the topic of this identity: it
// is too old, or of another topic. "I have seen nothing" is good in every topic.
absl::Status usable(const ResumeToken& token, std::uint64_t identity, std::int64_t now_seconds);

// Where a page of a list ended, and the resume token of the list's first page.
struct PageToken {
  ResumeToken resume{};
  Micros onset = 0;
  std::string alert_id{};

  friend bool operator==(const PageToken&, const PageToken&) = default;
};
std::string make_token(const PageToken& token);
absl::StatusOr<PageToken> parse_page_token(std::string_view text);

}  // namespace surgewatch::serve
