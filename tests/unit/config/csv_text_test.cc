#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/csv.h"
#include "support/hostile.h"
#include "support/shown.h"

namespace surgewatch::config {
namespace {

using ::testing::IsEmpty;

TEST(CsvField, QuotesWhatNeedsIt) {
  EXPECT_EQ(csv_field("SG"), "SG");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("\"a\""), "\"\"\"a\"\"\"");
  EXPECT_EQ(csv_field("a\nb"), "\"a\nb\"");
}

TEST(CsvText, LeavesNamesTimesAndNumbers) {
  for (const std::string text : {"SG", "2024-01-31", "-5", "-1.5e9", "a-b", "a=b",
                                 "bill_to=SG;family=Hopper", "a 'b'", ""}) {
    EXPECT_EQ(csv_text(text), text);
  }
}

TEST(CsvText, GuardsWhatASpreadsheetWouldCompute) {
  EXPECT_EQ(csv_text("=1+1"), "'=1+1");
  EXPECT_EQ(csv_text("+1"), "'+1");
  EXPECT_EQ(csv_text("-1+1"), "'-1+1");
  EXPECT_EQ(csv_text("-"), "'-");
  EXPECT_EQ(csv_text("@SUM(1)"), "'@SUM(1)");
  EXPECT_EQ(csv_text("  =1"), "'  =1");
  EXPECT_EQ(csv_text("\"=1"), "\"'\"\"=1\"");
  EXPECT_EQ(csv_text("＝1"), "'＝1");
  EXPECT_EQ(csv_text("\t=1"), "\\t=1");
  EXPECT_EQ(csv_text("'=1"), "''=1");
  EXPECT_EQ(csv_text("a;=1"), "a\\x3b=1");
  EXPECT_EQ(csv_text("a; \"-1"), "\"a\\x3b \"\"-1\"");
}

// The cells of a line as a spreadsheet cuts it that takes `separator` for the end of a cell.
std::vector<std::string> cells_of(const std::string& line, char separator) {
  std::vector<std::string> cells(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool is_quote = line[i] == '"';
    if (is_quoted && is_quote && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += line[i++];
    } else if (is_quote && (is_quoted || cells.back().empty())) {
      is_quoted = !is_quoted;
    } else if (line[i] == separator && !is_quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  return cells;
}

bool is_formula(std::string cell) {
  cell.erase(0, cell.find_first_not_of(" \""));
  for (const std::string start : {"=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r"}) {
    if (cell.starts_with(start)) return true;
  }
  return false;
}

TEST(CsvText, OfHostileTextsReadsBackAndIsNoFormulaWhateverEndsACell) {
  for (const test::Hostile& hostile : test::hostile_texts()) {
    SCOPED_TRACE(hostile.what);
    const std::string line = "2024," + csv_text(hostile.text) + ",7";
    EXPECT_THAT(line, test::IsSafeToShow());

    Problems problems;
    const std::string table = "time,name,value\n" + line + "\n";
    CsvTable read(table, "t.csv", {{"time"}, {"name"}, {"value"}}, &problems);
    ASSERT_TRUE(read.next()) << problems.status();
    std::string name(read[1]);
    if (name.starts_with('\'')) name.erase(0, 1);
    EXPECT_EQ(test::unescaped(name), hostile.text);
    EXPECT_EQ(read[2], "7");
    EXPECT_FALSE(read.next());

    for (const char separator : {',', ';', '\t'}) {
      for (const std::string& cell : cells_of(line, separator))
        EXPECT_FALSE(is_formula(cell)) << cell;
    }
  }
}

}  // namespace
}  // namespace surgewatch::config
