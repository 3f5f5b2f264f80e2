#include "base/suggestion.h"

#include <gtest/gtest.h>

namespace surgewatch {
namespace {

TEST(Nearest, FindsSlipsAndTranspositionsButNotOtherWords) {
  const std::vector<std::string> words{"ratio", "observed", "in"};
  EXPECT_EQ(nearest("ratoi", words), "ratio");
  EXPECT_EQ(nearest("ratioo", words), "ratio");
  EXPECT_EQ(nearest("observd", words), "observed");
  EXPECT_EQ(nearest("inn", words), "in");
  EXPECT_EQ(nearest("is", words), "in");
  EXPECT_EQ(nearest("completely", words), "");
  EXPECT_EQ(nearest("", words), "");
}

}  // namespace
}  // namespace surgewatch
