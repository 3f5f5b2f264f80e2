// What the scenarios share in writing documents.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include "base/time.h"

namespace surgewatch::simulate {

// `time` is not before 1970.
inline void set_time(Micros time, google::protobuf::Timestamp* timestamp) {
  timestamp->set_seconds(time / kMicrosPerSecond);
  timestamp->set_nanos(static_cast<std::int32_t>(time % kMicrosPerSecond) * 1'000);
}

}  // namespace surgewatch::simulate
