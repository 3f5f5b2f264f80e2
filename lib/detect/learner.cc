#include "detect/learner.h"

#include <cmath>

namespace surgewatch::detect {
namespace {

// Under a window of money whose documents are not known.
constexpr double kLeastDocuments = 1;

}  // namespace

void UnitFinder::take(const WindowSums& sums) {
  if (known()) return;
  ++taken_;
  amount_ += std::abs(sums.amount);
  documents_ += std::abs(sums.documents);
  if (taken_ >= wanted_ && documents_ >= kLeastDocuments && amount_ > 0) {
    unit_ = amount_ / documents_;
  }
}

}  // namespace surgewatch::detect
