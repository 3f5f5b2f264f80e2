// Amounts of memory as people write and read them.
//
// Threads: any.
// Units: bytes; kB, MB, GB and TB are powers of 1,000; KiB, MiB, GiB and TiB powers of 1,024.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/saturating.h"

namespace surgewatch {

// "500MB", "16GB", "64GiB": a whole number and a unit. INVALID_ARGUMENT with what was expected;
// OUT_OF_RANGE for what 63 bits don't hold.
absl::StatusOr<std::int64_t> parse_bytes(std::string_view text);

// "97 B", "6.9 GB", "43.5 TB": at most three digits before the point and one behind it, in powers
// of 1,000, rounded up.
std::string format_bytes(Saturating bytes);

}  // namespace surgewatch
