// Numbers out of text, and into it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace surgewatch {

// The number that the whole text is; nullopt for anything else, infinities and NaN among it.
std::optional<double> parse_finite(std::string_view text);

// A decimal with a comma between thousands, whatever the locale: "-1234567.80" → "-1,234,567.80".
std::string with_commas(std::string decimal);

}  // namespace surgewatch
