// Sums as records of the journal and answers about live windows have them. Threads: any.
#pragma once

#include "base/measures.h"
#include "surgewatch/v1/journal.pb.h"

namespace surgewatch::aggregate {

inline void set_measures(const MeasureValues& values, v1::Measures* measures) {
  measures->set_documents(values[Measure::kDocuments]);
  measures->set_units(values[Measure::kUnits]);
  measures->set_chips(values[Measure::kChips]);
  measures->set_revenue_usd_micros(values[Measure::kRevenueUsd]);
  measures->set_tpp(values[Measure::kTpp]);
}

// Of sums of which one does not fit 64 bits.
inline void set_exact(const WideMeasures& values, v1::Measures* measures) {
  for (const WideMeasures::Sum value : values.values) {
    v1::WideSum* sum = measures->add_exact();
    sum->set_high(static_cast<std::int64_t>(value >> 64));
    sum->set_low(static_cast<std::uint64_t>(value));
  }
}

// Exact, whatever it takes.
inline void set_measures(const WideMeasures& values, v1::Measures* measures) {
  set_measures(values.saturated(), measures);
  if (!values.is_narrow()) set_exact(values, measures);
}

}  // namespace surgewatch::aggregate
