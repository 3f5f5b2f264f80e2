// What every alert and point that comes out must be: readable by those who read it, as JSON, and
// harmless on a terminal.
#pragma once

#include <string>
#include <string_view>

#include "base/check.h"
#include "base/printable.h"
#include "base/proto_json.h"
#include "base/utf8.h"
#include "common/alert_line.h"
#include "common/published_record.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::fuzz {

// A line for a person: it begins no other and hides nothing.
inline void check_line(std::string_view line) {
  SW_CHECK(is_utf8(line));
  SW_CHECK(line == printable_line(line, kUncut));
}

inline void check_alert(const v1::Alert& alert) {
  SW_CHECK(has_json(alert));
  SW_CHECK(to_json(alert).find('\n') == std::string::npos);
  check_line(services::alert_line(alert, /*colour=*/false));
  check_line(services::peak_line(alert, /*colour=*/false));
  check_line(alert.explanation());
  const std::string bytes = to_bytes(alert);
  kafka::Message record;
  record.key = alert.alert_id();
  record.payload = bytes;
  v1::Alert read;
  SW_CHECK(!services::read_alert(record, &read).has_value());
  SW_CHECK(to_bytes(read) == bytes);
}

inline void check_point(const v1::SeriesPoint& point) {
  SW_CHECK(has_json(point));
  SW_CHECK(to_json(point).find('\n') == std::string::npos);
  const std::string bytes = to_bytes(point);
  kafka::Message record;
  record.payload = bytes;
  v1::SeriesPoint read;
  SW_CHECK(!services::read_point(record, &read).has_value());
  SW_CHECK(point.window_start().seconds() < point.window_end().seconds());
}

}  // namespace surgewatch::fuzz
