// The oracle itself: what a trial must not come to is told from what it may.
#include "faults/oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/proto_json.h"
#include "config/config.h"
#include "detect/rules/table.h"
#include "support/process.h"

namespace surgewatch::faults {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class Oracle : public ::testing::Test {
 protected:
  Oracle() {
    std::filesystem::create_directory_symlink(SURGEWATCH_SOURCE_DIR "/deploy/config/tables",
                                              directory_.path() / "tables");
    const std::filesystem::path file = directory_.path() / "workload.yaml";
    std::ofstream(file) << workload_yaml() << "kafka: {brokers: 'nowhere:1'}\n";
    auto config = config::load(file.string(), detect::rule_specs());
    EXPECT_TRUE(config.ok()) << config.status();
    config_ = *std::move(config);
    expected_ = expect(workload_, config_);
    observed_ = observe_undisturbed(workload_, config_);
  }

  std::vector<std::string> differ(const std::function<void(Observed*)>& change) {
    Observed changed = observed_;
    change(&changed);
    return differences(workload_, expected_, config_, changed, &observed_);
  }

  test::TemporaryDirectory directory_;
  const Workload workload_ = make_workload(/*seed=*/1, /*per_source=*/150);
  std::shared_ptr<const config::Config> config_;
  Expected expected_;
  Observed observed_;
};

TEST_F(Oracle, HoldsOfARunThatNothingDisturbs) {
  EXPECT_THAT(differ([](Observed*) {}), IsEmpty());
  EXPECT_GT(observed_.alerts.size(), 200u) << "too tame";
  EXPECT_GT(expected_.late.size(), 10u);
  EXPECT_GT(expected_.rejected.size(), 10u);
  EXPECT_GT(expected_.known_already, 5u);
}

TEST_F(Oracle, MissesARevisionThatIsNotThere) {
  EXPECT_THAT(differ([](Observed* seen) { seen->alerts.erase(seen->alerts.begin() + 100); }),
              Contains(StartsWith("O3 revisions")));
}

TEST_F(Oracle, SeesARevisionTwice) {
  EXPECT_THAT(differ([](Observed* seen) { seen->alerts.push_back(seen->alerts[100]); }),
              Contains(StartsWith("O3 revisions")));
}

TEST_F(Oracle, SeesAnAlertThatStandsOtherwise) {
  const auto differing = differ([](Observed* seen) {
    v1::Alert alert;
    alert.ParseFromString(seen->alerts.back().payload);
    alert.set_observed(alert.observed() + 1);
    seen->alerts.back().payload = to_bytes(alert);
  });
  EXPECT_THAT(differing, Contains(StartsWith("O1 alert")));
  EXPECT_THAT(differing, Contains(StartsWith("O2 alert")));
}

TEST_F(Oracle, MissesAWindow) {
  EXPECT_THAT(differ([](Observed* seen) { seen->points.clear(); }),
              Contains(StartsWith("O1 point")));
}

// A flush that is lost, with its progress.
TEST_F(Oracle, MissesWhatTheJournalDoesNotHave) {
  EXPECT_THAT(differ([](Observed* seen) { seen->journal.resize(seen->journal.size() / 2); }),
              Contains(StartsWith("O1 pane")));
}

TEST_F(Oracle, MissesMoney) {
  const auto differing = differ([](Observed* seen) {
    for (auto record = seen->journal.rbegin(); record != seen->journal.rend(); ++record) {
      v1::JournalRecord journal;
      journal.ParseFromString(record->payload);
      if (!journal.has_panes() || journal.source().topic() != "invoices") continue;
      v1::Measures* sums = journal.mutable_panes()->mutable_updates(0)->mutable_measures();
      sums->set_revenue_usd_micros(sums->revenue_usd_micros() + 1);
      record->payload = to_bytes(journal);
      return;
    }
  });
  EXPECT_THAT(differing, Contains(StartsWith("O1 pane")));
}

TEST_F(Oracle, MissesALateEventAndADeadLetter) {
  const auto differing = differ([](Observed* seen) {
    seen->late.pop_back();
    seen->rejected.pop_back();
  });
  EXPECT_THAT(differing, Contains(StartsWith("O2 late event")));
  EXPECT_THAT(differing, Contains(StartsWith("O2 dead letter")));
  EXPECT_THAT(differing, Contains(StartsWith("O4 events")));
}

// The side topics promise that nothing is missing, not that nothing is there twice.
TEST_F(Oracle, CountsCopiesThatAreThereTwice) {
  EXPECT_THAT(differ([](Observed* seen) { seen->late.push_back(seen->late[0]); }), IsEmpty());
  observed_.late.push_back(observed_.late[0]);
  EXPECT_EQ(repetitions(observed_.late), 1u);
}

TEST_F(Oracle, SeesThatAReaderSawWhatWasTakenBack) {
  Observed during = observed_;
  during.alerts.insert(during.alerts.begin() + 5, {.offset = 4, .payload = "aborted"});
  EXPECT_THAT(differences(workload_, expected_, config_, observed_, &during),
              Contains(StartsWith("O3 reader of alerts")));
}

}  // namespace
}  // namespace surgewatch::faults
