// Resume tokens and page tokens: opaque to those who hold them, the same over HTTP and gRPC, and
// good on every gateway, since they name offsets of the alerts topic and nothing of one process.
//
// A token is unpadded base64url of `kind:fields:checksum`. There is exactly one text for each
// token. Errors: INVALID_ARGUMENT for anything that make_…() did not write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/time.h"

namespace surgewatch::serve {

// "Everything below next_offset has been seen."
struct ResumeToken {
  std::int64_t next_offset = 0;
  // When it was issued, seconds since 1970. What compaction may have removed since then can't be
  // told from the offsets, so that a token has a life.
  std::int64_t issued_at = 0;

  friend bool operator==(const ResumeToken&, const ResumeToken&) = default;
};
std::string make_token(const ResumeToken& token);
absl::StatusOr<ResumeToken> parse_resume_token(std::string_view text);

// The topic's min.compaction.lag.ms: for this long every revision is kept.
inline constexpr std::int64_t kTokenLifeSeconds = 7 * 86'400;

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
