#include "base/proto_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/hostile.h"
#include "support/shown.h"
#include "surgewatch/v1/alert.pb.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch {
namespace {

using ::testing::HasSubstr;

TEST(ToJson, UsesTheProtosOwnNamesAndKeepsMapsInOrder) {
  v1::Alert alert;
  alert.set_alert_id("a1");
  alert.set_severity(v1::SEVERITY_WARNING);
  for (const char* key : {"family", "bill_to", "zone", "end_user"})
    (*alert.mutable_subject())[key] = key;
  alert.mutable_onset_time()->set_seconds(1'704'067'200);
  EXPECT_EQ(
      to_json(alert),
      R"({"alert_id":"a1","severity":"SEVERITY_WARNING",)"
      R"("subject":{"bill_to":"bill_to","end_user":"end_user","family":"family","zone":"zone"},)"
      R"("onset_time":"2024-01-01T00:00:00Z"})");
}

// What reads JSON gets the text itself; who reads it in a terminal sees no character that acts.
TEST(ToJson, HoldsHostileTextsExactlyAndShowsThem) {
  for (const test::Hostile& hostile : test::hostile_texts()) {
    if (!hostile.is_utf8) continue;
    SCOPED_TRACE(hostile.what);
    v1::Alert alert;
    (*alert.mutable_subject())[hostile.text] = hostile.text;
    alert.set_explanation("€ " + hostile.text);
    const std::string json = to_json(alert);
    EXPECT_THAT(json, test::IsSafeToShow());
    const auto parsed = nlohmann::json::parse(json);
    EXPECT_EQ(parsed["subject"][hostile.text], hostile.text);
    EXPECT_EQ(parsed["explanation"], "€ " + hostile.text);
  }
}

TEST(ToJson, EscapesHiddenCharactersAsJsonDoes) {
  v1::Alert alert;
  alert.set_rule("a\u061cb\u2066c\U000e0100d\u00e4");
  EXPECT_EQ(to_json(alert), "{\"rule\":\"a\\u061cb\\u2066c\\udb40\\udd00d\u00e4\"}");
}

// Each can be parsed.
TEST(HasJson, OfTimesThatCanBeWritten) {
  v1::Alert alert;
  EXPECT_TRUE(has_json(alert));
  auto* time = alert.mutable_peak()->mutable_window_end();
  const auto has = [&](std::int64_t seconds, std::int32_t nanos) {
    time->set_seconds(seconds);
    time->set_nanos(nanos);
    v1::Alert parsed;
    const bool result = parse_printable(alert.SerializeAsString(), &parsed);
    EXPECT_EQ(result, has_json(alert));
    if (result) {
      EXPECT_THAT(to_json(parsed), HasSubstr("window_end"));
    }
    return result;
  };
  EXPECT_TRUE(has(253'402'300'799, 999'999'999));
  EXPECT_FALSE(has(253'402'300'800, 0));
  EXPECT_TRUE(has(-62'135'596'800, 0));
  EXPECT_FALSE(has(-62'135'596'801, 0));
  EXPECT_FALSE(has(0, -1));
  EXPECT_FALSE(has(0, 1'000'000'000));
  EXPECT_FALSE(parse_printable("\x0a\x05", &alert));
}

}  // namespace
}  // namespace surgewatch
