// gzip (RFC 1952) by zlib, in one piece.
//
// Threads: any. Cost: about 10 ms a megabyte; level 1, since a server's time is dearer than the
// last tenth of its bytes.
#pragma once

#include <string>
#include <string_view>

namespace surgewatch::serve {

// Empty if zlib has no memory for it, or can't count so far: send the text as it is.
std::string gzip(std::string_view text);

}  // namespace surgewatch::serve
