// Serial numbers that were sent a second time and had not come back.
//
//   out       = shipments of the order that name it, less returns that do
//   a finding = for each serial number with out above one: as many of its latest shipments as that
//               is above one, a unit each, by destination and SKU
//
// A unit that is exchanged or repaired comes back before it is sent again: out is one.
//
// Source: a serial number on two deliveries without a return, the fault that traces of serialised
// goods are searched for (GS1 EPCIS 2.0 tells of single objects, each by its number).
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "orders/finders.h"

namespace surgewatch::orders {
namespace {

class RepeatedSerial : public Finder {
 public:
  using Finder::Finder;

  void find(const OrderView& order, Findings* findings) const override {
    const std::vector<Sighting> sightings = comparable(order);
    absl::btree_map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> again;
    for (std::size_t begin = 0; begin < sightings.size();) {
      std::size_t end = begin;
      std::int64_t out = 0;
      for (; end < sightings.size() && sightings[end].hash == sightings[begin].hash; ++end) {
        out += order.documents[sightings[end].document].subtracts ? -1 : 1;
      }
      // Backwards: the latest of them.
      for (std::size_t i = end; out > 1; --i) {
        const Sighting& sighting = sightings[i - 1];
        if (order.documents[sighting.document].subtracts) continue;
        ++again[{sighting.document, sighting.line}];
        --out;
      }
      begin = end;
    }
    NetByDestination sent;
    for (const auto& [place, units] : again) {
      const Document& document = order.documents[place.first];
      Line line = document.lines[place.second];
      line.quantity = units;
      sent.add(document.ship_to, line.sku, part_of(document, line, order));
    }
    sent.add_findings(rule(), order, findings);
  }

 private:
  struct Sighting {
    std::uint64_t hash;
    std::uint32_t document, line;  // indexes into the order's documents, and into its lines
  };

  // Those in the range that all documents have kept; by serial number, then by time.
  static std::vector<Sighting> comparable(const OrderView& order) {
    std::uint64_t last = UINT64_MAX;
    for (const Document& document : order.documents) {
      last = std::min(last, document.serials_known_to);
    }
    std::vector<Sighting> sightings;
    for (std::uint32_t i = 0; i < order.documents.size(); ++i) {
      for (const Serial& serial : order.documents[i].serials) {
        if (serial.hash > last) break;
        sightings.push_back({.hash = serial.hash, .document = i, .line = serial.line});
      }
    }
    std::sort(sightings.begin(), sightings.end(), [](const Sighting& a, const Sighting& b) {
      return std::pair(a.hash, a.document) < std::pair(b.hash, b.document);
    });
    return sightings;
  }
};

}  // namespace

const FinderType& repeated_serial_finder() {
  static constexpr FinderType kType{
      .make =
          [](const config::Config&, std::size_t rule) {
            return std::unique_ptr<Finder>(std::make_unique<RepeatedSerial>(rule));
          },
      .serials = Serials::kCompared};
  return kType;
}

}  // namespace surgewatch::orders
