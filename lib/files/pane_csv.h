// Closed panes as CSV, for `replay --series`: series,pane_start,key,measure,value.
//
// A key has its dimensions in the order of group_by (base/series_key.h), so a row is a line.
//
// Rows: one a series, pane, key and measure that is not zero, sorted: series as configured, then
// by pane, then by key and measure as text. With `zeros` the others too: from a series' first pane
// with a value to its last, a row for each measure of each key that has a value in any of them.
//
// Threads: one. Errors: those of writing.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "config/config.h"
#include "detect/detector.h"
#include "files/text_output.h"

namespace surgewatch::files {

std::string pane_key(const config::Series& series, const std::vector<std::string>& values);

absl::Status write_panes(const config::Config& config, const detect::Detector& detector, bool zeros,
                         TextOutput* output);

}  // namespace surgewatch::files
