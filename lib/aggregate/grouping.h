// Which keys of which series an event touches, and with how much.
//
// Threads: the writer's. Interns values in the window's dictionary and makes slots there.
// Cost: for each series and line, one probe of the series' key index; where the caller looks ahead,
// one that waits for no memory. Conditions on values known from the start (countries, the
// catalogue's) are table look-ups; those on party ids compare texts. What does not depend on lines
// is done once for a document.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "aggregate/document_records.h"
#include "base/source.h"
#include "config/config.h"
#include "observe/observer.h"
#include "window/window.h"

namespace surgewatch::aggregate {

// What a Window has to be told of these series.
std::vector<window::SeriesSpec> series_specs(const std::vector<const config::Series*>& series,
                                             const config::Limits& limits);

// What a Window has to be told of the bounds; its seed aside.
window::Options window_options(const config::EventTimeBounds& bounds);
// How far event times run ahead of the watermark, but for few.
Micros span_ahead(const config::EventTimeBounds& bounds);

class Grouping {
 public:
  // `series` in the window's order; they, `index` and `window` must outlive it.
  Grouping(const std::vector<const config::Series*>& series, const observe::ReferenceIndex* index,
           window::Window* window);

  // What can be found out of an event before its turn, so that memory has time to answer: the keys
  // of a document of one line whose values are known from the start, as most are.
  static constexpr std::size_t kSeriesAhead = 8;
  struct Ahead {
    struct Key {
      std::uint32_t series = 0;
      window::KeyValues values{};
      std::uint64_t hash = 0;
      window::SlotId guess = window::kNoSlot;
    };
    bool is_known = false;
    std::size_t count = 0;
    std::array<Key, kSeriesAhead> keys;  // the first `count`: of the series that take it in
  };
  // In this order, some events apart; then contributions(). None of them changes the window.
  void look_ahead(const observe::Observation& event, Ahead* ahead);
  void guess(Ahead* ahead) const {
    for (std::size_t i = 0; i < ahead->count; ++i) {
      Ahead::Key& key = ahead->keys[i];
      key.guess = window_->guess(key.hash);
    }
  }
  void prefetch_panes(const Ahead& ahead) const {
    for (std::size_t i = 0; i < ahead.count; ++i) window_->prefetch_pane(ahead.keys[i].guess);
  }

  // Fills `contributions`, one for each series and key, with the sign of the event's effect; none
  // for a cancellation. Returns how many series counted some of it under `other`.
  std::size_t contributions(const observe::Observation& event, const Ahead& ahead,
                            std::vector<Contribution>* contributions);

 private:
  struct Filter {
    config::Dimension field{};
    const config::Condition* condition = nullptr;
    std::vector<bool> admits;  // by value id, for those known from the start
  };
  struct Plan {
    std::vector<config::Dimension> group_by;
    std::vector<Filter> party_filters;
    std::vector<Filter> line_filters;
    bool is_by_line = false;  // keys differ from line to line
  };
  struct PartyDimension {
    config::Dimension dimension{};
    observe::Role role{};
    bool is_country = false;  // else the party's id
  };
  struct ProductValues {
    window::ValueId family = 0, sku = 0, control_class = 0;
  };

  void set_parties(const observe::Observation& event);
  void set_line(const observe::Observation& event, std::size_t line);
  void set(config::Dimension dimension, window::ValueId value) {
    values_[static_cast<std::size_t>(dimension)] = value;
  }
  // A value that is not known from the start.
  void set_text(config::Dimension dimension, std::string_view text);
  bool admits(const std::vector<Filter>& filters) const;
  window::KeyValues key_of(const Plan& plan) const;  // of the line at hand
  std::size_t known_contributions(const observe::Observation& event, const Ahead& ahead,
                                  std::vector<Contribution>* contributions);
  bool add_line(std::size_t series, const MeasureValues& values, std::size_t first,
                std::vector<Contribution>* contributions);
  Contribution& of_slot(std::uint32_t slot, std::size_t first,
                        std::vector<Contribution>* contributions);

  const observe::ReferenceIndex* index_;
  window::Window* window_;
  std::vector<Plan> plans_;
  std::vector<PartyDimension> party_dimensions_;  // that some plan uses
  bool looks_ahead_ = false;                      // no plan uses a party's id, and they are few
  std::array<window::ValueId, observe::kCountryCodes> country_values_{};
  std::vector<ProductValues> product_values_;  // by product number
  std::size_t static_values_ = 0;              // value ids below it are known from the start

  // Of the event and line at hand, by dimension. A text is good only where the id is not static.
  std::array<window::ValueId, config::kDimensionCount> values_{};
  std::array<std::string_view, config::kDimensionCount> texts_{};
  absl::flat_hash_map<std::uint32_t, std::size_t> positions_;  // of slots, for long documents
};

}  // namespace surgewatch::aggregate
