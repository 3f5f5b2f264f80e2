// What rules of order types have found, for `replay --findings`: a line of JSON (v1::FoundInOrder)
// for each rule, order and key that holds at the end, sorted by rule, order and key.
//
// Threads: one. Memory: that of what holds.
#pragma once

#include <map>
#include <memory>

#include "absl/status/status.h"
#include "config/config.h"
#include "files/text_output.h"
#include "orders/pair.h"

namespace surgewatch::files {

class FindingList {
 public:
  explicit FindingList(std::shared_ptr<const config::Config> config) : config_(std::move(config)) {}

  // The newest word on a finding.
  void take(const orders::NamedFinding& finding);
  absl::Status write(TextOutput* output) const;

 private:
  const std::shared_ptr<const config::Config> config_;
  std::map<orders::NamedFinding::Name, orders::NamedFinding> holding_;
};

}  // namespace surgewatch::files
