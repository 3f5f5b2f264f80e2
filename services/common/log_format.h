// How a log line looks: 2026-01-31T12:00:00.000Z info surgewatch-detector: what happened
//
// Whatever is in the message, it is one line, of at most kLongestLine bytes, of characters that
// show (base/printable.h): nobody who names a party or answers a request writes lines of his own.
#pragma once

#include <memory>

namespace spdlog {
class formatter;
}

namespace surgewatch::services {

std::unique_ptr<spdlog::formatter> log_format();

}  // namespace surgewatch::services
