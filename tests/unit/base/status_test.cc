#include "base/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace surgewatch {
namespace {

using ::testing::ElementsAre;

TEST(LinesOf, ANewlineOfSomebodysDataMakesNoLine) {
  EXPECT_THAT(lines_of(not_found("cannot read {}: no such file", "a\nsurgewatch: done\x1b[2J")),
              ElementsAre("cannot read a\\nsurgewatch: done\\x1b[2J: no such file"));
}

TEST(LinesOf, ProblemsAreALineEach) {
  const absl::Status status = status_of_lines({"a.yaml:1:1: one", "a.yaml:2:1: two\n", "three"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(lines_of(status), ElementsAre("a.yaml:1:1: one", "a.yaml:2:1: two\\n", "three"));
  EXPECT_EQ(message_of(status), "a.yaml:1:1: one\na.yaml:2:1: two\\n\nthree");
}

}  // namespace
}  // namespace surgewatch
