#include "aggregate/grouping.h"

#include <algorithm>
#include <optional>
#include <string>

namespace surgewatch::aggregate {
namespace {

using config::Dimension;
using observe::Role;

// Where a watermark does not follow the highest event times, these are mostly those of the newest
// events, little above the others. So far ahead of the watermark, beyond the out-of-orderness, an
// event is like any other to what keeps it, and costs as little.
constexpr Micros kLittleAhead = 3'600 * kMicrosPerSecond;

// From so many keys of one series on, a document's are looked up and not searched through.
constexpr std::size_t kSearched = 16;

std::optional<Role> country_role(Dimension dimension) {
  switch (dimension) {
    case Dimension::kSeller:
      return Role::kSeller;
    case Dimension::kBillTo:
      return Role::kBillTo;
    case Dimension::kShipTo:
      return Role::kShipTo;
    case Dimension::kEndUser:
      return Role::kEndUser;
    case Dimension::kPayer:
      return Role::kPayer;
    case Dimension::kShipFrom:
      return Role::kShipFrom;
    case Dimension::kIntermediateConsignee:
      return Role::kIntermediateConsignee;
    case Dimension::kFreightForwarder:
      return Role::kFreightForwarder;
    default:
      return std::nullopt;
  }
}

std::optional<Role> party_id_role(Dimension dimension) {
  switch (dimension) {
    case Dimension::kSellerId:
      return Role::kSeller;
    case Dimension::kBillToId:
      return Role::kBillTo;
    case Dimension::kShipToId:
      return Role::kShipTo;
    case Dimension::kEndUserId:
      return Role::kEndUser;
    case Dimension::kPayerId:
      return Role::kPayer;
    case Dimension::kShipFromId:
      return Role::kShipFrom;
    case Dimension::kIntermediateConsigneeId:
      return Role::kIntermediateConsignee;
    case Dimension::kFreightForwarderId:
      return Role::kFreightForwarder;
    default:
      return std::nullopt;
  }
}

bool is_line_dimension(Dimension dimension) {
  return !country_role(dimension) && !party_id_role(dimension);
}

// What its lines add up to for one key becomes what the document contributes.
void complete(const observe::Observation& event, MeasureValues* values) {
  (*values)[Measure::kDocuments] = 1;
  if (event.effect == observe::Effect::kSubtract) *values = values->negated();
}

}  // namespace

std::vector<window::SeriesSpec> series_specs(const std::vector<const config::Series*>& series,
                                             const config::Limits& limits) {
  std::vector<window::SeriesSpec> specs;
  specs.reserve(series.size());
  for (const config::Series* one : series) {
    specs.push_back({.pane_length = one->pane_length,
                     .dimensions = one->group_by.size(),
                     .max_keys = static_cast<std::size_t>(limits.keys_per_series),
                     .largest = one->largest_document});
  }
  return specs;
}

window::Options window_options(const config::EventTimeBounds& bounds) {
  return {.allowed_lateness = bounds.allowed_lateness,
          .out_of_orderness = span_ahead(bounds),
          .correction_horizon = bounds.correction_horizon};
}

Micros span_ahead(const config::EventTimeBounds& bounds) {
  return bounds.out_of_orderness + (bounds.outliers > 0 ? kLittleAhead : 0);
}

Grouping::Grouping(const std::vector<const config::Series*>& series,
                   const observe::ReferenceIndex* index, window::Window* window)
    : index_(index), window_(window) {
  window::Dictionary& dictionary = window_->dictionary();
  dictionary.intern("");  // an absent party_id
  country_values_[observe::kNoCountry] = dictionary.intern("ZZ");
  for (observe::CountryCode code = 1; code < observe::kCountryCodes; ++code) {
    if (!index_->is_known(code)) continue;
    country_values_[code] = dictionary.intern(observe::ReferenceIndex::country_name(code));
  }
  for (const observe::Product& product : index_->products()) {
    product_values_.push_back({.family = dictionary.intern(product.family),
                               .sku = dictionary.intern(product.sku),
                               .control_class = dictionary.intern(product.control_class)});
  }
  static_values_ = dictionary.size();

  for (const config::Series* one : series) {
    Plan& plan = plans_.emplace_back();
    plan.group_by = one->group_by;
    for (const config::Condition& condition : one->where) {
      Filter filter{.field = condition.field, .condition = &condition, .admits = {}};
      for (window::ValueId id = 0; id < static_values_; ++id) {
        filter.admits.push_back(condition.admits(dictionary.text(id)));
      }
      (is_line_dimension(condition.field) ? plan.line_filters : plan.party_filters)
          .push_back(std::move(filter));
    }
    plan.is_by_line = !plan.line_filters.empty() ||
                      std::any_of(plan.group_by.begin(), plan.group_by.end(), is_line_dimension);
    std::vector<Dimension> used = plan.group_by;
    for (const Filter& filter : plan.party_filters) used.push_back(filter.field);
    for (const Dimension dimension : used) {
      const bool is_there =
          std::any_of(party_dimensions_.begin(), party_dimensions_.end(),
                      [&](const PartyDimension& other) { return other.dimension == dimension; });
      if (is_there || is_line_dimension(dimension)) continue;
      const auto country = country_role(dimension);
      party_dimensions_.push_back({.dimension = dimension,
                                   .role = country ? *country : *party_id_role(dimension),
                                   .is_country = country.has_value()});
    }
  }
  looks_ahead_ =
      plans_.size() <= kSeriesAhead &&
      std::ranges::all_of(party_dimensions_, [](const auto& one) { return one.is_country; });
}

window::KeyValues Grouping::key_of(const Plan& plan) const {
  window::KeyValues key{};
  for (std::size_t i = 0; i < plan.group_by.size(); ++i) {
    key[i] = values_[static_cast<std::size_t>(plan.group_by[i])];
  }
  return key;
}

void Grouping::look_ahead(const observe::Observation& event, Ahead* ahead) {
  ahead->count = 0;
  ahead->is_known = looks_ahead_ && event.effect != observe::Effect::kCancel &&
                    event.lines.size() == 1 &&
                    event.lines.front().product != observe::kUnknownProduct;
  if (!ahead->is_known) return;
  set_parties(event);
  set_line(event, 0);
  for (std::uint32_t series = 0; series < plans_.size(); ++series) {
    const Plan& plan = plans_[series];
    if (!admits(plan.party_filters) || !admits(plan.line_filters)) continue;
    Ahead::Key& key = ahead->keys[ahead->count++];
    key.series = series;
    key.values = key_of(plan);
    key.hash = window_->prefetch(series, key.values);
    key.guess = window::kNoSlot;
  }
}

std::size_t Grouping::known_contributions(const observe::Observation& event, const Ahead& ahead,
                                          std::vector<Contribution>* contributions) {
  std::size_t over_limit = 0;
  for (std::size_t i = 0; i < ahead.count; ++i) {
    const Ahead::Key& key = ahead.keys[i];
    const auto choice = window_->slot(key.series, key.values, {}, key.guess);
    over_limit += choice.is_over_limit ? 1 : 0;
    contributions->push_back({.slot = choice.slot, .values = event.total});
    complete(event, &contributions->back().values);
  }
  return over_limit;
}

std::size_t Grouping::contributions(const observe::Observation& event, const Ahead& ahead,
                                    std::vector<Contribution>* contributions) {
  contributions->clear();
  if (ahead.is_known) [[likely]]
    return known_contributions(event, ahead, contributions);
  if (event.effect == observe::Effect::kCancel) return 0;
  set_parties(event);
  std::size_t over_limit = 0;
  for (std::size_t series = 0; series < plans_.size(); ++series) {
    const Plan& plan = plans_[series];
    if (!admits(plan.party_filters)) continue;
    const std::size_t first = contributions->size();
    if (!positions_.empty()) positions_.clear();
    bool is_over_limit = false;
    if (!plan.is_by_line) {
      is_over_limit = add_line(series, event.total, first, contributions);
    } else {
      for (std::size_t line = 0; line < event.lines.size(); ++line) {
        set_line(event, line);
        if (!admits(plan.line_filters)) continue;
        is_over_limit |= add_line(series, event.lines[line].values, first, contributions);
      }
    }
    over_limit += is_over_limit ? 1 : 0;
    for (std::size_t i = first; i < contributions->size(); ++i) {
      complete(event, &(*contributions)[i].values);
    }
  }
  return over_limit;
}

void Grouping::set_text(Dimension dimension, std::string_view text) {
  set(dimension, window_->dictionary().find(text));
  texts_[static_cast<std::size_t>(dimension)] = text;
}

void Grouping::set_parties(const observe::Observation& event) {
  for (const PartyDimension& one : party_dimensions_) {
    if (one.is_country) {
      set(one.dimension, country_values_[event.countries[static_cast<std::size_t>(one.role)]]);
    } else {
      set_text(one.dimension, event.document.party(one.role).party_id);
    }
  }
}

void Grouping::set_line(const observe::Observation& event, std::size_t line) {
  const observe::ProductNumber product = event.lines[line].product;
  const ProductValues& values = product_values_[product];
  set(Dimension::kFamily, values.family);
  set(Dimension::kControlClass, values.control_class);
  if (product != observe::kUnknownProduct) [[likely]] {
    set(Dimension::kSku, values.sku);
  } else {
    set_text(Dimension::kSku, event.document.lines[line].sku);
  }
}

bool Grouping::admits(const std::vector<Filter>& filters) const {
  return std::all_of(filters.begin(), filters.end(), [this](const Filter& filter) {
    const auto field = static_cast<std::size_t>(filter.field);
    const window::ValueId value = values_[field];
    return value < static_values_ ? filter.admits[value] : filter.condition->admits(texts_[field]);
  });
}

// True if it went under `other`.
bool Grouping::add_line(std::size_t series, const MeasureValues& values, std::size_t first,
                        std::vector<Contribution>* contributions) {
  const Plan& plan = plans_[series];
  const window::KeyValues key = key_of(plan);
  std::array<std::string_view, window::kMaxDimensions> texts;
  for (std::size_t i = 0; i < plan.group_by.size(); ++i) {
    if (key[i] == window::kNoValue) texts[i] = texts_[static_cast<std::size_t>(plan.group_by[i])];
  }
  const window::SlotChoice choice = window_->slot(series, key, texts);
  if (contributions->size() == first) [[likely]] {
    contributions->push_back({.slot = choice.slot, .values = values});
  } else {
    of_slot(choice.slot, first, contributions).values.add(values);  // fits: see Observer
  }
  return choice.is_over_limit;
}

Contribution& Grouping::of_slot(std::uint32_t slot, std::size_t first,
                                std::vector<Contribution>* contributions) {
  const std::size_t count = contributions->size() - first;
  if (count <= kSearched) {
    for (std::size_t i = first; i < contributions->size(); ++i) {
      if ((*contributions)[i].slot == slot) return (*contributions)[i];
    }
    if (count == kSearched) {
      for (std::size_t i = first; i < contributions->size(); ++i) {
        positions_.emplace((*contributions)[i].slot, i);
      }
    }
  } else if (const auto found = positions_.find(slot); found != positions_.end()) {
    return (*contributions)[found->second];
  }
  if (count >= kSearched) positions_.emplace(slot, contributions->size());
  return contributions->emplace_back(Contribution{.slot = slot, .values = {}});
}

}  // namespace surgewatch::aggregate
