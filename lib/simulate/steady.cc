#include "simulate/steady.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "simulate/documents.h"
#include "simulate/parties.h"
#include "simulate/products.h"
#include "simulate/random.h"

namespace surgewatch::simulate {
namespace {

constexpr Micros kStart = 19'723 * kMicrosPerDay;            // 2024-01-01
constexpr Micros kInterval = 60 * kMicrosPerSecond / 1'000;  // 1,000 a minute
constexpr Micros kMaxDisorder = 3'600 * kMicrosPerSecond;    // exclusive
constexpr std::uint64_t kReach = 60'000;                     // an hour
constexpr std::uint64_t kMaxEvents = 2'000'000'000;          // event time ends in 2027

// Of 1,000 documents; the others are originals.
struct Share {
  enum Kind { kOriginal, kDuplicate, kRevision, kCancellation, kCredit, kReject } kind;
  std::uint64_t of_thousand;
};
constexpr std::array<Share, 5> kShares{{{Share::kDuplicate, 20},
                                        {Share::kRevision, 10},
                                        {Share::kCancellation, 5},
                                        {Share::kCredit, 5},
                                        {Share::kReject, 2}}};

constexpr std::array<std::string_view, 20> kCountries{"US", "TW", "SG", "CN", "JP", "DE", "KR",
                                                      "IN", "GB", "FR", "NL", "CA", "AU", "MY",
                                                      "AE", "IE", "SE", "BR", "TH", "PH"};

// What is asked of hash() about document i.
enum Topic : std::uint64_t { kKind = 1, kTarget, kTime, kContent };

class Steady : public Scenario {
 public:
  Steady(std::uint64_t events, std::uint64_t seed) : total_(events), seed_(seed) {
    for (const std::string_view country : kCountries) {
      companies_.push_back(make_companies(country, "CO", "Example Company", 50, {country, "US"},
                                          v1::Party::ADDRESS_TYPE_OFFICE));
    }
  }

  std::uint64_t total() const override { return total_; }

  bool next(v1::Event* event) override {
    if (position_ == total_) return false;
    write(position_++, event);
    return true;
  }

 private:
  Share::Kind kind_of(std::uint64_t i) const {
    std::uint64_t draw = scale(hash(seed_, kKind, i), 1'000);
    for (const Share& share : kShares) {
      if (draw < share.of_thousand) return i == 0 ? Share::kOriginal : share.kind;
      draw -= share.of_thousand;
    }
    return Share::kOriginal;
  }

  // An original before i; 0 always is one.
  std::uint64_t target_of(std::uint64_t i) const {
    std::uint64_t target = i - 1 - scale(hash(seed_, kTarget, i), std::min(i, kReach));
    while (kind_of(target) != Share::kOriginal) --target;
    return target;
  }

  Micros time_of(std::uint64_t i) const {
    Random random(hash(seed_, kTime, i));
    const Micros now = kStart + static_cast<Micros>(i) * kInterval;
    // Four in five come in order.
    return random.below(5) != 0 ? now : now - static_cast<Micros>(random.below(kMaxDisorder));
  }

  void write(std::uint64_t i, v1::Event* event) const {
    const Share::Kind kind = kind_of(i);
    if (kind == Share::kOriginal || kind == Share::kReject) {
      write_original(i, 1, event);
      if (kind == Share::kReject) spoil(i, event);
      return;
    }
    const std::uint64_t target = target_of(i);
    switch (kind) {
      case Share::kRevision:
        // Revisions 2 and 3 in any order; a document's revision always says the same, so the
        // second copy of one is a duplicate.
        write_original(target, 2 + static_cast<int>(hash(seed_, kContent, i) % 2), event);
        break;
      case Share::kCancellation:
        write_original(target, 1, event);
        make_cancellation(i, event);
        break;
      case Share::kCredit:
        write_original(target, 1, event);
        make_credit(i, event);
        break;
      default:
        write_original(target, 1, event);
    }
  }

  const v1::Party& company(Random* random) const {
    // The smaller of two draws: the first countries have most of the trade.
    const auto c = std::min(random->below(companies_.size()), random->below(companies_.size()));
    return companies_[c][random->below(companies_[c].size())];
  }

  // Documents 2k and 2k + 1 are the invoice and the shipment of order k; where one of them is not
  // an original, the order lacks that half.
  void write_original(std::uint64_t i, int revision, v1::Event* event) const {
    Random order(hash(seed_, kContent, i / 2));
    const v1::Party& bill_to = company(&order);
    const v1::Party& ship_to = order.below(10) < 9 ? bill_to : company(&order);
    const auto order_id = fmt::format(FMT_COMPILE("ORD-{:09}"), i / 2);
    const auto invoice_id = fmt::format(FMT_COMPILE("INV-{:09}"), i / 2);
    if (i % 2 == 0) {
      v1::Invoice* invoice = event->mutable_invoice();
      invoice->Clear();
      invoice->set_invoice_id(invoice_id);
      invoice->set_revision(revision);
      invoice->set_type(v1::INVOICE_TYPE_INVOICE);
      invoice->set_order_id(order_id);
      set_time(time_of(i), invoice->mutable_issue_time());
      *invoice->mutable_seller() = seller_;
      *invoice->mutable_bill_to() = bill_to;
      *invoice->mutable_ship_to() = ship_to;
    } else {
      v1::Shipment* shipment = event->mutable_shipment();
      shipment->Clear();
      shipment->set_shipment_id(fmt::format(FMT_COMPILE("SHP-{:09}"), i / 2));
      shipment->set_revision(revision);
      shipment->set_type(v1::SHIPMENT_TYPE_DESPATCH);
      shipment->set_order_id(order_id);
      shipment->add_invoice_ids(invoice_id);
      set_time(time_of(i), shipment->mutable_despatch_time());
      *shipment->mutable_ship_from() = seller_;
      *shipment->mutable_ship_to() = ship_to;
    }
    const auto products = products_sold(kQuarters - 1, false);
    const std::uint64_t lines = 1 + order.below(3);
    for (std::uint64_t n = 1; n <= lines; ++n) {
      const Product& product = products[order.below(products.size())];
      // A correction changes the quantities.
      const auto quantity = static_cast<std::int64_t>(1 + order.below(64)) + revision - 1;
      if (event->has_invoice()) {
        v1::InvoiceLine* line = event->mutable_invoice()->add_lines();
        line->set_line_number(static_cast<std::int32_t>(n));
        line->set_sku(std::string(product.sku));
        line->set_quantity(quantity);
        // Odd cents, so that amounts have to be rounded.
        line->mutable_unit_price()->set_currency_code("USD");
        line->mutable_unit_price()->set_units(product.price_usd);
        line->mutable_unit_price()->set_nanos(
            static_cast<std::int32_t>(order.below(1'000'000'000)));
      } else {
        v1::ShipmentLine* line = event->mutable_shipment()->add_lines();
        line->set_line_number(static_cast<std::int32_t>(n));
        line->set_sku(std::string(product.sku));
        line->set_quantity(quantity);
        order.next();  // the invoice's price
      }
    }
  }

  void make_cancellation(std::uint64_t i, v1::Event* event) const {
    if (event->has_invoice()) {
      event->mutable_invoice()->set_type(v1::INVOICE_TYPE_CANCELLATION);
      set_time(time_of(i), event->mutable_invoice()->mutable_issue_time());
    } else {
      event->mutable_shipment()->set_type(v1::SHIPMENT_TYPE_CANCELLATION);
      set_time(time_of(i), event->mutable_shipment()->mutable_despatch_time());
    }
  }

  // Takes the first line back with an identity of its own. A return keeps the parties of what it
  // returns, since it subtracts where that was added.
  void make_credit(std::uint64_t i, v1::Event* event) const {
    if (event->has_invoice()) {
      v1::Invoice* invoice = event->mutable_invoice();
      invoice->set_original_invoice_id(invoice->invoice_id());
      invoice->set_invoice_id(fmt::format("CRN-{:09}", i));
      invoice->set_type(v1::INVOICE_TYPE_CREDIT_NOTE);
      set_time(time_of(i), invoice->mutable_issue_time());
      invoice->mutable_lines()->DeleteSubrange(1, invoice->lines_size() - 1);
    } else {
      v1::Shipment* shipment = event->mutable_shipment();
      shipment->set_shipment_id(fmt::format("RET-{:09}", i));
      shipment->set_type(v1::SHIPMENT_TYPE_RETURN);
      set_time(time_of(i), shipment->mutable_despatch_time());
      shipment->mutable_lines()->DeleteSubrange(1, shipment->lines_size() - 1);
    }
  }

  // Makes the document one that validation must refuse.
  void spoil(std::uint64_t i, v1::Event* event) const {
    const std::uint64_t how = hash(seed_, kTarget, i) % 6;
    if (event->has_shipment()) {
      v1::Shipment* shipment = event->mutable_shipment();
      if (how < 2) shipment->mutable_ship_to()->set_country("QX");
      if (how == 2) shipment->mutable_lines(0)->set_quantity(-1);
      if (how == 3) shipment->clear_lines();
      if (how == 4) shipment->clear_shipment_id();
      if (how == 5) shipment->clear_despatch_time();
      return;
    }
    v1::Invoice* invoice = event->mutable_invoice();
    if (how == 0) invoice->mutable_bill_to()->set_country("QX");
    if (how == 1) invoice->mutable_lines(0)->mutable_unit_price()->set_currency_code("QQQ");
    if (how == 2) invoice->mutable_lines(0)->set_quantity(-1);
    if (how == 3) invoice->clear_lines();
    if (how == 4) invoice->clear_order_id();
    if (how == 5) invoice->mutable_lines(0)->clear_sku();
  }

  const std::uint64_t total_;
  const std::uint64_t seed_;
  const v1::Party seller_ = nvidia();
  std::vector<std::vector<v1::Party>> companies_;  // by country
  std::uint64_t position_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Scenario>> make_steady(std::uint64_t events, std::uint64_t seed) {
  if (events == 0 || events > kMaxEvents) {
    return invalid_argument("scenario steady takes 1 to {} events, not {}; change --events",
                            kMaxEvents, events);
  }
  return std::make_unique<Steady>(events, seed);
}

}  // namespace surgewatch::simulate
