// Which class of the United States' Commerce Control List a chip falls under by its performance.
//
// Units: TPP is that of one chip; performance density is TPP per mm² of applicable die area, times
// 10^9, so that borders such as 5.92 are exact.
// Source: ECCN 3A090 as amended by 88 FR 73458, in force since 2023-11-17.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace surgewatch::config {

inline constexpr std::string_view kClassA = "3A090.a";
inline constexpr std::string_view kClassB = "3A090.b";
inline constexpr std::string_view kClassNone = "none";
inline constexpr std::string_view kClassUnknown = "unknown";

// `unknown` where the figures that decide are not known: never taken for `none`.
std::string_view control_class(std::optional<std::int64_t> tpp,
                               std::optional<std::int64_t> density_e9, bool datacenter_marketed);

}  // namespace surgewatch::config
