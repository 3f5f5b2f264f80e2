#include "invoices.h"

#include <fmt/format.h>

#include <array>

#include "base/measures.h"
#include "simulate/random.h"

namespace surgewatch::peers {
namespace {

constexpr std::array<std::string_view, 24> kCountries{
    "US", "TW", "SG", "CN", "JP", "DE", "KR", "IN", "GB", "FR", "NL", "CA",
    "AU", "MY", "AE", "IE", "SE", "BR", "TH", "PH", "SA", "CH", "IT", "ES"};

struct Product {
  std::string_view sku;  // of deploy/config/tables/catalogue.csv
  std::int64_t price_cents;
};
constexpr std::array<Product, 16> kProducts{{{"H100-SXM5-80GB", 30'000'00},
                                             {"B200-SXM-192GB", 40'000'00},
                                             {"H200-SXM-141GB", 35'000'00},
                                             {"GB200-SUPERCHIP", 70'000'00},
                                             {"H20-SXM-96GB", 12'000'00},
                                             {"A100-SXM4-80GB", 15'000'00},
                                             {"L40S", 8'000'00},
                                             {"H100-PCIE-80GB", 27'000'00},
                                             {"B300-SXM-288GB", 50'000'00},
                                             {"MI300X", 15'000'00},
                                             {"H800-SXM5-80GB", 30'000'00},
                                             {"A800-SXM4-80GB", 14'000'00},
                                             {"MI325X", 20'000'00},
                                             {"GAUDI3", 15'600'00},
                                             {"L4", 2'500'00},
                                             {"DGX-H100", 350'000'00}}};

// The n-th of many is the rarer the larger n, and none is so rare that a minute lacks it.
std::size_t skewed(simulate::Random* random, std::size_t count) {
  const std::uint64_t a = random->below(count);
  return static_cast<std::size_t>(random->below(a + 1));
}

}  // namespace

Sale Invoices::sale(std::uint64_t i) const {
  simulate::Random random(simulate::hash(seed_, 1, i));
  const auto at = static_cast<Micros>(static_cast<unsigned __int128>(kSpan) * i / count_);
  const Product& product = kProducts[skewed(&random, kProducts.size())];
  Sale sale;
  sale.country = kCountries[skewed(&random, kCountries.size())];
  sale.sku = product.sku;
  sale.time = kStart + at + static_cast<Micros>(random.below(kDisorder));
  sale.quantity = static_cast<std::int64_t>(1 + random.below(64));
  // A discount or a surcharge of up to 9.99 dollars.
  sale.unit_price_cents =
      product.price_cents + static_cast<std::int64_t>(random.below(1'999)) - 999;
  return sale;
}

void Invoices::fill(std::uint64_t i, v1::Invoice* invoice) const {
  const Sale sale = this->sale(i);
  invoice->Clear();
  invoice->set_invoice_id(fmt::format("INV-{:08}", i));
  invoice->set_revision(1);
  invoice->set_type(v1::INVOICE_TYPE_INVOICE);
  invoice->set_order_id(fmt::format("ORD-{:08}", i));
  invoice->mutable_issue_time()->set_seconds(sale.time / kMicrosPerSecond);
  invoice->mutable_issue_time()->set_nanos(
      static_cast<std::int32_t>(sale.time % kMicrosPerSecond * 1'000));
  invoice->mutable_seller()->set_party_id("acme");
  invoice->mutable_seller()->set_country("US");
  const std::uint64_t customer = simulate::hash(seed_, 2, i) % 10'000;
  invoice->mutable_bill_to()->set_party_id(fmt::format("customer-{:04}", customer));
  invoice->mutable_bill_to()->set_country(std::string(sale.country));
  invoice->mutable_ship_to()->set_party_id(fmt::format("site-{:04}", customer));
  invoice->mutable_ship_to()->set_country(std::string(sale.country));
  v1::InvoiceLine& line = *invoice->add_lines();
  line.set_line_number(1);
  line.set_sku(std::string(sale.sku));
  line.set_quantity(sale.quantity);
  line.mutable_unit_price()->set_currency_code("USD");
  line.mutable_unit_price()->set_units(sale.unit_price_cents / 100);
  line.mutable_unit_price()->set_nanos(
      static_cast<std::int32_t>(sale.unit_price_cents % 100 * 10'000'000));
}

}  // namespace surgewatch::peers
