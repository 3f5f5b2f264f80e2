// What a configuration may take, in parts, each with what it is of, and how many keys a series can
// have. The parts are counted by those who know them (aggregate, detect, serve), and are added up
// and held against limits.memory in footprint/footprint.h.
//
// Threads: any.
// Units: bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/saturating.h"
#include "config/config.h"
#include "config/position.h"

namespace surgewatch::config {

struct Share {
  std::string of;    // "series billed", "rule regional-surge", "topic invoices", "gateway"
  std::string what;  // "panes", "subjects"
  Saturating count;  // how many
  Saturating bytes;  // of all of them
  // What to do for less, with settings by name; empty where nothing can be done.
  std::string_view lever;
  Position at;  // of the series or rule, or of the file's beginning
};
using Shares = std::vector<Share>;

// How many values the dimension can have in this series, and how long the longest is. What events
// may hold at will has no bound: Saturating::most().
Saturating values_of(Dimension dimension, const Series& series, const Config& config);
std::size_t text_bytes_of(Dimension dimension, const Config& config);
bool is_open(Dimension dimension);  // events may hold anything

// Keys that the series can have at these positions of its group_by, `other` included: combinations
// of their values, or the limit. `where`: of a rule.
Saturating keys_of(const Series& series, std::span<const std::size_t> positions,
                   const std::vector<Rule::Filter>& where, std::int64_t limit,
                   const Config& config);
Saturating keys_of(const Series& series, std::int64_t limit, const Config& config);

}  // namespace surgewatch::config
