// How the key of a series is written for others to read: `bill_to=SG;family=Hopper`. Values are
// written by printable() (base/printable.h), `;` and `=` in them as \x3b and \x3d, so that no two
// keys are written alike, none has a line's end in it, and undoing the escapes gives the values.
//
// Threads: any.
#pragma once

#include <string>
#include <string_view>

namespace surgewatch {

// One part of it, `bill_to=SG`; parts are joined by `;`.
std::string key_part(std::string_view dimension, std::string_view value);

}  // namespace surgewatch
