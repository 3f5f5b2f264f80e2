// Whether a country's data centres can hold the chips that went there.
//
//   needed = chips × kW a chip / 1000, in MW of IT load:     low … high by kw_per_chip_low … high
//   room   = what may be free for them, of the country's MW of IT load in operation:
//            low  = MW × vacancy
//            high = MW × max(vacancy, new_build_share) + MW × accelerator share × refresh_share
//   observed = chips        expected = the most that there may be room for, room high / kW low
//   ratio = observed / expected = needed low / room high, the low end of the band
//   score = needed high / room low, its high end
//
// It fires if the low end is over the line, so the whole band is. IT load is compared with IT load:
// the power that cooling takes (PUE) is on neither side.
//
// Who was billed need not hold the goods: the basis is shipments, unless a rule insists.
#include "detect/rules/capacity/capacity.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/numbers.h"
#include "detect/rules/flow_parameters.h"
#include "detect/say/evidence.h"
#include "detect/say/phrases.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {
namespace {

using config::Assumptions;
using config::CountryCapacity;

constexpr statistics::Range<double> kLoadRange{0.01, 10};
constexpr statistics::Range<double> kShareRange{0, 1};
constexpr double kKwPerMw = 1'000;

config::RuleSpec declared() {
  return {
      .name = "capacity",
      .says = "more chips than data centres can hold",
      .against = "what a table says of the country's data centres",
      .wire = v1::RULE_TYPE_CAPACITY,
      .address = 31,
      .parameters = {{"basis", "", "what puts a chip into a country", "shipped",
                      config::AssumedWord{{"shipped", "billed"},
                                          "a basis",
                                          [](std::size_t word, Assumptions* assumed) {
                                            assumed->basis = static_cast<config::Basis>(word);
                                          }}},
                     {"kw_per_chip_low", "kW", "IT load of a chip at the least: an H100 SXM alone",
                      "0.7", config::AssumedNumber{kLoadRange, &Assumptions::kw_per_chip_low}},
                     {"kw_per_chip_high", "kW",
                      "IT load of a chip at the most: a DGX H100's 10.2 kW by its 8 chips", "1.275",
                      config::AssumedNumber{kLoadRange, &Assumptions::kw_per_chip_high}},
                     {"new_build_share", "part",
                      "of the country's IT capacity, what may be built within the window", "0.1",
                      config::AssumedNumber{kShareRange, &Assumptions::new_build_share}},
                     {"refresh_share", "part",
                      "of what accelerators have of it, what may be renewed within the window",
                      "0.1", config::AssumedNumber{kShareRange, &Assumptions::refresh_share}},
                     parameters::floor("chips that a window must hold to be spoken of")},
      .figures = {{"ratio", "needed / room, at the band's low end", 1}},
      .needs_figure = false,
      .per_because = "capacity compares with what a country's data centres hold: [ship_to]",
      .assumes = Assumptions{.kw_per_chip_low = 0.7,
                             .kw_per_chip_high = 1.275,
                             .new_build_share = 0.1,
                             .refresh_share = 0.1},
      .window = "180d",
      .by_country = true,
      .reads_capacities = true};
}

double from_e9(std::int64_t value) { return static_cast<double>(value) / 1e9; }

// All in MW.
struct Band {
  double needed_low = 0, needed_high = 0;
  double room_low = 0, room_high = 0;
  double fill_low() const { return needed_low / room_high; }
  double fill_high() const { return needed_high / room_low; }
};

const CountryCapacity* capacity_of(const RuleShape& shape, std::string_view country,
                                   PaneIndex pane) {
  if (shape.tables == nullptr) return nullptr;
  return shape.tables->capacities.find(country, shape.end_of(pane) - 1);
}

// None where the table does not say what is free.
std::optional<Band> band_of(const Assumptions& assumed, const CountryCapacity& capacity,
                            double chips) {
  if (!capacity.vacancy_pct_e9 || !capacity.accelerator_pct_e9) return std::nullopt;
  const double megawatts = from_e9(capacity.it_mw_e9);
  const double vacancy = from_e9(*capacity.vacancy_pct_e9) / 100;
  const double accelerators = from_e9(*capacity.accelerator_pct_e9) / 100;
  return Band{.needed_low = chips * assumed.kw_per_chip_low / kKwPerMw,
              .needed_high = chips * assumed.kw_per_chip_high / kKwPerMw,
              .room_low = megawatts * vacancy,
              .room_high = megawatts * std::max(vacancy, assumed.new_build_share) +
                           megawatts * accelerators * assumed.refresh_share};
}

std::string megawatts_text(double megawatts) {
  return with_commas(fmt::format("{:.1f}", megawatts));
}

// What the table, or the rule, is not sure of.
std::string unsure_text(const CountryCapacity& capacity) {
  std::string text = "the accelerators' part (an assumption)";
  for (const std::string& figure : capacity.unsure) text += fmt::format(", {}", figure);
  return text;
}

class Capacity : public RuleType {
 public:
  Capacity()
      : RuleType(declared(), {.against = "the most that fits",
                              .comparison = Comparison::kRatio,
                              .only_rises = true}) {}

  Figures evaluate(const RuleShape& shape, const Operands& subject, const Figures&, PaneIndex pane,
                   PaneIndex first_pane) const override {
    const PaneIndex begin = shape.window_begin(pane);
    Figures figures;
    figures.observed = static_cast<double>(subject.judged(begin, pane));
    if (figures.observed <= 0) {
      figures.verdict = Verdict::kNothing;
      return figures;
    }
    figures.verdict = Verdict::kInconclusive;
    const Assumptions& assumed = *shape.rule->assumed;
    const CountryCapacity* capacity = capacity_of(shape, subject.country(), pane);
    if (capacity == nullptr) {
      figures.missing = Missing::kCapacity;
      return figures;
    }
    const std::optional<Band> band = band_of(assumed, *capacity, figures.observed);
    if (!band.has_value()) {
      figures.missing = Missing::kVacancy;
      return figures;
    }
    figures.ratio = figures.rank = band->fill_low();
    figures.score = band->fill_high();
    const std::optional<double>& line = shape.rule->fire_at.ratio;
    const Judged judged[] = {{figures.ratio, line, shape.rule->clear_at.ratio},
                             {figures.observed, assumed.floor, std::nullopt}};
    figures.verdict = judge(judged);
    if (figures.verdict != Verdict::kFires && begin < first_pane) {
      // More may have come before: what is known is the least that it can be.
      figures.verdict = Verdict::kInconclusive;
      figures.missing = Missing::kHistory;
      return figures;
    }
    figures.expected = kKwPerMw * band->room_high / assumed.kw_per_chip_low;
    figures.upper_bound = std::max(line.value_or(0) * figures.expected, assumed.floor);
    return figures;
  }

  std::string facts(const Finding& finding, bool is_open) const override {
    const Assumptions& assumed = *finding.rule.rule->assumed;
    const std::string chips = amount_in_window_text(finding, is_open);
    const auto [capacity, band] = of(finding);
    if (capacity == nullptr || !band.has_value()) return chips;
    return fmt::format(
        "{}: {} to {} MW of IT load, at {} to {} kW a chip. The country's data centres{} hold {} "
        "MW "
        "(as of {}), of which {} to {} MW may be free for them: {:.2f} to {:.2f} times that. "
        "Basis: "
        "{}",
        chips, megawatts_text(band->needed_low), megawatts_text(band->needed_high),
        assumed.kw_per_chip_low, assumed.kw_per_chip_high,
        capacity->data_centres ? fmt::format(", {} of them,", *capacity->data_centres) : "",
        megawatts_text(from_e9(capacity->it_mw_e9)), format_date(capacity->as_of),
        megawatts_text(band->room_low), megawatts_text(band->room_high), band->fill_low(),
        band->fill_high(), basis_text(assumed));
  }
  std::string_view inquiry() const override {
    return "Inquire: where the chips are installed, and whether the site can power and cool them.";
  }
  void add_evidence(const Finding& finding, const Revision&,
                    EvidenceList* evidence) const override {
    const Assumptions& assumed = *finding.rule.rule->assumed;
    evidence->add("basis", 0, "none", std::string(basis_text(assumed)));
    const auto [capacity, band] = of(finding);
    if (capacity == nullptr || !band.has_value()) return;
    const double chips = finding.figures.observed;
    const double megawatts = from_e9(capacity->it_mw_e9);
    evidence->add(
        "it_load_low", band->needed_low, "MW",
        fmt::format("{} MW at {} kW a chip, {} of the country's", megawatts_text(band->needed_low),
                    assumed.kw_per_chip_low, percent(band->needed_low / megawatts)));
    evidence->add(
        "it_load_high", band->needed_high, "MW",
        fmt::format("{} MW at {} kW a chip, {} of the country's", megawatts_text(band->needed_high),
                    assumed.kw_per_chip_high, percent(band->needed_high / megawatts)));
    evidence->add(
        "country_it_capacity", megawatts, "MW",
        fmt::format("{} MW of IT load in operation as of {}; table {}", megawatts_text(megawatts),
                    format_date(capacity->as_of), finding.rule.tables->capacities.version));
    evidence->add("room_low", band->room_low, "MW", "vacancy alone");
    evidence->add(
        "room_high", band->room_high, "MW",
        fmt::format("at most {} built within the window, and {} of what accelerators have "
                    "renewed",
                    percent(assumed.new_build_share), percent(assumed.refresh_share)));
    evidence->add("fill_low", band->fill_low(), "ratio", "the least load over the most room");
    evidence->add("fill_high", band->fill_high(), "ratio", "the most load over the least room");
    add_data_centres(*capacity, chips, evidence);
    evidence->add("low_confidence", static_cast<double>(capacity->unsure.size() + 1), "count",
                  fmt::format("not verified: {}; the table's confidence in the row: {}",
                              unsure_text(*capacity), capacity->confidence));
  }

 private:
  struct Known {
    const CountryCapacity* capacity = nullptr;
    std::optional<Band> band;
  };
  static Known of(const Finding& finding) {
    Known known;
    known.capacity = capacity_of(finding.rule, finding.subject.values[0], finding.window);
    if (known.capacity != nullptr) {
      known.band = band_of(*finding.rule.rule->assumed, *known.capacity, finding.figures.observed);
    }
    return known;
  }
  static std::string_view basis_text(const Assumptions& assumed) {
    return assumed.basis == config::Basis::kShipped
               ? "shipped, by despatch notices"
               : "billed, on the rule's insistence; who is billed need not hold the goods, and "
                 "shared invoicing alone makes such an alert";
  }
  static void add_data_centres(const CountryCapacity& capacity, double chips,
                               EvidenceList* evidence) {
    if (!capacity.data_centres.has_value()) {
      evidence->add("data_centres", 0, "none", "not known");
      return;
    }
    const auto count = static_cast<double>(*capacity.data_centres);
    evidence->add("data_centres", count, "count", "in the country; their sizes differ widely");
    evidence->add(
        "chips_per_data_centre", chips / count, "chips",
        fmt::format("{} chips a data centre", with_commas(fmt::format("{:.0f}", chips / count))));
  }
};

}  // namespace

const RuleType& capacity() {
  static const Capacity type;
  return type;
}

}  // namespace surgewatch::detect
