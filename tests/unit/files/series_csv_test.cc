#include "files/series_csv.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace surgewatch::files {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

SeriesCsvOptions strict() {
  SeriesCsvOptions options;
  options.file = "f.csv";
  return options;
}
SeriesCsvOptions lenient() {
  SeriesCsvOptions options = strict();
  options.lenient = true;
  return options;
}

SeriesCsv read(std::string_view text, const SeriesCsvOptions& options = strict()) {
  auto csv = read_series_csv(text, options);
  EXPECT_TRUE(csv.ok()) << csv.status();
  return csv.ok() ? *std::move(csv) : SeriesCsv{};
}
std::string error_of(std::string_view text, const SeriesCsvOptions& options = strict()) {
  return std::string(read_series_csv(text, options).status().message());
}

constexpr std::nullopt_t kNa = std::nullopt;
using Value = std::optional<double>;

TEST(SeriesCsv, ReadsTheTimeColumnUnderItsUsualNames) {
  for (const char* name : {"t", "time", "timestamp", "\"time\"", "\xEF\xBB\xBFt"}) {
    const SeriesCsv csv = read(std::string(name) + ",value\n1,5\n2,6.5\n");
    EXPECT_THAT(csv.table.times, ElementsAre("1", "2")) << name;
    EXPECT_THAT(csv.table.series[0].values, ElementsAre(Value(5), Value(6.5))) << name;
    EXPECT_FALSE(csv.has_series_column);
  }
}

TEST(SeriesCsv, TakesOtherColumnsByName) {
  SeriesCsvOptions options = strict();
  options.time_column = "week";
  options.value_column = "count";
  const SeriesCsv csv = read("value,count,week\n9,1,1\n9,2,2\n", options);
  EXPECT_THAT(csv.table.series[0].values, ElementsAre(Value(1), Value(2)));
  EXPECT_THAT(error_of("t,value\n1,2\n", options), HasSubstr("no column 'week'"));
}

TEST(SeriesCsv, EveryBadRowIsNamedWithItsPlace) {
  EXPECT_THAT(error_of("t,value\n1,5\n2,\n3,x\n4,-3\n5,1e400\n6,NA\n7,nan\n"),
              AllOf(HasSubstr("f.csv:3:3: the value is missing"),
                    HasSubstr("f.csv:4:3: value 'x' is not a number"),
                    HasSubstr("f.csv:5:3: value '-3' is negative"), HasSubstr("f.csv:6:3: "),
                    HasSubstr("f.csv:7:3: the value is missing"), HasSubstr("f.csv:8:3: ")));
  EXPECT_THAT(error_of("t,value\n1,5\n1,6\n"), HasSubstr("f.csv:3:1: t 1 is repeated"));
  EXPECT_THAT(error_of("t,value\n2,5\n1,6\n"), HasSubstr("f.csv:3:1: t 1 comes after a later one"));
  EXPECT_THAT(error_of("t,value\n1,5\n2\n"), HasSubstr("f.csv:3:1: the row has 1 fields"));
  EXPECT_THAT(error_of("t,value\n1,5\nx,6\n"), HasSubstr("f.csv:3:1: t 'x' is not a number"));
  EXPECT_THAT(error_of("t,value\n,5\n"), HasSubstr("f.csv:2:1: the t is missing"));
  EXPECT_THAT(error_of("t,value\n1,x\n"), HasSubstr("--lenient takes such rows as NA"));
}

TEST(SeriesCsv, AZeroIsNoProblem) { EXPECT_THAT(error_of("t,value\n1,0\n2,-0\n"), IsEmpty()); }

TEST(SeriesCsv, ATimeThatIsNotThereIsAMissingRow) {
  EXPECT_THAT(error_of("t,value\n1,5\n2,6\n4,7\n"),
              HasSubstr("f.csv:4:1: a row is missing before this row: t 3"));
  EXPECT_THAT(error_of("t,value\n1,5\n2,6\n6,7\n"),
              HasSubstr("f.csv:4:1: 3 rows are missing before this row: t 3 to 5"));
  EXPECT_THAT(error_of("time,value\n2024-02-28,5\n2024-02-29,6\n2024-03-02,7\n"),
              HasSubstr("time 2024-03-01"));
  EXPECT_THAT(error_of("time,value\n2024-01-01,5\n2024-01-08,6\n2024-01-22,7\n"),
              HasSubstr("time 2024-01-15"));
}

TEST(SeriesCsv, StepsNeedNotBeOneAndMonthsNeedNotBeAlike) {
  EXPECT_THAT(error_of("t,value\n10,5\n15,6\n20,7\n"), IsEmpty());
  EXPECT_THAT(error_of("t,value\n0.1,5\n0.2,6\n0.30000000000000004,7\n"), IsEmpty());
  EXPECT_THAT(error_of("time,value\n2024-01-31,1\n2024-03-31,1\n2024-05-31,1\n"), IsEmpty());
  EXPECT_THAT(error_of("time,value\n2023-12-01,5\n2024-01-01,6\n2024-02-01,7\n2024-03-01,8\n"),
              IsEmpty());
  EXPECT_THAT(error_of("time,value\n2023-11-01,5\n2023-12-01,6\n2024-02-01,7\n"),
              HasSubstr("time 2024-01-01"));
}

TEST(SeriesCsv, TimesThatAreNotEvenlySpacedAreTakenAsTheyCome) {
  EXPECT_THAT(read("t,value\n1,5\n2.5,6\n9,7\n").table.times, ElementsAre("1", "2.5", "9"));
}

TEST(SeriesCsv, OtherTimesAreLabelsThatMustDiffer) {
  const SeriesCsv csv = read("timestamp,value\n2024-01-01 10:00,1\n2024-01-01 10:05,2\n");
  EXPECT_THAT(csv.table.times, ElementsAre("2024-01-01 10:00", "2024-01-01 10:05"));
  EXPECT_THAT(csv.table.days, IsEmpty());
  EXPECT_THAT(error_of("time,value\na,1\na,2\n"), HasSubstr("f.csv:3:1: time a is repeated"));
  EXPECT_THAT(error_of("time,value\na,1\nb,2\na,3\n"), HasSubstr("f.csv:4:1: "));
}

TEST(SeriesCsv, LenienceMakesBadRowsNaAndKeepsTheirPlaceInTheOutput) {
  const SeriesCsv csv = read("t,value\n1,5\n2,x\n3,-1\n3,4\n6,7\n5,8\n7,\n", lenient());
  EXPECT_THAT(csv.table.times, ElementsAre("1", "2", "3", "4", "5", "6", "7"));
  EXPECT_THAT(csv.table.series[0].values, ElementsAre(Value(5), kNa, kNa, kNa, kNa, Value(7), kNa));
  std::vector<std::string> times;
  for (const auto& row : csv.rows) times.push_back(row.time);
  EXPECT_THAT(times, ElementsAre("1", "2", "3", "3", "4", "5", "6", "5", "7"));
  EXPECT_EQ(csv.rows[3].window, SeriesCsv::kNone);
  EXPECT_EQ(csv.rows[7].window, SeriesCsv::kNone);
  EXPECT_EQ(csv.taken_as_na.count(), 6U);
}

TEST(SeriesCsv, LenienceDoesntExtendToTheHeaderOrToNothing) {
  EXPECT_THAT(error_of("a,b\n1,2\n", lenient()), HasSubstr("f.csv:1:1: no column 'time'"));
  EXPECT_THAT(error_of("", lenient()), HasSubstr("the table is empty"));
  EXPECT_THAT(error_of("t,value\n", lenient()), HasSubstr("no rows"));
}

TEST(SeriesCsv, ASpanOfTooManyWindowsIsRefusedEvenIfLenient) {
  EXPECT_THAT(error_of("t,value\n1,1\n2,1\n1000000000000,1\n", lenient()),
              HasSubstr("at most 10000000"));
}

TEST(SeriesCsv, SeriesShareTheWindowsAndMayBeginLaterOrEndEarlier) {
  const SeriesCsv csv = read("time,value,series\n1,1,a\n2,2,a\n3,3,a\n2,7,b\n3,8,b\n4,9,b\n");
  EXPECT_TRUE(csv.has_series_column);
  EXPECT_THAT(csv.table.series[0].values, ElementsAre(Value(1), Value(2), Value(3), kNa));
  EXPECT_THAT(csv.table.series[1].values, ElementsAre(kNa, Value(7), Value(8), Value(9)));
  EXPECT_EQ(csv.rows.size(), 6U);
  EXPECT_THAT(error_of("t,value,series\n1,1,a\n1,1,b\n2,1,a\n3,1,a\n3,1,b\n"),
              AllOf(HasSubstr("f.csv:6:1: a row is missing"), Not(HasSubstr("f.csv:5"))));
  EXPECT_THAT(error_of("t,value,series\n1,1,a\n1,1,b\n1,2,a\n"),
              HasSubstr("f.csv:4:1: t 1 of series 'a' is repeated"));
}

TEST(SeriesCsv, DatesAreKnownAsDays) {
  EXPECT_THAT(read("time,value\n1970-01-08,1\n1970-01-15,1\n").table.days, ElementsAre(7, 14));
}

TEST(SeriesCsv, InstantsHaveAStepAndAGapIsNamed) {
  const std::string hours =
      "time,value\n2024-01-01T22:00:00Z,1\n2024-01-01T23:00:00Z,2\n2024-01-02T02:00:00Z,3\n";
  EXPECT_THAT(error_of(hours),
              AllOf(HasSubstr("f.csv:4:1: 2 rows are missing before this row: time "
                              "2024-01-02T00:00:00Z to 2024-01-02T01:00:00Z"),
                    HasSubstr("--zeros takes windows without a row as 0")));
  const SeriesCsv csv = read(hours, lenient());
  EXPECT_THAT(csv.table.series[0].values, ElementsAre(Value(1), Value(2), kNa, kNa, Value(3)));
  EXPECT_THAT(csv.table.days, IsEmpty());
}

TEST(SeriesCsv, InstantsMayHaveFractionsAndOffsets) {
  const SeriesCsv csv = read(
      "time,value\n2024-01-01T00:00:00.25Z,1\n2024-01-01T01:00:00.500+01:00,2\n"
      "2024-01-01T00:00:00.75Z,3\n");
  EXPECT_THAT(csv.table.series[0].values, ElementsAre(Value(1), Value(2), Value(3)));
  EXPECT_THAT(error_of("time,value\n2024-01-01T00:00:00Z,1\n2024-01-02,2\n"),
              HasSubstr("f.csv:3:1: time '2024-01-02' is not an RFC 3339 time, as the first is"));
  EXPECT_THAT(error_of("time,value\n0101-01-01T00:00:00Z,1\n2024-01-02T00:00:00Z,2\n"),
              HasSubstr("is 285 years or more from the first"));
}

TEST(SeriesCsv, InstantsAtMidnightAreDaysAndMonthsAreMonths) {
  EXPECT_THAT(read("time,value\n1970-01-08T00:00:00Z,1\n1970-01-15T00:00:00Z,1\n").table.days,
              ElementsAre(7, 14));
  EXPECT_THAT(error_of("time,value\n2023-11-01T08:00:00Z,5\n2023-12-01T08:00:00Z,6\n"
                       "2024-02-01T08:00:00Z,7\n"),
              HasSubstr("a row is missing before this row: time 2024-01-01T08:00:00Z"));
}

TEST(SeriesCsv, WholeNumbersOfUnevenDistanceHaveGaps) {
  EXPECT_THAT(error_of("t,value\n1,5\n3,6\n6,7\n"), AllOf(HasSubstr("t 2"), HasSubstr("t 4 to 5")));
}

// Days 0, 2 and 5 have no step of their own but that of a day, whatever is missing.
TEST(SeriesCsv, DatesOfUnevenDistanceHaveGaps) {
  const std::string dates = "time,value\n2024-01-01,1\n2024-01-03,2\n2024-01-06,3\n";
  EXPECT_THAT(error_of(dates), AllOf(HasSubstr("a row is missing before this row: time 2024-01-02"),
                                     HasSubstr("2024-01-04 to 2024-01-05")));
  SeriesCsvOptions successive = strict();
  successive.successive = true;
  EXPECT_THAT(read(dates, successive).table.series[0].values,
              ElementsAre(Value(1), Value(2), Value(3)));
}

TEST(SeriesCsv, TheStepMayBeGiven) {
  SeriesCsvOptions options = strict();
  options.step = "1d";
  const std::string dates = "time,value\n2024-01-01,1\n2024-01-03,2\n2024-01-05,3\n";
  EXPECT_THAT(error_of(dates), IsEmpty());
  EXPECT_THAT(error_of(dates, options), HasSubstr("time 2024-01-02"));
  options.step = "2d";
  EXPECT_THAT(error_of("time,value\n2024-01-01,1\n2024-01-02,2\n", options),
              HasSubstr("f.csv:3:1: time 2024-01-02 is no whole number of steps of 2d from "
                        "2024-01-01"));
  options.step = "2";
  EXPECT_THAT(error_of("t,value\n1,1\n5,2\n", options), HasSubstr("t 3"));
  EXPECT_THAT(error_of("t,value\n1,1\n1.0000001,2\n3,2\n", options), HasSubstr("is repeated"));
  for (const auto& [step, text, words] :
       {std::tuple("1h", "time,value\n2024-01-01,1\n", "not a whole number of days"),
        std::tuple("0d", "time,value\n2024-01-01,1\n", "above 0"),
        std::tuple("x", "time,value\n2024-01-01,1\n", "not a duration"),
        std::tuple("1d", "t,value\n1,1\n", "not a number above 0"),
        std::tuple("1d", "t,value\na,1\n", "have no step")}) {
    options.step = step;
    EXPECT_THAT(error_of(text, options), AllOf(HasSubstr("--step"), HasSubstr(words)));
  }
}

TEST(SeriesCsv, WithZerosAWindowWithoutARowIsZeroInEverySeries) {
  SeriesCsvOptions options = strict();
  options.zeros = true;
  const SeriesCsv csv = read("time,value,series\n1,1,a\n3,3,a\n2,7,b\n5,9,b\n", options);
  EXPECT_THAT(csv.table.series[0].values,
              ElementsAre(Value(1), Value(0), Value(3), Value(0), Value(0)));
  EXPECT_THAT(csv.table.series[1].values,
              ElementsAre(Value(0), Value(7), Value(0), Value(0), Value(9)));
  EXPECT_EQ(csv.rows.size(), 10U);
  EXPECT_TRUE(csv.taken_as_na.empty());
  options.lenient = true;
  EXPECT_THAT(read("t,value\n1,1\n2,x\n4,2\n", options).table.series[0].values,
              ElementsAre(Value(1), kNa, Value(0), Value(2)));
}

TEST(SeriesCsv, ReadsWhatReplayWrites) {
  const SeriesCsv csv = read(
      "series,pane_start,key,measure,value\n"
      "b,2024-01-01T00:00:00Z,bill_to=SG,units,1\n"
      "b,2024-01-01T00:00:00Z,bill_to=US,units,2\n"
      "b,2024-01-02T00:00:00Z,bill_to=SG,units,3\n");
  ASSERT_EQ(csv.table.series.size(), 2U);
  EXPECT_EQ(csv.table.series[0].name, "b;bill_to=SG;units");
  EXPECT_THAT(csv.table.series[0].values, ElementsAre(Value(1), Value(3)));
  EXPECT_THAT(csv.table.series[1].values, ElementsAre(Value(2), kNa));
  EXPECT_THAT(read("time,value,key\n1,1,x\n2,1,y\n").table.series.size(), 1U);
}

TEST(SeriesCsv, MoreValuesThanFitAreRefused) {
  std::string text = "t,value,series\n0,1,a\n1,1,a\n9000000,1,a\n";
  for (int i = 0; i < 6; ++i) text += fmt::format("0,1,s{}\n", i);
  EXPECT_THAT(error_of(text, lenient()),
              AllOf(HasSubstr("9000001 windows of each of 7 series"), HasSubstr("50000000")));
}

TEST(SeriesCsv, NothingButBadRowsIsNoGrid) {
  SeriesCsvOptions options = lenient();
  options.zeros = true;
  EXPECT_THAT(read("t,value\n,1\n,2\n", options).table.times, IsEmpty());
  options.step = "1";
  EXPECT_THAT(error_of("t,value\n,1\n", options), HasSubstr("have no step"));
}

TEST(AnswerLine, SaysNaForWhatThereIsNotAndNumbersThatReadBack) {
  const SeriesCsv csv = read("time,value,series\n1,0.1,\"a,b\"\n2,3,\"a,b\"\n");
  methods::Answers answers(1);
  answers[0].resize(2);
  answers[0][0].expected = 1.0 / 3;
  answers[0][0].upper = 1e21;
  answers[0][0].alarm = true;
  answers[0][0].details = {0.5, std::nullopt};
  EXPECT_EQ(answers_header(csv, {"p", "phi"}),
            "time,value,expected,upper,score,alarm,series,p,phi");
  EXPECT_EQ(answer_line(csv, csv.rows[0], answers, 2),
            "1,0.1,0.3333333333333333,1e+21,NA,1,\"a,b\",0.5,NA");
  EXPECT_EQ(answer_line(csv, csv.rows[1], answers, 2), "2,3,NA,NA,NA,NA,\"a,b\",NA,NA");
}

}  // namespace
}  // namespace surgewatch::files
