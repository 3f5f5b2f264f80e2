// Quantities near the end of 64 bits, credit notes and cancellations of them, through two sources
// and the merger, against sums of 128 bits: exact whenever the truth fits, the nearest that fits
// and counted when it does not, at every flush.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/source.h"
#include "journal/merger.h"
#include "unit/aggregate/builders.h"
#include "unit/aggregate/one_by_one.h"

namespace surgewatch::property {
namespace {

using Sum = WideMeasures::Sum;

class WideStream {
 public:
  explicit WideStream(unsigned seed) : random_(seed), config_(make_config()), merger_(config_) {
    for (std::int32_t partition = 0; partition < 2; ++partition) {
      sources_.push_back(
          std::make_unique<aggregate::Source>(SourceId{Topic::kInvoices, partition}, config_));
    }
  }

  void run(int events) {
    for (int i = 0; i < events; ++i) {
      step();
      if (pick(0, 9) == 0) compare();
    }
    compare();
    for (const auto& source : sources_) overflows += source->stats().overflows;
    total_overflows += merger_.stats().overflows;
  }

  std::uint64_t overflows = 0, total_overflows = 0;
  int beyond = 0, came_back = 0, corrections = 0;

 private:
  struct Document {
    std::size_t source = 0;
    std::string id;
    PaneIndex pane = 0;
    std::int64_t units = 0;
    std::int64_t documents = 0;
  };

  static std::shared_ptr<const config::Config> make_config() {
    auto config = test::config();
    config->series = {test::series("billed", Topic::kInvoices, {config::Dimension::kBillTo})};
    config->event_time.out_of_orderness = 0;
    config->event_time.allowed_lateness = 2 * test::kDay;
    return config;
  }

  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  void step() {
    now_ += pick(0, test::kHour);
    if (!documents_.empty() && pick(0, 2) == 0) {
      cancel();
      return;
    }
    Document document{.source = static_cast<std::size_t>(pick(0, 1)),
                      .id = "i" + std::to_string(++count_),
                      .pane = pane_of(now_, test::kDay),
                      .units = pick(0, 3) == 0 ? pick(1, 1'000) : INT64_MAX - pick(0, 10),
                      .documents = 1};
    v1::Invoice invoice = test::invoice(document.id, now_);
    invoice.mutable_lines(0)->set_sku("unknown");
    invoice.mutable_lines(0)->clear_unit_price();
    invoice.mutable_lines(0)->set_quantity(document.units);
    if (pick(0, 2) == 0) {
      invoice.set_type(v1::INVOICE_TYPE_CREDIT_NOTE);
      document.units = -document.units;
      document.documents = -1;
    }
    process(document.source, invoice);
    count(document, 1);
    documents_.push_back(document);
  }

  void cancel() {
    const auto which =
        static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(documents_.size()) - 1));
    const Document document = documents_[which];
    documents_[which] = documents_.back();
    documents_.pop_back();
    process(document.source, test::cancellation(document.id, now_));
    count(document, -1);
  }

  void process(std::size_t source, const v1::Invoice& invoice) {
    const std::string payload = invoice.SerializeAsString();
    const auto outcome =
        test::process_one(*sources_[source], {.offset = offset_++, .payload = payload});
    ASSERT_EQ(static_cast<int>(outcome.disposition),
              static_cast<int>(aggregate::Disposition::kCounted))
        << outcome.detail;
  }

  void count(const Document& document, int sign) {
    auto& [units, documents] = expected_[document.pane];
    units += sign * static_cast<Sum>(document.units);
    documents += sign * document.documents;
  }

  void compare() {
    for (const auto& source : sources_) {
      std::vector<v1::JournalRecord> records;
      source->flush(&records);
      for (const auto& record : records) {
        corrections += record.panes().corrections_size();
        merger_.apply(record);
      }
    }
    ASSERT_EQ(merger_.stats().refused.total(), 0u);
    if (merger_.key_end(0) == 0) return;
    std::map<PaneIndex, MeasureValues> merged;
    merger_.visit(0, 0, INT64_MIN, INT64_MAX,
                  [&](const auto& entry) { merged[entry.pane] = entry.values; });
    for (const auto& [pane, sums] : expected_) {
      const Sum units = sums.first;
      const Sum nearest = units > INT64_MAX ? INT64_MAX : units < INT64_MIN ? INT64_MIN : units;
      ASSERT_EQ(merged[pane][Measure::kUnits], static_cast<std::int64_t>(nearest));
      ASSERT_EQ(merged[pane][Measure::kChips], static_cast<std::int64_t>(nearest));
      ASSERT_EQ(merged[pane][Measure::kDocuments], sums.second);
      bool& was_beyond = was_beyond_[pane];
      beyond += nearest != units ? 1 : 0;
      came_back += was_beyond && nearest == units ? 1 : 0;
      was_beyond = nearest != units;
    }
  }

  std::mt19937_64 random_;
  std::shared_ptr<const config::Config> config_;
  std::vector<std::unique_ptr<aggregate::Source>> sources_;
  journal::Merger merger_;
  Micros now_ = test::kNewYear;
  std::int64_t offset_ = 0;
  int count_ = 0;
  std::vector<Document> documents_;
  std::map<PaneIndex, std::pair<Sum, std::int64_t>> expected_;
  std::map<PaneIndex, bool> was_beyond_;
};

TEST(WideSumsProperty, AreExactWheneverTheTruthFitsAndTheNearestOtherwise) {
  std::uint64_t overflows = 0, total_overflows = 0;
  int beyond = 0, came_back = 0, corrections = 0;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    WideStream stream(seed);
    stream.run(400);
    ASSERT_FALSE(HasFailure());
    overflows += stream.overflows;
    total_overflows += stream.total_overflows;
    beyond += stream.beyond;
    came_back += stream.came_back;
    corrections += stream.corrections;
  }
  EXPECT_GT(overflows, 1'000u);
  EXPECT_GT(total_overflows, 1'000u);
  EXPECT_GT(beyond, 1'000);
  EXPECT_GT(came_back, 100);
  EXPECT_GT(corrections, 1'000);
}

}  // namespace
}  // namespace surgewatch::property
