// Strings that attack whoever shows, stores or parses them: hostile.json, for tests of every
// language. An entry is `text`, or `bytes` in hexadecimal where it is no UTF-8; `times` repeats it.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/utf8.h"

namespace surgewatch::test {

struct Hostile {
  std::string what;
  std::string text;
  bool is_utf8 = true;
};

inline std::string bytes_of_hex(const std::string& hex) {
  std::istringstream digits(hex);
  digits >> std::hex;
  std::string bytes;
  for (unsigned byte = 0; digits >> byte;) bytes += static_cast<char>(byte);
  return bytes;
}

inline std::vector<Hostile> hostile_texts() {
  std::ifstream file(SURGEWATCH_SOURCE_DIR "/tests/support/hostile.json");
  std::vector<Hostile> all;
  for (const auto& entry : nlohmann::json::parse(file)) {
    const std::string once = entry.contains("bytes")
                                 ? bytes_of_hex(entry["bytes"].get<std::string>())
                                 : entry["text"].get<std::string>();
    Hostile& hostile = all.emplace_back();
    hostile.what = entry["what"].get<std::string>();
    for (int i = 0; i < entry.value("times", 1); ++i) hostile.text += once;
    hostile.is_utf8 = is_utf8(hostile.text);
  }
  return all;
}

}  // namespace surgewatch::test
