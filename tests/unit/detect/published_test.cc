// What has been published is state: across lives, changes of rules and corrected data no alert is
// lost, none is left that fires for ever, and no revision is said twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "unit/detect/world.h"

namespace surgewatch {
namespace {

using test::brief;
using test::briefs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

config::Config with_rule(const std::string& name, double ratio,
                         const std::string& version = "rv-1") {
  config::Config config = test::two_series();
  config::Rule rule = test::rule("surge_since", 1);
  rule.name = name;
  rule.version = version;
  rule.reference = test::days(0, 0);
  rule.fire_at.ratio = ratio;
  rule.clear_at.ratio = 2;
  config.rules = {rule};
  return config;
}

// The journal of ten days of SG at 5 times the reference, then at 3.
std::vector<v1::JournalRecord> journal(PaneIndex days) {
  std::vector<v1::JournalRecord> records;
  std::int64_t offset = 0;
  for (PaneIndex day = 0; day < days; ++day) {
    const std::int64_t dollars = day == 0 ? 100 : day < 10 ? 500 : 300;
    records.push_back(test::Batch(test::kInvoices0, ++offset, "billed")
                          .update({{"SG", "US"}, day, dollars * test::kDollar}));
    records.push_back(test::progress(test::kInvoices0, offset, (day + 1) * kMicrosPerDay));
  }
  return records;
}

// What is in the topic: the newest revision of each alert, whoever published it.
class Topic {
 public:
  void publish(const std::vector<v1::Alert>& alerts) {
    for (const v1::Alert& alert : alerts) {
      v1::Alert& newest = newest_[alert.alert_id()];
      EXPECT_EQ(alert.revision(), newest.revision() + 1) << alert.rule();
      newest = alert;
    }
  }
  std::vector<v1::Alert> newest() const {
    std::vector<v1::Alert> result;
    for (const auto& [id, alert] : newest_) result.push_back(alert);
    return result;
  }

 private:
  std::map<std::string, v1::Alert> newest_;
};

// A life: silent for the first `silent` records, then speaks; gives what it says.
std::vector<v1::Alert> live(config::Config config, const std::vector<v1::JournalRecord>& records,
                            std::size_t silent, Topic* topic) {
  detect::Detector detector(std::make_shared<const config::Config>(std::move(config)),
                            {.silent = true});
  detect::Emissions out;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i == silent) detector.speak(topic->newest(), &out);
    detector.apply(records[i], &out);
  }
  if (silent >= records.size()) detector.speak(topic->newest(), &out);
  topic->publish(out.alerts);
  return out.alerts;
}

TEST(Published, ALifeGoesOnWhereAnotherHasEnded) {
  const auto records = journal(14);
  Topic whole;
  const auto all = live(with_rule("r", 4), records, 0, &whole);
  for (std::size_t cut = 0; cut <= records.size(); ++cut) {
    Topic topic;
    auto said =
        live(with_rule("r", 4),
             {records.begin(), records.begin() + static_cast<std::ptrdiff_t>(cut)}, 0, &topic);
    const auto rest = live(with_rule("r", 4), records, cut, &topic);
    said.insert(said.end(), rest.begin(), rest.end());
    ASSERT_EQ(said.size(), all.size()) << "cut at " << cut;
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(to_json(said[i]), to_json(all[i])) << "cut at " << cut;
    }
  }
}

TEST(Published, WhatNobodyRecordedIsSaidOnce) {
  const auto records = journal(8);
  Topic topic;
  live(with_rule("r", 4), records, 0, &topic);
  // The last transaction's offset was lost, but not what it held.
  EXPECT_THAT(live(with_rule("r", 4), records, records.size() - 4, &topic), IsEmpty());
}

TEST(Published, ARuleThatIsGoneTakesItsAlertsWithIt) {
  const auto records = journal(8);
  Topic topic;
  live(with_rule("old", 4), records, 0, &topic);
  const auto said = live(with_rule("new", 3), records, records.size(), &topic);
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0].rule(), "new") << "what fires already is announced";
  EXPECT_EQ(said[0].revision(), 1);
  EXPECT_EQ(said[0].state(), v1::ALERT_STATE_FIRING);
  EXPECT_EQ(said[1].rule(), "old");
  EXPECT_EQ(said[1].state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(said[1].resolution(), v1::RESOLUTION_RULE_REMOVED);
  EXPECT_THAT(said[1].explanation(), HasSubstr("no rule of this name"));
  EXPECT_THAT(live(with_rule("new", 3), records, records.size(), &topic), IsEmpty()) << "once";
}

TEST(Published, ARuleThatIsRaisedWithdrawsWhatItWouldNotSay) {
  const auto records = journal(8);
  Topic topic;
  live(with_rule("r", 4, "rv-1"), records, 0, &topic);
  const auto said = live(with_rule("r", 6, "rv-2"), records, records.size(), &topic);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(said[0].resolution(), v1::RESOLUTION_RULE_CHANGED);
  // And back again: the same alert fires once more, with the next number.
  const auto back = live(with_rule("r", 4, "rv-1"), records, records.size(), &topic);
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].alert_id(), said[0].alert_id());
  EXPECT_EQ(back[0].state(), v1::ALERT_STATE_FIRING);
  EXPECT_EQ(back[0].revision(), said[0].revision() + 1);
}

TEST(Published, AnEndThatWasMissedIsSaid) {
  Topic topic;
  live(with_rule("r", 6), journal(8), 0, &topic);
  live(with_rule("r", 4), journal(8), journal(8).size(), &topic);
  // While nobody was there the rule has come to an end with it.
  auto records = journal(8);
  std::int64_t offset = 100;
  for (PaneIndex day = 8; day < 14; ++day) {
    records.push_back(test::progress(test::kInvoices0, ++offset, (day + 1) * kMicrosPerDay));
  }
  const auto said = live(with_rule("r", 4), records, records.size(), &topic);
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said.back().state(), v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(said.back().resolution(), v1::RESOLUTION_QUIET);
}

TEST(Published, ARuleWithMoreToSayIsNotIgnored) {
  // Another build has said more revisions of the same alert than this one would.
  const auto records = journal(8);
  Topic topic;
  auto said = live(with_rule("r", 4), records, 0, &topic);
  v1::Alert more = topic.newest().front();
  for (int i = 0; i < 5; ++i) {
    more.set_revision(more.revision() + 1);
    more.set_observed(more.observed() + 1);
    topic.publish({more});
  }
  const auto next = live(with_rule("r", 4), records, records.size(), &topic);
  ASSERT_EQ(next.size(), 1u) << "the figures as they are";
  EXPECT_EQ(next[0].revision(), more.revision() + 1);
  EXPECT_EQ(next[0].observed(), 500e6);
}

TEST(Published, OtherWordsMakeNoRevision) {
  const auto records = journal(8);
  Topic topic;
  live(with_rule("r", 4), records, 0, &topic);
  config::Config config = with_rule("r", 4);
  config.rules[0].runbook_url = "https://example.com/other";
  config.ruleset_version = "rs-other";
  EXPECT_THAT(live(std::move(config), records, records.size(), &topic), IsEmpty());
}

// A SKU is added to the catalogue and the aggregator restarted: it counts all again, by another
// generation, and what was said of the old figures follows the new ones.
TEST(Generations, AlertsFollowTheFiguresThatTakeTheOthersPlace) {
  const auto config = std::make_shared<const config::Config>(with_rule("r", 4));
  detect::Detector detector(config);
  detect::Emissions out;
  std::int64_t offset = 0;
  const auto life = [&](const std::string& generation, const std::string& country) {
    detector.take(test::ownership(test::kInvoices0, generation), offset);
    const std::int64_t epoch = offset++;
    for (const v1::JournalRecord& known : journal(8)) {
      v1::JournalRecord record = test::by(epoch, known);
      if (record.has_panes()) record.mutable_panes()->mutable_updates(0)->set_key(0, country);
      detector.take(record, offset++);
      while (detector.say(SIZE_MAX, &out)) {
      }
    }
    return std::exchange(out, {}).alerts;
  };
  const auto before = life("one", "unknown");
  ASSERT_FALSE(before.empty());
  EXPECT_EQ(before.back().state(), v1::ALERT_STATE_FIRING);
  EXPECT_EQ(before.back().reference_data_version(), "rd-one");
  const auto after = life("two", "SG");
  ASSERT_EQ(after.size(), 2u) << "at once, and nothing before that";
  EXPECT_EQ(after[0].subject().at("bill_to"), "SG");
  EXPECT_EQ(after[0].state(), v1::ALERT_STATE_FIRING);
  EXPECT_EQ(after[0].reference_data_version(), "rd-two");
  EXPECT_EQ(after[1].subject().at("bill_to"), "unknown");
  EXPECT_EQ(after[1].resolution(), v1::RESOLUTION_DATA_CORRECTED);
}

TEST(Saying, InPiecesIsTheSame) {
  const auto records = journal(30);
  const auto config = std::make_shared<const config::Config>(with_rule("r", 4));
  detect::Detector at_once(config);
  detect::Emissions all;
  std::vector<v1::JournalRecord> gulp;
  for (const auto& record : records) {
    if (record.has_panes()) gulp.push_back(record);
  }
  gulp.push_back(records.back());  // closes thirty windows
  for (const auto& record : gulp) at_once.apply(record, &all);
  detect::Detector in_pieces(config);
  detect::Emissions pieces;
  std::int64_t offset = 0;
  int most = 0, count = 0;
  for (const auto& record : gulp) {
    in_pieces.take(record, offset++);
    for (bool more = true; more;) {
      detect::Emissions piece;
      more = in_pieces.say(2, &piece);
      most = std::max(most, static_cast<int>(piece.alerts.size() + piece.points.size()));
      ++count;
      for (auto& alert : piece.alerts) pieces.alerts.push_back(alert);
      for (auto& point : piece.points) pieces.points.push_back(point);
    }
  }
  EXPECT_EQ(test::as_text(pieces), test::as_text(all));
  EXPECT_GT(count, 30);
  EXPECT_LE(most, 4) << "one instant's";
}

// What late data changes comes a subject at a time: here of forty, in one window each.
TEST(Saying, AnAmendmentInPiecesIsTheSame) {
  std::vector<v1::JournalRecord> records;
  test::Batch first(test::kInvoices0, 1, "billed"), late(test::kInvoices0, 3, "billed");
  for (int i = 0; i < 40; ++i) {
    const std::string country{'A', static_cast<char>('A' + i / 2), static_cast<char>('A' + i % 2)};
    first.update({{country, "US"}, 0, 100 * test::kDollar});
    first.update({{country, "US"}, 5, 100 * test::kDollar});
    late.update({{country, "US"}, 5, 900 * test::kDollar});
  }
  const auto passed = [](std::int64_t offset) {
    return test::progress(test::kInvoices0, offset, 6 * kMicrosPerDay);
  };
  for (const auto& record :
       {v1::JournalRecord(first), passed(2), v1::JournalRecord(late), passed(4)})
    records.push_back(record);
  const auto config = std::make_shared<const config::Config>(with_rule("r", 4));
  detect::Detector at_once(config), in_pieces(config);
  detect::Emissions all, pieces;
  std::int64_t offset = 0;
  std::size_t most = 0;
  for (const auto& record : records) {
    at_once.apply(record, &all);
    in_pieces.take(record, offset++);
    for (bool more = true; more;) {
      detect::Emissions piece;
      more = in_pieces.say(2, &piece);
      most = std::max(most, piece.alerts.size() + piece.points.size());
      std::ranges::move(piece.alerts, std::back_inserter(pieces.alerts));
      std::ranges::move(piece.points, std::back_inserter(pieces.points));
    }
  }
  EXPECT_GE(all.alerts.size(), 40U) << "the case is too tame";
  EXPECT_EQ(test::as_text(pieces), test::as_text(all));
  EXPECT_LE(most, 4U);
}

}  // namespace
}  // namespace surgewatch
