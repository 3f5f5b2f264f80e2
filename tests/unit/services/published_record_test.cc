#include "common/published_record.h"

#include <gtest/gtest.h>

#include "base/revision_chain.h"

namespace surgewatch::services {
namespace {

v1::Alert good() {
  v1::Alert alert;
  alert.set_alert_id("al-1");
  alert.set_revision(1);
  alert.set_state(v1::ALERT_STATE_FIRING);
  return alert;
}

std::optional<PublishedFault> read(const std::string& key, const std::string& payload) {
  v1::Alert alert;
  kafka::Message record;
  record.key = key;
  record.payload = payload;
  return read_alert(record, &alert);
}
std::optional<PublishedFault> read(const v1::Alert& alert) {
  return read(alert.alert_id(), alert.SerializeAsString());
}

TEST(PublishedRecord, WhatADetectorWritesIsRead) {
  EXPECT_EQ(read(good()), std::nullopt);
  v1::Alert newer = good();
  newer.set_state(static_cast<v1::AlertState>(77));
  EXPECT_EQ(read(newer), std::nullopt) << "a newer version may know more states";
}

TEST(PublishedRecord, OthersHaveAReason) {
  EXPECT_EQ(read("al-1", "\xFF\xFF"), PublishedFault::kUnreadable);
  v1::Alert late = good();
  late.mutable_onset_time()->set_seconds(INT64_MAX);
  EXPECT_EQ(read(late), PublishedFault::kUnreadable);
  EXPECT_EQ(read("", ""), PublishedFault::kImpossibleId);
  EXPECT_EQ(read("another", good().SerializeAsString()), PublishedFault::kImpossibleId);
  v1::Alert long_id = good();
  long_id.set_alert_id(std::string(kMaxAlertIdBytes + 1, 'x'));
  EXPECT_EQ(read(long_id), PublishedFault::kImpossibleId);
  for (const std::int32_t revision : {0, -1, INT32_MIN, INT32_MAX}) {
    v1::Alert odd = good();
    odd.set_revision(revision);
    EXPECT_EQ(read(odd), PublishedFault::kImpossibleRevision) << revision;
  }
  v1::Alert long_text = good();
  long_text.set_explanation(std::string(kMaxPublishedBytes, 'x'));
  EXPECT_EQ(read(long_text), PublishedFault::kTooLarge);
}

TEST(PublishedRecord, APointsTimesCanBeWritten) {
  v1::SeriesPoint point;
  point.mutable_window_end()->set_nanos(-1);
  const std::string bytes = point.SerializeAsString();
  kafka::Message record;
  record.payload = bytes;
  EXPECT_EQ(read_point(record, &point), PublishedFault::kUnreadable);
  record.payload = "";
  EXPECT_EQ(read_point(record, &point), std::nullopt);
}

}  // namespace
}  // namespace surgewatch::services
