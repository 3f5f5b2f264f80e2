// What an alert says to people of what others wrote, and what it carries for programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/printable.h"
#include "journal/refusal.h"
#include "support/hostile.h"
#include "support/shown.h"
#include "unit/detect/learning.h"

namespace surgewatch {
namespace {

using test::contributor;
using test::evidence;
using test::IsSafeToShow;
using test::learning_rule;
using test::usual;
using test::with;
using test::World;
using ::testing::HasSubstr;

// The last of the alerts that such a name brings when it buys much more than it did.
v1::Alert alert_about(const std::string& name) {
  config::Rule rule = learning_rule("surge");
  World world(with(rule));
  for (PaneIndex day = 0; day < 32; ++day) {
    world.count(name, day, day >= 30 ? 200 : usual(day), name);
    world.count("US", day, usual(day));
    world.pass(day);
  }
  const auto alerts = world.alerts();
  return alerts.empty() ? v1::Alert() : alerts.back();
}

TEST(Words, ShowHostileNamesWhereTheAlertCarriesThemExactly) {
  for (const test::Hostile& hostile : test::hostile_texts()) {
    if (!hostile.is_utf8 || hostile.text.size() > journal::kMaxKeyTextBytes)
      continue;  // none comes
    SCOPED_TRACE(hostile.what);
    const v1::Alert alert = alert_about(hostile.text);
    ASSERT_EQ(alert.subject().at("bill_to"), hostile.text);
    const std::string word = printable_word(hostile.text);
    EXPECT_THAT(alert.explanation(), IsSafeToShow());
    EXPECT_THAT(alert.explanation(), HasSubstr("billed to " + word + " was"));
    for (const v1::Evidence& one : alert.evidence()) EXPECT_THAT(one.text(), IsSafeToShow());
    ASSERT_NE(evidence(alert, "concentration"), nullptr);
    EXPECT_THAT(evidence(alert, "concentration")->text(), HasSubstr("is ship_to=" + word));
    EXPECT_NE(contributor(alert, {{"ship_to", hostile.text}}), nullptr);
    for (const v1::Contributor& one : alert.contributors()) {
      EXPECT_THAT(one.text(), IsSafeToShow());
    }
  }
}

}  // namespace
}  // namespace surgewatch
