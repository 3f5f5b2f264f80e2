// A place in a text file.
#pragma once

namespace surgewatch::config {

// Both counted from 1; columns count bytes.
struct Position {
  int line = 1;
  int column = 1;
};

}  // namespace surgewatch::config
