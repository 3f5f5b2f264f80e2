#include "surgewatch/series_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace surgewatch::services {
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
}  // namespace surgewatch::services
