// Numbers out of text.
#pragma once

#include <optional>
#include <string_view>

namespace surgewatch {

// The number that the whole text is; nullopt for anything else, infinities and NaN among it.
std::optional<double> parse_finite(std::string_view text);

}  // namespace surgewatch
