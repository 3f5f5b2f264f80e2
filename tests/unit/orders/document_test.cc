#include "orders/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "observe/observer.h"
#include "unit/aggregate/builders.h"

namespace surgewatch::orders {
namespace {

using test::kHour;
using test::kNewYear;

class DocumentTest : public testing::Test {
 protected:
  Document described(const std::string& payload, Topic topic) {
    const observe::Observer observer(topic, &index_, {});
    observe::Rejection rejection;
    EXPECT_TRUE(observer.observe(payload, std::nullopt, &event_, &rejection)) << rejection.detail;
    Document document;
    describe(event_, topic, index_, Serials::kCompared, &document);
    return document;
  }

  const std::shared_ptr<config::ReferenceTables> tables_ = test::reference_tables();
  const observe::ReferenceIndex index_{tables_.get()};
  observe::Observation event_;
};

TEST_F(DocumentTest, OfAnInvoiceIsReadAsItWasPacked) {
  v1::Invoice invoice = test::invoice("i-1", kNewYear);
  invoice.set_type(v1::INVOICE_TYPE_CREDIT_NOTE);
  invoice.set_original_invoice_id("i-0");
  invoice.mutable_bill_to()->set_party_id("buyer");
  invoice.mutable_ship_to()->set_country("MY");
  invoice.mutable_payer()->set_country("CN");
  test::add_line(&invoice, "NOT-LISTED", 3, 1)->set_license_id("L-1");
  const std::string payload = invoice.SerializeAsString();
  std::string bytes;
  pack(described(payload, Topic::kInvoices), &bytes);

  Document read;
  unpack(bytes, index_, &read);
  EXPECT_EQ(read.id, "i-1");
  EXPECT_TRUE(read.is_invoice());
  EXPECT_TRUE(read.subtracts);
  EXPECT_EQ(read.time, kNewYear);
  EXPECT_EQ(read.latest_time, kNewYear);
  EXPECT_EQ(read.bill_to, index_.country("SG"));
  EXPECT_EQ(read.ship_to, index_.country("MY"));
  EXPECT_EQ(read.payer, index_.country("CN"));
  EXPECT_EQ(read.end_user, kNoCountry);
  EXPECT_EQ(read.bill_to_party, "buyer");
  EXPECT_EQ(read.credits, "i-0");
  ASSERT_EQ(read.lines.size(), 2u);
  EXPECT_EQ(read.lines[0].sku, "H100");
  EXPECT_EQ(read.lines[0].quantity, 1);
  EXPECT_FALSE(read.lines[0].is_licensed);
  EXPECT_EQ(read.lines[1].sku, "NOT-LISTED");
  EXPECT_EQ(read.lines[1].quantity, 3);
  EXPECT_TRUE(read.lines[1].is_licensed);
  EXPECT_EQ(unpack_id(bytes), "i-1");
  EXPECT_EQ(unpack_topic(bytes), Topic::kInvoices);
  EXPECT_EQ(unpack_time(bytes), kNewYear);
  EXPECT_LE(bytes.size(), 60u);
}

TEST_F(DocumentTest, OfAShipmentIsReadAsItWasPacked) {
  v1::Shipment shipment = test::shipment("s-1", kNewYear + 5);
  shipment.mutable_ship_to()->set_parent_country("CN");
  shipment.mutable_end_user()->set_country("ZZ");
  const std::string payload = shipment.SerializeAsString();
  std::string bytes;
  pack(described(payload, Topic::kShipments), &bytes);
  Document read;
  unpack(bytes, index_, &read);
  EXPECT_FALSE(read.is_invoice());
  EXPECT_FALSE(read.subtracts);
  EXPECT_EQ(read.time, kNewYear + 5);
  EXPECT_EQ(read.ship_to_parent, index_.country("CN"));
  EXPECT_EQ(read.end_user, index_.country("ZZ"));
  EXPECT_FALSE(is_stated(read.end_user));
  EXPECT_TRUE(is_stated(read.ship_to));
  EXPECT_EQ(unpack_topic(bytes), Topic::kShipments);
}

TEST_F(DocumentTest, AddsUpTheLinesOfOneSku) {
  v1::Invoice invoice = test::invoice("i-1", kNewYear);
  test::add_line(&invoice, "DGX-H100", 2, 1);
  test::add_line(&invoice, "H100", 4, 1);
  test::add_line(&invoice, "H100", 7, 1)->set_license_id("L");
  const std::string payload = invoice.SerializeAsString();
  const Document document = described(payload, Topic::kInvoices);
  ASSERT_EQ(document.lines.size(), 3u);
  EXPECT_EQ(document.lines[0].sku, "DGX-H100");
  EXPECT_EQ(document.lines[1].sku, "H100");
  EXPECT_EQ(document.lines[1].quantity, 5);
  EXPECT_EQ(document.lines[2].quantity, 7);
  EXPECT_TRUE(document.lines[2].is_licensed);
}

TEST_F(DocumentTest, RemembersWhereItsFirstRevisionWent) {
  Document first, second, third;
  first.time = first.latest_time = kNewYear + kHour;
  first.ship_to = index_.country("MY");
  second.time = second.latest_time = kNewYear;
  second.ship_to = index_.country("CN");
  succeed(first, &second);
  EXPECT_EQ(second.former_ship_to, index_.country("MY"));
  EXPECT_EQ(second.latest_time, kNewYear + kHour);
  third.time = third.latest_time = kNewYear + 2 * kHour;
  third.ship_to = index_.country("TW");
  succeed(second, &third);
  EXPECT_EQ(third.former_ship_to, index_.country("MY"));

  std::string bytes;
  pack(second, &bytes);
  Document read;
  unpack(bytes, index_, &read);
  EXPECT_EQ(read.former_ship_to, index_.country("MY"));
  EXPECT_EQ(read.time, kNewYear);
  EXPECT_EQ(unpack_latest_time(bytes), kNewYear + kHour);
}

TEST_F(DocumentTest, KeepsEachSerialNumberOnceWithItsLine) {
  v1::Shipment shipment = test::shipment("s-1", kNewYear);
  shipment.mutable_lines(0)->set_sku("H100");
  for (const char* serial : {"a", "b", "", "a"})
    shipment.mutable_lines(0)->add_serial_numbers(serial);
  v1::ShipmentLine* other = shipment.add_lines();
  other->set_sku("B200");  // sorted before it
  other->set_quantity(1);
  other->add_serial_numbers("c");
  const std::string payload = shipment.SerializeAsString();
  std::string bytes;
  pack(described(payload, Topic::kShipments), &bytes);
  Document read;
  unpack(bytes, index_, &read);
  ASSERT_EQ(read.serials.size(), 3u);
  EXPECT_TRUE(std::is_sorted(read.serials.begin(), read.serials.end(),
                             [](const Serial& a, const Serial& b) { return a.hash < b.hash; }));
  EXPECT_EQ(read.serials_known_to, UINT64_MAX);
  std::vector<std::string> skus;
  for (const Serial& serial : read.serials) skus.emplace_back(read.lines[serial.line].sku);
  EXPECT_THAT(skus, testing::UnorderedElementsAre("H100", "H100", "B200"));
}

TEST_F(DocumentTest, KeepsTheSmallestHashesOfManySerialNumbers) {
  v1::Shipment shipment = test::shipment("s-1", kNewYear);
  for (int i = 0; i < 5'000; ++i) {
    shipment.mutable_lines(0)->add_serial_numbers("serial-" + std::to_string(i));
  }
  const std::string whole = shipment.SerializeAsString();
  const Document all = described(whole, Topic::kShipments);
  EXPECT_EQ(all.serials.size(), kMaxSerials);
  EXPECT_EQ(all.serials_known_to, all.serials.back().hash);
  std::string bytes;
  pack(all, &bytes);
  EXPECT_EQ(unpack_serial_count(bytes), kMaxSerials);
  Document read;
  unpack(bytes, index_, &read);
  EXPECT_EQ(read.serials_known_to, all.serials_known_to);
  EXPECT_EQ(read.lines.size(), 1u);
  // Another that names some of them keeps the same of those.
  shipment.mutable_lines(0)->clear_serial_numbers();
  for (int i = 0; i < 1'000; ++i) {
    shipment.mutable_lines(0)->add_serial_numbers("serial-" + std::to_string(i));
  }
  const std::uint64_t last = all.serials.back().hash;
  const std::string part = shipment.SerializeAsString();
  const Document some = described(part, Topic::kShipments);
  EXPECT_EQ(some.serials.size(), 1'000u);
  std::size_t comparable = 0;
  for (const Serial& serial : some.serials) {
    if (serial.hash > last) continue;
    ++comparable;
    EXPECT_TRUE(std::any_of(all.serials.begin(), all.serials.end(),
                            [&](const Serial& one) { return one.hash == serial.hash; }));
  }
  EXPECT_GT(comparable, 200u);
}

}  // namespace
}  // namespace surgewatch::orders
