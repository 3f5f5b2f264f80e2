// Against what R's surveillance answered on series of our own making: tests/data/detectors, made by
// `Rscript tests/bench/conformance/reference.R tests/data/detectors golden`. `./run bench
// conformance` compares far more rows, on the machine that runs it.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "base/time.h"
#include "unit/methods/tables.h"

namespace surgewatch::methods {
namespace {

constexpr double kRelative = 1e-9;  // the tables have 12 digits
constexpr double kAbsoluteP = 1e-9;

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  if (line.ends_with(separator)) parts.emplace_back();
  return parts;
}

// The rows of one of our tables, without its header.
std::vector<std::vector<std::string>> rows_of(const std::string& name) {
  std::ifstream file(SURGEWATCH_SOURCE_DIR "/tests/data/detectors/" + name);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  for (std::getline(file, line); std::getline(file, line);) rows.push_back(split(line, ','));
  return rows;
}

std::optional<double> number(const std::string& text) {
  return text == "NA" ? std::nullopt : std::optional<double>(std::stod(text));
}

std::map<std::string, SeriesTable> read_series() {
  std::map<std::string, SeriesTable> tables;
  for (const auto& row : rows_of("series.csv")) {
    Values values;
    for (const std::string& value : split(row[2], ' ')) values.push_back(number(value));
    SeriesTable table = one_series(std::move(values));
    if (!row[1].empty()) {
      const std::int64_t start = *parse_date(row[1]) / kMicrosPerDay;
      for (std::size_t t = 0; t < table.times.size(); ++t) {
        table.days.push_back(start + 7 * static_cast<std::int64_t>(t));
      }
    }
    tables.emplace(row[0], std::move(table));
  }
  return tables;
}

// An empty text: the method in R doesn't give that figure.
void expect_near(const std::optional<double>& ours, const std::string& text, double relative,
                 double absolute, const std::string& where) {
  if (text.empty()) return;
  const auto theirs = number(text);
  ASSERT_EQ(ours.has_value(), theirs.has_value()) << where;
  if (ours) {
    EXPECT_NEAR(*ours, *theirs, absolute + relative * std::abs(*theirs)) << where;
  }
}

TEST(Golden, EveryRowAgreesWithR) {
  const auto tables = read_series();
  ASSERT_GE(tables.size(), 18U);
  std::string answered_for;
  std::vector<Answer> answers;
  std::map<std::string, int> compared;
  for (const auto& row : rows_of("answers.csv")) {
    ASSERT_EQ(row.size(), 8U);
    const auto words = split(row[1], ' ');
    if (answered_for != row[0] + row[1]) {
      answered_for = row[0] + row[1];
      NamedTexts settings;
      for (std::size_t i = 1; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        settings.emplace_back(words[i].substr(0, equals), words[i].substr(equals + 1));
      }
      const auto result = run_method(words[0], settings, tables.at(row[0]));
      ASSERT_TRUE(result.ok()) << result.status();
      answers = result->front();
    }
    const Answer& answer = answers[std::stoul(row[2]) - 1];
    const std::string where = row[0] + ": " + row[1] + ", t = " + row[2];
    // Bounds of counts are counts; those of EARS and delta are not.
    const bool counts = words[0] != "ears" && row[1].find("delta") == std::string::npos;
    expect_near(answer.expected, row[3], kRelative, 0, where + ", expected");
    expect_near(answer.upper, row[4], counts ? 0 : kRelative, 0, where + ", upper");
    ASSERT_EQ(answer.alarm.has_value(), row[5] != "NA") << where;
    if (answer.alarm) {
      EXPECT_EQ(*answer.alarm, row[5] == "1") << where;
    }
    if (words[0] == "farrington") {
      const bool none = answer.details.empty();
      expect_near(none ? std::nullopt : answer.details[0], row[6], 0, kAbsoluteP, where + ", p");
      expect_near(none ? std::nullopt : answer.details[1], row[7], kRelative, 0, where + ", phi");
    }
    ++compared[words[0]];
  }
  EXPECT_GE(compared["ears"], 500);
  EXPECT_GE(compared["bayes"], 200);
  EXPECT_GE(compared["farrington"], 800);
}

}  // namespace
}  // namespace surgewatch::methods
