// What to say of a word that is not known: the nearest of those that are, and a list of them as a
// sentence has it.
//
// Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace surgewatch {

// The candidate that a person most likely meant, by edit distance with transpositions; empty if
// none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "; did you mean 'x'?", or "; " + known_as + the candidates, or nothing if there are none.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates,
                       std::string_view known_as);

// "a, b and c"
std::string enumerate(const std::vector<std::string>& words);

}  // namespace surgewatch
