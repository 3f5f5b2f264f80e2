#include "statistics/pair_test.h"

#include "statistics/negative_binomial.h"
#include "statistics/ranges.h"
#include "statistics/state_bytes.h"

namespace surgewatch::statistics {
namespace {
constexpr double kHalfCount = 0.5;
constexpr std::uint32_t kPairSnapshot = 0x44350002;
}  // namespace

absl::Status PairParameters::check() const {
  SW_RETURN_IF_ERROR(check_within("alpha of two windows", alpha, kAlphaRange));
  if (!(own_p > 0 && own_p <= 1))
    return invalid_argument("own_p = {} is out of range: above 0, to 1", own_p);
  return absl::OkStatus();
}

std::uint64_t PairParameters::fingerprint() const {
  return Fingerprint().add(alpha).add(own_p).value();
}

absl::StatusOr<PairTest> PairTest::create(const PairParameters& parameters) {
  SW_RETURN_IF_ERROR(parameters.check());
  return PairTest(parameters);
}

PairJudgement PairTest::step(const Judgement& judgement) {
  PairJudgement answer;
  if (known_ && judgement.known) {
    answer.known = true;
    answer.observed = observed_ + judgement.observed;
    answer.expected = expected_ + judgement.expected;
    if (!spent_ && judgement.p <= parameters_.own_p) {
      const double mean = answer.expected / judgement.unit;
      const double variance = judgement.dispersion * mean + judgement.uncertainty * mean * mean;
      answer.p = NegativeBinomial::of(mean, variance)
                     .upper_tail(answer.observed / judgement.unit + kHalfCount);
    }
    answer.alarm = judgement.enough && answer.p <= parameters_.alpha;
  }
  known_ = judgement.known;
  observed_ = judgement.observed;
  expected_ = judgement.expected;
  spent_ = judgement.alarm || answer.alarm;
  return answer;
}

std::string PairTest::snapshot() const {
  StateWriter out(kPairSnapshot, parameters_.fingerprint());
  out.put_whole(known_ ? 1 : 0);
  out.put_whole(spent_ ? 1 : 0);
  out.put(observed_);
  out.put(expected_);
  return out.take();
}

absl::Status PairTest::restore(std::string_view bytes) {
  StateReader in(bytes, kPairSnapshot, parameters_.fingerprint());
  PairTest fresh(parameters_);
  fresh.known_ = in.whole() != 0;
  fresh.spent_ = in.whole() != 0;
  fresh.observed_ = in.real();
  fresh.expected_ = in.real();
  SW_RETURN_IF_ERROR(in.finish());
  *this = fresh;
  return absl::OkStatus();
}

}  // namespace surgewatch::statistics
