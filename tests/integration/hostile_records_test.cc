// A detector on a real Kafka, in whose topics others write.
#include <gmock/gmock.h>

#include <set>

#include "integration/detector_fixture.h"
#include "support/hostile_journal.h"
#include "support/log_lines.h"

namespace surgewatch::test {
namespace {

using ::testing::SizeIs;

constexpr SourceId kSource{Topic::kInvoices, 0};

TEST_F(DetectorOnRealKafka, WhatNoOwnerSaysSilencesNobodyAndIsCountedAndNamed) {
  JournalWriter journal(brokers(), config());
  journal.own();
  const LogLines log;
  RunningDetector detector(config());
  const auto hostile = hostile_records(kSource, journal.epoch(), config()->series[0].definition);
  std::map<std::string, int> reasons;
  for (const HostileRecord& one : hostile) {
    journal.append(one.record);
    ++reasons[one.reason];
  }
  for (const v1::JournalRecord& record : mirrored_owners(kSource)) journal.append(record);
  ++reasons["not_the_owner"];
  journal.append_bytes("\xFF\xFF no protobuf");
  ++reasons["unreadable"];
  journal.surge();
  wait_for_all_of(journal, detector);
  EXPECT_THAT(alerts(), SizeIs(1));
  for (const auto& [reason, count] : reasons) {
    const std::string sample = "surgewatch_journal_refused_total{reason=\"" + reason + "\"} ";
    EXPECT_TRUE(wait_until([&] { return detector.shows(sample + std::to_string(count)); }, kLong))
        << sample << count << "\n"
        << detector.metrics();
    EXPECT_EQ(log.count("(reason " + reason + ")"), 1) << reason;
  }
  EXPECT_EQ(log.count("refused at offset"), static_cast<int>(reasons.size()));
  EXPECT_EQ(log.count("\x1b"), 0);
}

}  // namespace
}  // namespace surgewatch::test
