#include "common/log_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "support/hostile.h"
#include "support/shown.h"

namespace surgewatch::services {
namespace {

using ::testing::EndsWith;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

class LogFormatTest : public ::testing::Test {
 protected:
  LogFormatTest()
      : logger_("surgewatch-test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out_)) {
    logger_.set_formatter(log_format());
  }
  std::vector<std::string> lines() const {
    std::istringstream text(out_.str());
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  std::ostringstream out_;
  spdlog::logger logger_;
};

TEST_F(LogFormatTest, HasTheTimeInUtcTheLevelAndWhoSpeaks) {
  logger_.warn("{} of {}", 1, "2");
  ASSERT_THAT(lines(), SizeIs(1));
  EXPECT_THAT(lines()[0],
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                           "warning surgewatch-test: 1 of 2"));
}

TEST_F(LogFormatTest, WhateverIsLoggedIsOneLine) {
  std::size_t logged = 0;
  for (const test::Hostile& hostile : test::hostile_texts()) {
    SCOPED_TRACE(hostile.what);
    logger_.error("party '{}' is new", hostile.text);
    ASSERT_THAT(lines(), SizeIs(++logged));
    EXPECT_THAT(lines().back(), test::IsSafeToShow());
    EXPECT_THAT(lines().back(), MatchesRegex("20[^ ]+Z error surgewatch-test: party '.*"));
    EXPECT_LE(lines().back().size(), kLongestLine + 64);
  }
}

TEST_F(LogFormatTest, AnotherThreadsFormatterIsTheSame) {
  logger_.set_formatter(log_format()->clone());
  logger_.info("a\nb");
  ASSERT_THAT(lines(), SizeIs(1));
  EXPECT_THAT(lines()[0], EndsWith("a\\nb"));
}

}  // namespace
}  // namespace surgewatch::services
