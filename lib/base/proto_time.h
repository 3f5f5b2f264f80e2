// Times as protobuf has them. Threads: any.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <cstdint>

#include "base/time.h"

namespace surgewatch {

// Exact; before 1970 too.
inline void set_time(Micros time, google::protobuf::Timestamp* timestamp) {
  const Micros seconds = floor_div(time, kMicrosPerSecond);
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(static_cast<std::int32_t>((time - seconds * kMicrosPerSecond) * 1'000));
}

}  // namespace surgewatch
