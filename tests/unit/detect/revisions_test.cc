#include "detect/revisions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace surgewatch::detect {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Figures with_ratio(double ratio, Verdict verdict = Verdict::kFires) {
  Figures figures;
  figures.verdict = verdict;
  figures.observed = ratio;
  figures.expected = 1;
  figures.ratio = figures.rank = ratio;
  return figures;
}

// Folds ratios into episodes: fires at 4, quiet below 2, ends after two quiet windows.
std::vector<Episode> fold(const std::vector<double>& ratios) {
  Life life;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    const Judged judged[] = {{ratios[i], 4.0, 2.0}};
    Figures figures = with_ratio(ratios[i], judge(judged));
    step(&life, static_cast<PaneIndex>(i), figures, {.clear_after = 2});
  }
  return life.episodes;
}

class Book {
 public:
  std::vector<std::string> reconcile(const std::vector<Episode>& episodes, Frontier frontier) {
    std::vector<std::string> said;
    detect::reconcile(
        episodes, frontier, [](const Revision&) { return with_ratio(1, Verdict::kQuiet); },
        &published,
        [&](const Revision& r) {
          said.push_back("al" + std::to_string(r.onset) + "." + std::to_string(r.number) +
                         (r.firing      ? " fires"
                          : r.withdrawn ? " withdrawn"
                                        : " over") +
                         " at " + std::to_string(r.reported) +
                         (r.timing == Timing::kFinal    ? " final"
                          : r.timing == Timing::kOnTime ? ""
                                                        : " early"));
        });
    return said;
  }
  std::vector<Revision> published;
};

TEST(Reconcile, SaysEachThingOnce) {
  Book book;
  EXPECT_THAT(book.reconcile(fold({1}), {0, -5}), IsEmpty());
  EXPECT_THAT(book.reconcile(fold({1, 4}), {1, -5}), ElementsAre("al1.1 fires at 1"));
  EXPECT_THAT(book.reconcile(fold({1, 4}), {1, -5}), IsEmpty());
  EXPECT_THAT(book.reconcile(fold({1, 4, 3}), {2, -5}), IsEmpty()) << "no new peak";
  EXPECT_THAT(book.reconcile(fold({1, 4, 3, 5}), {3, -5}), ElementsAre("al1.2 fires at 3"));
  EXPECT_THAT(book.reconcile(fold({1, 4, 3, 5, 3}), {4, 1}), IsEmpty())
      << "the old peak's finality is of no interest";
  EXPECT_THAT(book.reconcile(fold({1, 4, 3, 5, 3}), {4, 3}), ElementsAre("al1.3 fires at 3 final"));
  EXPECT_THAT(book.reconcile(fold({1, 4, 3, 5, 3, 1}), {5, 3}), IsEmpty());
  EXPECT_THAT(book.reconcile(fold({1, 4, 3, 5, 3, 1, 1}), {6, 3}), ElementsAre("al1.4 over at 6"));
  EXPECT_THAT(book.reconcile(fold({1, 4, 3, 5, 3, 1, 1, 1}), {7, 6}),
              ElementsAre("al1.5 over at 6 final"));
  EXPECT_THAT(book.reconcile(fold({1, 4, 3, 5, 3, 1, 1, 1, 9}), {8, 7}),
              ElementsAre("al8.1 fires at 8"));
}

TEST(Reconcile, RevisesFiguresOfTheReportedWindow) {
  Book book;
  book.reconcile(fold({4, 3}), {1, -5});
  EXPECT_THAT(book.reconcile(fold({4.5, 3}), {1, -5}), ElementsAre("al0.2 fires at 0"));
  EXPECT_THAT(book.reconcile(fold({4.5, 3.5}), {1, -5}), IsEmpty()) << "not the reported window";
}

TEST(Reconcile, WithdrawsWhatNoLongerReachesTheLine) {
  Book book;
  book.reconcile(fold({1, 4}), {1, -5});
  EXPECT_THAT(book.reconcile(fold({1, 3.9}), {1, -5}), ElementsAre("al1.2 withdrawn at 1"));
  EXPECT_THAT(book.reconcile(fold({1, 3.9, 1}), {2, 0}), IsEmpty());
  EXPECT_THAT(book.reconcile(fold({1, 3.9, 1}), {2, 1}), ElementsAre("al1.3 withdrawn at 1 final"));
}

TEST(Reconcile, TakesAWithdrawalBack) {
  Book book;
  book.reconcile(fold({1, 4}), {1, -5});
  book.reconcile(fold({1, 3.9}), {1, -5});
  EXPECT_THAT(book.reconcile(fold({1, 4.1}), {1, -5}), ElementsAre("al1.3 fires at 1"));
}

TEST(Reconcile, ReplacesAnAlertWhoseOnsetWasEarlier) {
  Book book;
  book.reconcile(fold({1, 4}), {1, -5});
  EXPECT_THAT(book.reconcile(fold({5, 4}), {1, -5}),
              ElementsAre("al1.2 withdrawn at 1", "al0.1 fires at 0"));
}

TEST(Reconcile, SaysOfWhatLateDataShowsToBeOverThatItWas) {
  Book book;
  book.reconcile(fold({1, 3, 1, 1}), {3, -5});
  EXPECT_THAT(book.reconcile(fold({1, 4, 1, 1}), {3, 1}),
              ElementsAre("al1.1 fires at 1 final", "al1.2 over at 3"));
}

TEST(Reconcile, LeavesEarlyAlertsUntilTheirWindowCloses) {
  Book book;
  Revision early;
  early.onset = early.reported = 3;
  early.number = 1;
  early.timing = Timing::kEarly;
  early.figures = with_ratio(4.2);
  book.published.push_back(early);
  EXPECT_THAT(book.reconcile(fold({1, 1, 1}), {2, 0}), IsEmpty());
  EXPECT_THAT(book.reconcile(fold({1, 1, 1, 4.2}), {3, 0}), ElementsAre("al3.2 fires at 3"));
}

TEST(Reconcile, WithdrawsAnEarlyAlertThatDidNotHold) {
  Book book;
  Revision early;
  early.onset = early.reported = 3;
  early.number = 1;
  early.timing = Timing::kEarly;
  book.published.push_back(early);
  EXPECT_THAT(book.reconcile(fold({1, 1, 1, 3.9}), {3, 0}), ElementsAre("al3.2 withdrawn at 3"));
}

}  // namespace
}  // namespace surgewatch::detect
