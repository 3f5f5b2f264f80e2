// The page's files, embedded at build time (cmake/EmbedFiles.cmake), so that a binary is enough.
#pragma once

#include <string_view>

namespace surgewatch::serve {

struct Asset {
  std::string_view path;  // "/app.js"
  std::string_view content_type;
  std::string_view etag;  // quoted
  std::string_view body;
};

// Null if there is none of that path.
const Asset* find_asset(std::string_view path);

}  // namespace surgewatch::serve
