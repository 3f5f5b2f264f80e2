// What is left of the points that a detector has said.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/proto_json.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::property {

// The last point of each rule, subject and window, as JSON. Where there is nothing nothing need be
// said, unless something was said before: those are left out.
inline std::map<std::string, std::string> last_points(
    const std::vector<v1::SeriesPoint>& said_in_order) {
  std::map<std::string, v1::SeriesPoint> points;
  for (const v1::SeriesPoint& point : said_in_order) {
    std::string key = point.rule() + " " + std::to_string(point.window_end().seconds());
    for (const auto& [name, value] :
         std::map<std::string, std::string>(point.subject().begin(), point.subject().end())) {
      key += " " + name + "=" + value;
    }
    points[key] = point;
  }
  std::map<std::string, std::string> result;
  for (const auto& [key, point] : points) {
    if (point.observed() != 0 || point.firing()) result[key] = to_json(point);
  }
  return result;
}

}  // namespace surgewatch::property
