#include "common/alert_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/printable.h"
#include "support/hostile.h"
#include "support/shown.h"

namespace surgewatch::services {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FormatAmount, GroupsThousandsAndShowsMoneyInMillions) {
  EXPECT_EQ(format_amount(7.697e15, "revenue_usd"), "7,697.0 million USD");
  EXPECT_EQ(format_amount(1234567, "chips"), "1,234,567 chips");
  EXPECT_EQ(format_amount(-1234, "units"), "-1,234 units");
  EXPECT_EQ(format_amount(999, "units"), "999 units");
  EXPECT_EQ(format_amount(0.2194, "share"), "21.9 %");
  EXPECT_EQ(format_amount(2'512, "index"), "2,512 index");
}

TEST(AlertLine, GivesRatioAndGrowthEachByItsName) {
  v1::Alert alert;
  alert.set_alert_id("al-1");
  alert.set_revision(3);
  alert.set_rule("singapore-since-deepseek");
  alert.set_rule_type(v1::RULE_TYPE_SURGE_SINCE);
  alert.set_severity(v1::SEVERITY_WARNING);
  alert.set_state(v1::ALERT_STATE_FIRING);
  alert.set_timing(v1::TIMING_ON_TIME);
  alert.set_measure("revenue_usd");
  (*alert.mutable_subject())["bill_to"] = "SG";
  alert.set_observed(7.697e15);
  alert.set_expected(1.042e15);
  alert.set_ratio(7697.0 / 1042);
  alert.set_growth_percent(100 * (7697.0 / 1042 - 1));
  alert.mutable_window_end()->set_seconds(1'730'073'600);  // 2024-10-28
  EXPECT_THAT(alert_line(alert, false),
              AllOf(HasSubstr("warning"), HasSubstr("firing"), HasSubstr("bill_to=SG"),
                    HasSubstr("ratio 7.387"), HasSubstr("growth +638.7 %"),
                    HasSubstr("window to 2024-10-27 (on_time)"), HasSubstr("al-1 rev 3")));
  EXPECT_THAT(alert_line(alert, true), HasSubstr("\033["));
}

v1::Evidence* add(v1::Alert* alert, const char* name, double value, const char* label,
                  const std::string& of) {
  v1::Evidence* added = alert->add_evidence();
  added->set_name(name);
  added->set_value(value);
  if (*label != '\0') (*added->mutable_labels())[label] = of;
  return added;
}

TEST(AlertLine, WeighsATypologyInWeights) {
  v1::Alert alert;
  alert.set_measure("findings");
  alert.set_unit("weight");
  alert.set_against("the line");
  alert.set_comparison(v1::COMPARISON_LINE);
  alert.set_observed(5);
  alert.set_expected(3);
  alert.set_ratio(5.0 / 3);
  EXPECT_THAT(alert_line(alert, false), HasSubstr("5 weight against 3 weight: 1.7 times the line"));
}

TEST(AlertLine, ComparesWithWhatCameStraight) {
  v1::Alert alert;
  alert.set_measure("chips");
  alert.set_against("what came straight, or the floor");
  alert.set_comparison(v1::COMPARISON_RATIO);
  alert.set_ratio(4.208);
  alert.set_expected(1'000);
  EXPECT_THAT(alert_line(alert, false), AllOf(HasSubstr("4.208 times what came straight"),
                                              ::testing::Not(HasSubstr("growth"))));
}

TEST(MadeOfLine, NamesRoutesRulesOrdersAndDestinations) {
  v1::Alert flow;
  add(&flow, "route", 2'080, "ship_from", "SG");
  add(&flow, "route", 1'256, "ship_from", "PH");
  add(&flow, "direct", 667, "", "")->set_text("667 straight from US");
  EXPECT_EQ(made_of_line(flow), "by way of SG 2,080, PH 1,256; 667 straight from US");
  v1::Alert typology;
  add(&typology, "finding", 2, "rule", "a");
  add(&typology, "finding", 0.5, "rule", "b");
  EXPECT_EQ(made_of_line(typology), "found by a 2, b 0.5");
  v1::Alert orders;
  (*orders.add_contributors()->mutable_labels())["destination"] = "CN";
  for (const char* id : {"O-1", "O-2", "O-3", "O-4", "O-5"}) {
    (*orders.add_contributors()->mutable_labels())["order_id"] = id;
  }
  add(&orders, "orders_in_all", 1'004, "", "");
  EXPECT_EQ(made_of_line(orders), "orders O-1, O-2, O-3, O-4; 1,004 in all");
  v1::Alert billed;
  billed.set_comparison(v1::COMPARISON_SHORTFALL);
  v1::Contributor* lane = billed.add_contributors();
  (*lane->mutable_labels())["ship_to"] = "MY";
  (*lane->mutable_labels())["family"] = "Hopper";
  v1::Contributor* country = billed.add_contributors();
  (*country->mutable_labels())["ship_to"] = "US";
  country->set_text("9.0 million USD, 54.7 % of the window");
  EXPECT_EQ(made_of_line(billed), "to be delivered to US 9.0 million USD, 54.7 % of the window");
  EXPECT_EQ(made_of_line(v1::Alert()), "");
}

TEST(MadeOfLine, EscapesWhatOthersWrote) {
  v1::Alert alert;
  (*alert.add_contributors()->mutable_labels())["order_id"] = "A\nB\x1b[31m";
  EXPECT_EQ(made_of_line(alert), "orders \"A\\nB\\x1b[31m\"");
}

TEST(AlertLine, SaysOfADivergenceWhatWasNotDelivered) {
  v1::Alert alert;
  alert.set_comparison(v1::COMPARISON_SHORTFALL);
  alert.set_measure("chips");
  alert.set_observed(200);
  alert.set_expected(50);
  alert.set_ratio(4);
  EXPECT_THAT(alert_line(alert, false),
              AllOf(HasSubstr("75.0 % not delivered there"), ::testing::Not(HasSubstr("growth"))));
}

TEST(AlertLine, SaysHowManyTimesALineIsReached) {
  v1::Alert alert;
  alert.set_against("the line");
  alert.set_comparison(v1::COMPARISON_LINE);
  alert.set_measure("units");
  alert.set_observed(192);
  alert.set_expected(64);
  alert.set_ratio(3);
  EXPECT_THAT(alert_line(alert, false),
              AllOf(HasSubstr("3.0 times the line"), ::testing::Not(HasSubstr("growth"))));
}

TEST(AlertLine, SaysOfWhatIsResolvedWhy) {
  v1::Alert alert;
  alert.set_state(v1::ALERT_STATE_RESOLVED);
  alert.set_timing(v1::TIMING_FINAL);
  alert.set_alert_id("al-1");
  alert.set_revision(4);
  EXPECT_THAT(alert_line(alert, false), HasSubstr(" (final), al-1 rev 4"));
  alert.set_resolution(v1::RESOLUTION_QUIET);
  EXPECT_THAT(alert_line(alert, false), HasSubstr(" (final; quiet again), al-1 rev 4"));
  alert.set_resolution(v1::RESOLUTION_RULE_REMOVED);
  EXPECT_THAT(alert_line(alert, false), HasSubstr("(final; its rule was removed)"));
  alert.set_resolution(v1::RESOLUTION_RULE_CHANGED);
  EXPECT_THAT(alert_line(alert, false), HasSubstr("(final; its rule was changed)"));
  alert.set_resolution(v1::RESOLUTION_DATA_CORRECTED);
  EXPECT_THAT(alert_line(alert, false), HasSubstr("(final; its data were corrected)"));
  // Of what fires it would be a slip of its writer's.
  alert.set_state(v1::ALERT_STATE_FIRING);
  EXPECT_THAT(alert_line(alert, false), HasSubstr(" (final), "));
}

// Whoever names a party or writes into the topic writes no line, no colour and no figure.
TEST(AlertLine, ShowsHostileTextsOnItsOneLine) {
  const auto line_of = [](const std::string& text, bool colour) {
    v1::Alert alert;
    alert.set_rule(text);
    alert.set_alert_id(text);
    alert.set_measure(text);
    (*alert.mutable_subject())[text] = text;
    (*alert.mutable_subject())["bill_to"] = "SG";
    const std::string line = alert_line(alert, colour);
    EXPECT_THAT(peak_line(alert, colour), HasSubstr(printable_word(text)));
    return line;
  };
  for (const test::Hostile& hostile : test::hostile_texts()) {
    SCOPED_TRACE(hostile.what);
    const std::string line = line_of(hostile.text, /*colour=*/false);
    EXPECT_THAT(line, test::IsSafeToShow());
    const std::string word = printable_word(hostile.text);
    EXPECT_THAT(line, HasSubstr(" " + word + " ["));
    EXPECT_THAT(line, HasSubstr(word + "=" + word));
    EXPECT_THAT(line, ::testing::EndsWith(word + " rev 0"));
    // Ours are the only escapes of a terminal: the colour and its end.
    const std::string coloured = line_of(hostile.text, /*colour=*/true);
    EXPECT_EQ(std::ranges::count(coloured, '\x1b'), 2);
  }
}

TEST(AlertLine, AnIdCannotPassForWhatFollowsIt) {
  v1::Alert alert;
  (*alert.mutable_subject())["bill_to.party_id"] = "x] 0.0 million USD against 0.0 million USD";
  EXPECT_THAT(alert_line(alert, false),
              HasSubstr("[bill_to.party_id=\"x] 0.0 million USD against 0.0 million USD\"]"));
}

}  // namespace
}  // namespace surgewatch::services
