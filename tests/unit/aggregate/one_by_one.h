// A source given its records one at a time, as batches of one: what became of each, and whether it
// moved the watermark. A batch itself says only what goes elsewhere; the rest is in the counts.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "aggregate/source.h"

namespace surgewatch::test {

struct OneOutcome : aggregate::Outcome {
  bool watermark_advanced = false;
};

inline OneOutcome process_one(aggregate::Source& source, const aggregate::Record& record) {
  using aggregate::Disposition;
  const aggregate::SourceStats before = source.stats();
  std::vector<aggregate::Aside> aside;
  source.process({&record, 1}, &aside);
  const aggregate::SourceStats after = source.stats();

  OneOutcome outcome;
  if (!aside.empty()) {
    EXPECT_EQ(aside.size(), 1u);
    EXPECT_EQ(aside[0].index, 0u);
    static_cast<aggregate::Outcome&>(outcome) = std::move(aside[0].outcome);
  } else if (after.duplicate > before.duplicate) {
    outcome.disposition = Disposition::kDuplicate;
  } else if (after.superseded > before.superseded) {
    outcome.disposition = Disposition::kSuperseded;
  } else {
    outcome.disposition = Disposition::kCounted;
    EXPECT_EQ(after.counted, before.counted + 1);
  }
  EXPECT_EQ(after.consumed, before.consumed + 1);
  outcome.watermark_advanced = after.watermark != before.watermark;
  return outcome;
}

}  // namespace surgewatch::test
