#include "base/proto_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(ToJson, HasNoFormForATimeBeyondItsRange) {
  v1::Event event;
  event.mutable_invoice()->mutable_issue_time()->set_seconds(253'402'300'799);
  EXPECT_EQ(try_to_json(event).value(), to_json(event));
  event.mutable_invoice()->mutable_issue_time()->set_seconds(253'402'300'800);
  EXPECT_THAT(std::string(try_to_json(event).status().message()), HasSubstr("no JSON form"));
}

}  // namespace
}  // namespace surgewatch
