#include "config/tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "base/status.h"
#include "config/control_class.h"
#include "config/csv.h"
#include "config/text.h"
#include "unit/config/testing.h"

namespace surgewatch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsNull;
using ::testing::NotNull;
using ::testing::Optional;
using ::testing::StartsWith;

Micros day(std::string_view date) { return *parse_date(date); }
std::vector<std::string> lines_of(const Problems& problems) {
  return config::lines_of(message_of(problems.status()));
}

constexpr std::string_view kCatalogueHeader =
    "sku,family,vendor,chips_per_unit,tpp,performance_density,effective_from\n";

std::vector<std::string> catalogue_problems(const std::string& rows) {
  Problems problems;
  read_catalogue(std::string(kCatalogueHeader) + rows, "c.csv", &problems);
  return lines_of(problems);
}

TEST(Csv, ReadsQuotedFieldsCrlfAndAByteOrderMark) {
  Problems problems;
  CsvTable table(
      "\xEF\xBB\xBF"
      "b,a\r\n\"x, \"\"y\"\"\nz\",1\r\n\r\n2,\"\"\r\n",
      "t.csv", {{"a"}, {"b"}}, &problems);
  ASSERT_TRUE(table.next());
  EXPECT_EQ(table[0], "1");
  EXPECT_EQ(table[1], "x, \"y\"\nz");
  table.problem(0, "here");
  ASSERT_TRUE(table.next());
  EXPECT_EQ(table[0], "");
  EXPECT_EQ(table[1], "2");
  EXPECT_FALSE(table.next());
  EXPECT_THAT(lines_of(problems), ElementsAre("t.csv:3:4: here"));
}

TEST(Csv, TakesALastLineWithoutANewline) {
  Problems problems;
  CsvTable table("a,b\n1,2", "t.csv", {{"b"}}, &problems);
  ASSERT_TRUE(table.next());
  EXPECT_EQ(table[0], "2");
  EXPECT_FALSE(table.next());
  EXPECT_TRUE(problems.empty());
}

TEST(Csv, PassesOverABadRowAndReadsOn) {
  Problems problems;
  CsvTable table("a,b\n1\n1,2,3\n\"x\"y,2\n1\"x,2\n5,6\n", "t.csv", {{"a"}}, &problems);
  ASSERT_TRUE(table.next());
  EXPECT_EQ(table[0], "5");
  EXPECT_FALSE(table.next());
  EXPECT_THAT(
      lines_of(problems),
      ElementsAre("t.csv:2:1: the row has 1 fields, the header 2",
                  "t.csv:3:1: the row has 3 fields, the header 2; quote a field that holds a comma",
                  "t.csv:4:4: text behind a closing quote; double a quote that is part of it",
                  "t.csv:5:2: a quote inside an unquoted field; quote the whole field"));
}

TEST(Csv, NamesAColumnThatIsMissingDoubledOrNeverClosed) {
  const auto problems_with = [](std::string_view text) {
    Problems problems;
    CsvTable table(text, "t.csv", {{"currency"}, {"note", false}}, &problems);
    EXPECT_FALSE(table.next());
    return lines_of(problems);
  };
  EXPECT_THAT(problems_with("curency,note\nx,y\n"),
              ElementsAre("t.csv:1:1: no column 'currency'; did you mean 'curency'?"));
  EXPECT_THAT(problems_with("currency,currency\nx,y\n"),
              ElementsAre("t.csv:1:10: column 'currency' is there twice"));
  EXPECT_THAT(problems_with(""),
              ElementsAre("t.csv:1:1: the table is empty; its first line must name currency"));
  EXPECT_THAT(problems_with("currency\n\"x\n"),
              ElementsAre("t.csv:2:1: a quote opens here and is never closed"));
  EXPECT_THAT(problems_with("currency\n\xFF\n"),
              ElementsAre("t.csv:2:1: not UTF-8 text; save the table as UTF-8"));
}

TEST(CatalogueTable, FindsTheRowInForce) {
  Problems problems;
  const Catalogue catalogue = read_catalogue(std::string(kCatalogueHeader) +
                                                 "A,New,V,2,100,1.5,2024-01-01\n"
                                                 "A,Old,V,1,,,\n"
                                                 "B,Late,V,8,5000,,2023-06-01\n",
                                             "c.csv", &problems);
  ASSERT_TRUE(problems.empty()) << message_of(problems.status());
  ASSERT_THAT(catalogue.find("A", kMinEventTime), NotNull());
  EXPECT_EQ(catalogue.find("A", kMinEventTime)->family, "Old");
  EXPECT_EQ(catalogue.find("A", kMinEventTime)->tpp, std::nullopt);
  EXPECT_EQ(catalogue.find("A", day("2024-01-01") - 1)->family, "Old");
  EXPECT_EQ(catalogue.find("A", day("2024-01-01"))->family, "New");
  EXPECT_EQ(catalogue.find("A", day("2024-01-01"))->chips_per_unit, 2);
  EXPECT_THAT(catalogue.find("A", kMaxEventTime)->tpp, Optional(100));
  EXPECT_THAT(catalogue.find("B", day("2023-06-01") - 1), IsNull());
  EXPECT_THAT(catalogue.find("B", day("2023-06-01")), NotNull());
  EXPECT_THAT(catalogue.find("C", 0), IsNull());
  EXPECT_THAT(catalogue.versions("C"), IsNull());
  EXPECT_EQ(catalogue.versions("A")->size(), 2U);
}

TEST(CatalogueTable, PointsAtWhatIsWrong) {
  EXPECT_THAT(
      catalogue_problems("A,F,V,0,,,\n"),
      ElementsAre("c.csv:2:7: chips_per_unit must be a whole number from 1 to 1000000, not '0'"));
  EXPECT_THAT(catalogue_problems("A,F,V,1,,,\n"), IsEmpty());
  EXPECT_THAT(catalogue_problems("A,F,V,1,x,,\n"),
              ElementsAre(StartsWith("c.csv:2:9: tpp must be empty")));
  EXPECT_THAT(catalogue_problems("A,F,V,1,,5.,\n"),
              ElementsAre(StartsWith("c.csv:2:10: performance_density: '5.' is not a decimal")));
  EXPECT_THAT(catalogue_problems("A,F,V,1,,,2024-13-01\n"),
              ElementsAre("c.csv:2:11: '2024-13-01' is not a date; write it as 2023-05-01"));
  EXPECT_THAT(catalogue_problems(",F,V,1,,,\nA,,V,1,,,\n"),
              ElementsAre("c.csv:2:1: the SKU is empty", "c.csv:3:3: the family is empty"));
}

TEST(CatalogueTable, RefusesTwoRowsOfOneSkuAndDate) {
  EXPECT_THAT(
      catalogue_problems("A,F,V,1,,,\nA,F,V,1,,,2024-01-01\nA,G,V,1,,,2024-01-01\nA,H,V,1,,,\n"),
      ElementsAre("c.csv:4:1: a second row of SKU 'A' in force from 2024-01-01",
                  "c.csv:5:1: a second row of SKU 'A' in force from the beginning"));
}

TEST(CatalogueTable, PrefersTheClassThatTheTableGives) {
  Problems problems;
  const Catalogue catalogue = read_catalogue(
      "control_class,sku,family,vendor,chips_per_unit,tpp,performance_density,effective_from,"
      "datacenter_marketed\n"
      "none,A,F,V,1,9000,,,true\n"
      ",B,F,V,1,9000,,,true\n"
      ",C,F,V,1,4750,6.33,,false\n"
      ",D,F,V,1,4750,6.33,,\n"
      "3A090,E,F,V,1,1,,,\n"
      ",F,F,V,1,1,,,yes\n",
      "c.csv", &problems);
  EXPECT_EQ(catalogue.find("A", 0)->control_class, kClassNone);
  EXPECT_EQ(catalogue.find("B", 0)->control_class, kClassA);
  EXPECT_EQ(catalogue.find("C", 0)->control_class, kClassNone);
  EXPECT_EQ(catalogue.find("D", 0)->control_class, kClassA);
  EXPECT_THAT(
      lines_of(problems),
      ElementsAre("c.csv:6:1: '3A090' is not a control class; known are 3A090.a, 3A090.b, none "
                  "and unknown",
                  "c.csv:7:14: datacenter_marketed must be true, false or empty, not 'yes'"));
}

TEST(CatalogueTable, IsReadFastEvenIfItIsLong) {
  std::string text(kCatalogueHeader);
  for (int i = 0; i < 100'000; ++i) {
    text += "SKU-" + std::to_string(i % 50'000) + ",Hopper,NVIDIA,8,15832,19.45," +
            (i < 50'000 ? "2023-01-01" : "2024-01-01") + "\n";
  }
  Problems problems;
  const auto start = std::chrono::steady_clock::now();
  const Catalogue catalogue = read_catalogue(text, "c.csv", &problems);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(catalogue.by_sku.size(), 50'000U);
  // About 0.1 s on a machine of 2024; a reader that is quadratic anywhere takes minutes.
  EXPECT_LT(took, std::chrono::seconds(10));
  RecordProperty(
      "milliseconds",
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

constexpr std::int64_t hundredths(std::int64_t value) { return value * 10'000'000; }

TEST(ControlClass, FollowsTheRuleOnBothSidesOfEachBorder) {
  const auto marketed = [](std::optional<std::int64_t> tpp, std::optional<std::int64_t> density) {
    return control_class(tpp, density, true);
  };
  EXPECT_EQ(marketed(4'800, std::nullopt), kClassA);
  EXPECT_EQ(marketed(4'800, hundredths(1)), kClassA);
  EXPECT_EQ(marketed(4'799, hundredths(592)), kClassA);
  EXPECT_EQ(marketed(4'799, hundredths(592) - 1), kClassB);
  EXPECT_EQ(marketed(1'600, hundredths(592)), kClassA);
  EXPECT_EQ(marketed(1'599, hundredths(592)), kClassNone);
  EXPECT_EQ(marketed(2'400, hundredths(160)), kClassB);
  EXPECT_EQ(marketed(2'400, hundredths(160) - 1), kClassNone);
  EXPECT_EQ(marketed(2'399, hundredths(160)), kClassNone);
  EXPECT_EQ(marketed(1'600, hundredths(320)), kClassB);
  EXPECT_EQ(marketed(1'600, hundredths(320) - 1), kClassNone);
  EXPECT_EQ(marketed(1'599, hundredths(320)), kClassNone);
}

TEST(ControlClass, IsUnknownWhereTheFiguresThatDecideAre) {
  EXPECT_EQ(control_class(std::nullopt, hundredths(100), true), kClassUnknown);
  EXPECT_EQ(control_class(std::nullopt, std::nullopt, false), kClassUnknown);
  EXPECT_EQ(control_class(4'799, std::nullopt, true), kClassUnknown);
  EXPECT_EQ(control_class(1'600, std::nullopt, true), kClassUnknown);
  EXPECT_EQ(control_class(1'599, std::nullopt, true), kClassNone);
}

TEST(ControlClass, LeavesOutWhatIsNotForDataCentersBelow4800) {
  EXPECT_EQ(control_class(4'799, hundredths(774), false), kClassNone);
  EXPECT_EQ(control_class(4'800, hundredths(774), false), kClassA);
  EXPECT_EQ(control_class(2'000, std::nullopt, false), kClassNone);
}

struct Chip {
  const char* name;
  std::optional<std::int64_t> tpp;
  std::optional<std::int64_t> density;  // hundredths
  bool datacenter;
  std::string_view expected;
};
// Public figures of real chips near the borders.
TEST(ControlClass, ClassifiesTheChipsThatWereBuiltToTheBorders) {
  const Chip chips[] = {{"A100", 4'992, 604, true, kClassA},
                        {"RTX 4090D", 4'707, 774, false, kClassNone},
                        {"RTX 5090D", 4'750, 633, false, kClassNone},
                        {"RTX 4090", 5'285, 868, false, kClassA},
                        {"L20", 1'912, 314, true, kClassNone},
                        {"L2", 1'544, 524, true, kClassNone},
                        {"L4", 1'940, 659, true, kClassA},
                        {"L40", 2'896, 476, true, kClassB},
                        {"MI210", 2'896, 400, true, kClassB},
                        {"H20", 2'368, 291, true, kClassNone},
                        {"MI300X", 20'919, std::nullopt, true, kClassA},
                        {"MI308X", std::nullopt, std::nullopt, true, kClassUnknown}};
  for (const Chip& chip : chips) {
    std::optional<std::int64_t> density_e9;
    if (chip.density) density_e9 = hundredths(*chip.density);
    EXPECT_EQ(control_class(chip.tpp, density_e9, chip.datacenter), chip.expected) << chip.name;
  }
}

TEST(FxTable, ARateIsValidFromItsDateOn) {
  Problems problems;
  const FxTable fx = read_fx(
      "currency,usd_per_unit,effective_from\nEUR,1.08,2024-01-01\nEUR,1.1,2024-02-01\nJPY,0."
      "006612345,\n",
      "fx.csv", &problems);
  ASSERT_TRUE(problems.empty()) << message_of(problems.status());
  EXPECT_EQ(fx.usd_per_unit_e9("EUR", day("2024-01-01") - 1), std::nullopt);
  EXPECT_THAT(fx.usd_per_unit_e9("EUR", day("2024-01-01")), Optional(1'080'000'000));
  EXPECT_THAT(fx.usd_per_unit_e9("EUR", day("2024-02-01") - 1), Optional(1'080'000'000));
  EXPECT_THAT(fx.usd_per_unit_e9("EUR", day("2024-02-01")), Optional(1'100'000'000));
  EXPECT_THAT(fx.usd_per_unit_e9("EUR", kMaxEventTime), Optional(1'100'000'000));
  EXPECT_THAT(fx.usd_per_unit_e9("JPY", kMinEventTime), Optional(6'612'345));
  EXPECT_THAT(fx.usd_per_unit_e9("USD", kMinEventTime), Optional(1'000'000'000));
  EXPECT_EQ(fx.usd_per_unit_e9("GBP", 0), std::nullopt);
}

TEST(FxTable, MaySayThatADollarIsADollar) {
  Problems problems;
  const FxTable fx = read_fx(
      "currency,usd_per_unit,effective_from\n"
      "USD,1,\nUSD,1.000000000,2024-01-01\nUSD,01.0,2024-01-01\nEUR,1.1,\n",
      "fx.csv", &problems);
  EXPECT_TRUE(problems.empty()) << message_of(problems.status());
  EXPECT_THAT(fx.usd_per_unit_e9("USD", kMinEventTime), Optional(1'000'000'000));
  EXPECT_THAT(fx.usd_per_unit_e9("EUR", 0), Optional(1'100'000'000));

  for (const char* rate : {"0.999999999", "1.000000001", "0", "-1", "", "100"}) {
    Problems wrong;
    read_fx(fmt::format("currency,usd_per_unit,effective_from\nUSD,{},\n", rate), "fx.csv", &wrong);
    EXPECT_THAT(lines_of(wrong), ElementsAre(StartsWith("fx.csv:2:5: usd_per_unit"))) << rate;
  }
}

TEST(FxTable, PointsAtWhatIsWrong) {
  Problems problems;
  read_fx(
      "currency,usd_per_unit,effective_from\n"
      "eur,1,\n"
      "EUR,0,\n"
      "EUR,-1,\n"
      "EUR,1.0000000001,\n"
      "EUR,1e3,\n"
      "USD,1.01,\n"
      "EUR,1,tomorrow\n"
      "EUR,0.000000001,\n"
      "EUR,2,\n"
      "EUR,1000001,2024-01-01\n",
      "fx.csv", &problems);
  EXPECT_THAT(
      lines_of(problems),
      ElementsAre("fx.csv:2:1: 'eur' is not a currency of ISO 4217's shape, such as EUR",
                  "fx.csv:3:5: usd_per_unit must be above 0 and at most 1000000, not '0'",
                  "fx.csv:4:5: usd_per_unit: '-1' is not a decimal number such as 1.0854",
                  "fx.csv:5:5: usd_per_unit: '1.0000000001' has 10 decimal places; at most 9 are "
                  "allowed",
                  "fx.csv:6:5: usd_per_unit: '1e3' is not a decimal number such as 1.0854",
                  "fx.csv:7:5: usd_per_unit of USD is always 1, not '1.01'",
                  "fx.csv:8:7: 'tomorrow' is not a date; write it as 2023-05-01",
                  "fx.csv:10:1: a second rate of EUR in force from the beginning",
                  "fx.csv:11:5: usd_per_unit must be above 0 and at most 1000000, not '1000001'"));
}

TEST(CountriesTable, IsTheListWhereItIsGiven) {
  Problems problems;
  const Countries countries =
      read_countries("iso2,name,mw\nSG,Singapore,985\nXK,Kosovo,\n", "c.csv", &problems);
  ASSERT_TRUE(problems.empty());
  EXPECT_TRUE(countries.known("SG"));
  EXPECT_TRUE(countries.known("XK"));
  EXPECT_TRUE(countries.known("ZZ"));
  EXPECT_FALSE(countries.known("US"));
  EXPECT_EQ(countries.name("SG"), "Singapore");
  EXPECT_EQ(countries.name("US"), "");
}

TEST(CountriesTable, PointsAtWhatIsWrong) {
  Problems problems;
  read_countries("iso2,name\nsg,Singapore\nSG,\nSG,Singapore\nSG,Singapore\nSGP,Singapore\n",
                 "c.csv", &problems);
  EXPECT_THAT(lines_of(problems), ElementsAre(StartsWith("c.csv:2:1: 'sg' is not a country"),
                                              "c.csv:3:4: the country's name is empty",
                                              "c.csv:5:1: country SG is there twice",
                                              StartsWith("c.csv:6:1: 'SGP' is not a country")));
}

TEST(BuiltInCountries, AreThoseOfIso3166) {
  const Countries countries = built_in_countries();
  EXPECT_GE(countries.name_by_iso2.size(), 249U);
  EXPECT_EQ(countries.name("SG"), "Singapore");
  EXPECT_EQ(countries.name("TW"), "Taiwan");
  EXPECT_TRUE(countries.known("ZZ"));
  EXPECT_FALSE(countries.known("UK"));
  EXPECT_FALSE(countries.known("XX"));
  EXPECT_FALSE(countries.known(""));
}

TEST(CountryGroupsTable, AMembershipEndsBeforeItsEnd) {
  Problems problems;
  const CountryGroups groups = read_country_groups(
      "iso2,group,effective_from,effective_to\nKH,D:5,2021-12-09,2025-11-07\nKH,D:1,2021-12-09,"
      "\nCN,D:5,,\n",
      "g.csv", built_in_countries(), &problems);
  ASSERT_TRUE(problems.empty()) << message_of(problems.status());
  EXPECT_FALSE(groups.contains("D:5", "KH", day("2021-12-09") - 1));
  EXPECT_TRUE(groups.contains("D:5", "KH", day("2021-12-09")));
  EXPECT_TRUE(groups.contains("D:5", "KH", day("2025-11-07") - 1));
  EXPECT_FALSE(groups.contains("D:5", "KH", day("2025-11-07")));
  EXPECT_TRUE(groups.contains("D:1", "KH", day("2030-01-01")));
  EXPECT_TRUE(groups.contains("D:5", "CN", kMinEventTime));
  EXPECT_FALSE(groups.contains("D:5", "SG", 0));
}

TEST(CountryGroupsTable, PointsAtWhatIsWrong) {
  Problems problems;
  read_country_groups(
      "iso2,group,effective_from,effective_to\n"
      "XX,D:5,,\n"
      "KH,,,\n"
      "KH,D:5,2021-12-09,2021-12-09\n"
      "KH,D:5,2021-12-09,2025-11-07\n"
      "KH,D:5,2025-11-07,\n"
      "KH,D:5,2025-11-06,2025-12-01\n",
      "g.csv", built_in_countries(), &problems);
  EXPECT_THAT(
      lines_of(problems),
      ElementsAre("g.csv:2:1: country XX is not in the list of countries",
                  "g.csv:3:4: the group is empty",
                  "g.csv:4:19: effective_to 2021-12-09 is not after effective_from 2021-12-09",
                  "g.csv:7:1: country KH is already in group D:5 for a part of that time"));
}

constexpr std::string_view kCapacityHeader =
    "iso2,dc_count,it_capacity_mw,it_capacity_asof,vacancy_pct,suggested_accelerator_share_pct,"
    "confidence,it_capacity_source\n";

Capacities read_capacity_rows(const std::string& rows, Problems* problems) {
  return read_capacities(std::string(kCapacityHeader) + rows, "c.csv", built_in_countries(),
                         problems);
}

std::vector<std::string> capacity_problems(const std::string& rows) {
  Problems problems;
  read_capacity_rows(rows, &problems);
  return lines_of(problems);
}

TEST(CapacityTable, ARowHoldsFromItsDateOnAndTheFirstBeforeIt) {
  Problems problems;
  const Capacities capacities = read_capacity_rows(
      "SG,99,985.5,2024-06-30,2,25,high,[found] x\nMY,,500,2024-06-30,,,low,[unverified: x]\n"
      "SG,90,900,2023-06-30,3,20,low,\nFR,,,,,,,\n",
      &problems);
  EXPECT_TRUE(problems.empty()) << problems.status();
  const auto megawatts = [&](std::string_view date) {
    return capacities.find("SG", day(date))->it_mw_e9 / 1'000'000'000;
  };
  EXPECT_EQ(megawatts("2020-01-01"), 900);
  EXPECT_EQ(megawatts("2024-06-29"), 900);
  EXPECT_EQ(megawatts("2024-06-30"), 985);
  const CountryCapacity& malaysia = *capacities.find("MY", 0);
  EXPECT_EQ(malaysia.data_centres, std::nullopt);
  EXPECT_EQ(malaysia.vacancy_pct_e9, std::nullopt);
  EXPECT_EQ(malaysia.accelerator_pct_e9, std::nullopt);
  EXPECT_THAT(malaysia.unsure, ElementsAre("MW"));
  EXPECT_THAT(capacities.find("SG", day("2024-06-30"))->unsure, IsEmpty());
  EXPECT_THAT(capacities.find("FR", 0), IsNull()) << "a row without figures says nothing";
  EXPECT_THAT(capacities.find("ZZ", 0), IsNull());
}

TEST(CapacityTable, PointsAtWhatIsWrong) {
  EXPECT_THAT(
      capacity_problems("SG,0,0,2024-06-30,0,101,,\nSG,1,x,today,,,low,\nXQ,1,1,2024-06-30,,,low,\n"
                        "SG,1,1,2024-06-30,,,low,\nSG,1,2,2024-06-30,,,low,\n"),
      ElementsAre("c.csv:2:4: dc_count must be empty (not known) or a whole number from 1 to "
                  "1000000, not '0'",
                  "c.csv:2:6: it_capacity_mw must be above 0 and at most 1000000, not '0'",
                  "c.csv:2:19: vacancy_pct must be above 0 and at most 100, not '0'",
                  "c.csv:2:21: suggested_accelerator_share_pct must be above 0 and at most 100, "
                  "not '101'",
                  "c.csv:3:6: it_capacity_mw must be above 0 and at most 1000000, not 'x'",
                  "c.csv:3:8: it_capacity_asof: 'today' is not a date; write it as 2023-05-01",
                  "c.csv:4:1: country XQ is not in the list of countries",
                  "c.csv:6:1: a second row of SG as of 2024-06-30"));
}

TEST(CapacityTable, IsBuiltInFromTheOneInDataTrade) {
  const Capacities capacities = built_in_capacities();
  EXPECT_EQ(capacities.by_country.size(), 30U);
  const CountryCapacity* singapore = capacities.find("SG", day("2024-10-27"));
  ASSERT_THAT(singapore, NotNull());
  EXPECT_EQ(singapore->it_mw_e9, 985'000'000'000);
  EXPECT_EQ(singapore->data_centres, 99);
  EXPECT_EQ(singapore->vacancy_pct_e9, 2'000'000'000);
  EXPECT_EQ(singapore->confidence, "high");
  EXPECT_THAT(singapore->unsure, IsEmpty());
  EXPECT_THAT(capacities.find("MY", 0)->unsure, ElementsAre("data centres", "MW", "vacancy"));
}

TEST(CapacityTable, HasAVersionOfItsOwnWhichIsNotTheReferenceDatas) {
  Problems problems;
  const std::string one = "SG,99,985,2024-06-30,2,25,high,\n",
                    two = "MY,60,500,2024-12-31,10,35,low,\n";
  const auto version = [&](const std::string& rows) {
    return capacities_version(read_capacity_rows(rows, &problems));
  };
  EXPECT_TRUE(version(one).starts_with("cap-"));
  EXPECT_EQ(version(one + two), version(two + one));
  EXPECT_NE(version(one), version("SG,99,986,2024-06-30,2,25,high,\n"));
  EXPECT_NE(version(one), version("SG,99,985,2024-06-30,3,25,high,\n"));
  ReferenceTables tables;
  const std::string before = reference_version(tables);
  tables.capacities = read_capacity_rows(one, &problems);
  EXPECT_EQ(reference_version(tables), before) << "no event counts for more by it";
}

TEST(ReferenceVersion, ChangesWithWhatTheTablesSayAndNotWithTheOrderOfRows) {
  const auto version = [](std::string_view fx) {
    Problems problems;
    ReferenceTables tables;
    tables.countries = built_in_countries();
    tables.fx = read_fx(fx, "fx.csv", &problems);
    EXPECT_TRUE(problems.empty());
    return reference_version(tables);
  };
  const std::string original =
      version("currency,usd_per_unit,effective_from\nEUR,1.1,\nJPY,0.006,\n");
  EXPECT_THAT(original, ::testing::MatchesRegex("rd-[0-9a-f]{16}"));
  EXPECT_EQ(original,
            version("usd_per_unit,currency,effective_from,note\n0.0060,JPY,,x\n1.10,EUR,,\n"));
  EXPECT_NE(original, version("currency,usd_per_unit,effective_from\nEUR,1.1,\nJPY,0.007,\n"));
  EXPECT_NE(original, version("currency,usd_per_unit,effective_from\nEUR,1.1,\n"));
}

TEST(ReferenceVersion, IsTheSameWhetherATableSaysWhatHoldsAnyway) {
  const auto version = [](std::string_view fx, std::string_view countries) {
    Problems problems;
    ReferenceTables tables;
    tables.countries = read_countries(countries, "c.csv", &problems);
    tables.fx = read_fx(fx, "fx.csv", &problems);
    EXPECT_TRUE(problems.empty()) << message_of(problems.status());
    return reference_version(tables);
  };
  EXPECT_EQ(
      version("currency,usd_per_unit,effective_from\nEUR,1.1,\n", "iso2,name\nSG,Singapore\n"),
      version("currency,usd_per_unit,effective_from\nEUR,1.1,\nUSD,1,\n",
              "iso2,name\nSG,Singapore\nZZ,Not stated\n"));
}

TEST(LoadReferenceTables, NamesEveryProblemOfEveryTable) {
  const auto tables = load_reference_tables({"no/catalogue.csv", "", "", "no/fx.csv"});
  EXPECT_TRUE(absl::IsInvalidArgument(tables.status()));
  EXPECT_THAT(message_of(tables.status()),
              ::testing::AllOf(HasSubstr("no/catalogue.csv:1:1: cannot read"),
                               HasSubstr("no/fx.csv:1:1: cannot read")));
}

TEST(ParseFixed, IsExact) {
  EXPECT_EQ(*parse_fixed_e9("0"), 0);
  EXPECT_EQ(*parse_fixed_e9("1.5"), 1'500'000'000);
  EXPECT_EQ(*parse_fixed_e9("0.000000001"), 1);
  EXPECT_EQ(*parse_fixed_e9("999999999.999999999"), 999'999'999'999'999'999);
  for (const char* text : {"", ".", "1.", ".5", "+1", "-1", " 1", "1,5", "1e3", "0x1", "1000000000",
                           "1.0000000000", "99999999999999999999"}) {
    EXPECT_FALSE(parse_fixed_e9(text).ok()) << text;
  }
}

TEST(FirstInvalidUtf8, FindsWhatDecodersDisagreeAbout) {
  EXPECT_EQ(first_invalid_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x87\xB8"), std::nullopt);
  for (const std::string& text :
       {std::string("\0", 1), std::string("\x80"), std::string("\xC0\x80"),
        std::string("\xE0\x80\x80"), std::string("\xED\xA0\x80"), std::string("\xF4\x90\x80\x80"),
        std::string("\xE2\x82")}) {
    const auto at = first_invalid_utf8("ab\n" + text);
    ASSERT_TRUE(at.has_value());
    EXPECT_EQ(at->line, 2);
    EXPECT_EQ(at->column, 1);
  }
}

}  // namespace
}  // namespace surgewatch::config
