// What each order type finds in an order: both sides of every border.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "unit/orders/lab.h"

namespace surgewatch::orders {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// ---- order_diversion ---------------------------------------------------------------------------

TEST(OrderDiversion, IsWhatWasSentElsewhereThanDeclared) {
  Lab lab("order_diversion");
  lab.put(lab.shipment("s-1", kNewYear, "CN"));
  EXPECT_THAT(lab.found(), IsEmpty()) << "nothing declares anything yet";
  lab.put(lab.invoice("i-1", kNewYear + kDay));
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>CN H100 10"));
  EXPECT_THAT(lab.holding[0].documents, ElementsAre("i-1", "s-1"));
  EXPECT_EQ(lab.holding[0].chips, 10);
  EXPECT_EQ(lab.holding[0].name.first_time, kNewYear);
}

TEST(OrderDiversion, IsNoneToAnyDestinationThatAnInvoiceDeclares) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i-1", kNewYear, "SG"));
  lab.put(lab.shipment("s-1", kNewYear, "SG"));
  lab.put(lab.shipment("s-2", kNewYear, "MY"));
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>MY H100 10"));
  lab.put(lab.invoice("i-2", kNewYear + kDay, "MY"));
  EXPECT_THAT(lab.found(), IsEmpty());
}

TEST(OrderDiversion, TakesNoDeclarationFromACreditNoteOrFromNotStated) {
  Lab lab("order_diversion");
  Document credit = lab.invoice("i-0", kNewYear, "CN");
  credit.subtracts = true;
  lab.put(credit);
  lab.put(lab.invoice("i-1", kNewYear, "ZZ"));
  lab.put(lab.shipment("s-1", kNewYear, "CN"));
  EXPECT_THAT(lab.found(), IsEmpty());
  lab.pair.publish_stats();
  EXPECT_EQ(lab.pair.stats().orders.inconclusive, 1u);
  lab.put(lab.shipment("s-2", kNewYear, "CN"));
  lab.pair.publish_stats();
  EXPECT_EQ(lab.pair.stats().orders.inconclusive, 1u) << "once an order";
  lab.put(lab.invoice("i-2", kNewYear, "SG"));
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>CN H100 20"));
  lab.pair.publish_stats();
  EXPECT_EQ(lab.pair.stats().orders.inconclusive, 0u);
}

TEST(OrderDiversion, PassesOverShipmentsThatDoNotSayWhere) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i-1", kNewYear));
  lab.put(lab.shipment("s-1", kNewYear, "ZZ"));
  EXPECT_THAT(lab.found(), IsEmpty());
}

TEST(OrderDiversion, HoldsWhileMoreWentThanCameBack) {
  Lab lab("order_diversion");
  lab.put(lab.invoice("i-1", kNewYear));
  lab.put(lab.shipment("s-1", kNewYear, "CN"));
  Document back = lab.shipment("s-2", kNewYear + 3 * kDay, "CN");
  back.subtracts = true;
  back.lines[0].quantity = 9;
  lab.put(back);
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>CN H100 1"));
  back.lines[0].quantity = 10;
  lab.put(back, "o", /*is_new=*/false);
  EXPECT_THAT(lab.found(), IsEmpty());
}

TEST(OrderDiversion, IsKnownByTheFirstInvoiceAndTheFirstDeclaration) {
  Lab lab("order_diversion");
  Document later = lab.invoice("i-2", kNewYear, "TW");
  later.bill_to = lab.country("US");
  lab.put(later);
  lab.put(lab.shipment("s-1", kNewYear, "CN"));
  EXPECT_THAT(lab.found(), ElementsAre("o US>TW>CN H100 10"));
  lab.put(lab.invoice("i-1", kNewYear + kDay, "US"));
  EXPECT_THAT(lab.found(), ElementsAre("o SG>TW>CN H100 10")) << "ids in byte order, and countries";
}

// ---- controlled_destination --------------------------------------------------------------------

class ControlledDestination : public testing::Test {
 protected:
  // What is found of a shipment alone, long after it.
  std::vector<std::string> found_of(const Document& document) {
    Lab lab("controlled_destination");
    lab.put(document);
    lab.advance(document.time + 365 * kDay);
    return lab.found();
  }

  Lab lab_{"controlled_destination"};
};

TEST_F(ControlledDestination, IsOneInAGroupWithoutALicence) {
  EXPECT_THAT(found_of(lab_.shipment("s", kNewYear, "CN")), ElementsAre("o >>CN H100 10"));
  EXPECT_THAT(found_of(lab_.shipment("s", kNewYear, "MO")), ElementsAre("o >>MO H100 10"));
  EXPECT_THAT(found_of(lab_.shipment("s", kNewYear, "US")), IsEmpty());
}

TEST_F(ControlledDestination, AsksForTheGroupsOfTheDay) {
  const Micros border = kNewYear + 10 * kDay;
  EXPECT_THAT(found_of(lab_.shipment("s", border - 1, "MY")), ElementsAre("o >>MY H100 10"));
  EXPECT_THAT(found_of(lab_.shipment("s", border, "MY")), IsEmpty());
}

TEST_F(ControlledDestination, LeavesOutWhatIsCarvedOut) {
  EXPECT_THAT(found_of(lab_.shipment("s", kNewYear, "SG")), IsEmpty()) << "D:1, and A:6";
}

TEST_F(ControlledDestination, LooksAtTheEndUserAndAtHeadquarters) {
  Document to_user = lab_.shipment("s", kNewYear, "US");
  to_user.end_user = lab_.country("CN");
  EXPECT_THAT(found_of(to_user), ElementsAre("o >>US H100 10"));
  Document branch = lab_.shipment("s", kNewYear, "US");
  branch.ship_to_parent = lab_.country("CN");
  EXPECT_THAT(found_of(branch), ElementsAre("o >>US H100 10"));
  branch.ship_to_parent = lab_.country("MY");
  EXPECT_THAT(found_of(branch), IsEmpty()) << "of D:1, which is not asked of headquarters";

  const auto config = config_with({"controlled_destination"});
  config->rules[0].orders.end_user = false;
  Lab without(config);
  without.put(to_user);
  without.advance(kNewYear + kDay);
  EXPECT_THAT(without.found(), IsEmpty());
}

TEST_F(ControlledDestination, AsksForTheClassOfTheDay) {
  Document shipment = lab_.shipment("s", kNewYear - 1, "CN");
  shipment.lines = {lab_.line("MI308X", 10, shipment.time)};
  EXPECT_THAT(found_of(shipment), ElementsAre("o >>CN MI308X 10"))
      << "its class is not known: it fails closed";
  shipment.time = shipment.latest_time = kNewYear;
  shipment.lines = {lab_.line("MI308X", 10, shipment.time)};
  EXPECT_THAT(found_of(shipment), IsEmpty()) << "from then on it is known to be none";
  shipment.lines = {lab_.line("NOT-LISTED", 10, shipment.time)};
  EXPECT_THAT(found_of(shipment), IsEmpty()) << "nothing is known of it, not even its family";
}

TEST_F(ControlledDestination, KnowsTheLetterOnH20FromItsDayOn) {
  const Micros letter = 20'187 * kDay;  // 2025-04-09
  Document shipment = lab_.shipment("s", letter, "CN");
  shipment.lines = {lab_.line("HGX-H20-8", 3, letter)};
  EXPECT_THAT(found_of(shipment), ElementsAre("o >>CN HGX-H20-8 3"));
  shipment.time = shipment.latest_time = letter - 1;
  EXPECT_THAT(found_of(shipment), IsEmpty());
  Document elsewhere = lab_.shipment("s", letter, "MY");
  elsewhere.lines = shipment.lines;
  EXPECT_THAT(found_of(elsewhere), IsEmpty());
  elsewhere.ship_to_parent = lab_.country("HK");
  EXPECT_THAT(found_of(elsewhere), ElementsAre("o >>MY HGX-H20-8 3"));
}

TEST_F(ControlledDestination, WaitsForALicenceAndTakesOneLater) {
  lab_.put(lab_.shipment("s", kNewYear, "CN"));
  lab_.advance(kNewYear + kHour - 1);
  EXPECT_THAT(lab_.found(), IsEmpty());
  lab_.advance(kNewYear + kHour);
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 10"));
  Document billed = lab_.invoice("i", kNewYear + kDay);
  billed.lines = {lab_.line("H100", 1, billed.time, /*is_licensed=*/true)};
  lab_.put(billed);
  EXPECT_THAT(lab_.found(), IsEmpty());
}

TEST_F(ControlledDestination, WaitsForTheSlowerTopicUnlessThatIsSilent) {
  lab_.put(lab_.shipment("s", kNewYear, "CN"));
  lab_.pair.advance(Topic::kShipments, kNewYear + kDay);
  EXPECT_THAT(lab_.found(), IsEmpty());
  lab_.pair.set_idle(Topic::kInvoices, true);
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 10"));
}

TEST_F(ControlledDestination, CountsLinesThatNoLicenceCovers) {
  Document shipment = lab_.shipment("s", kNewYear, "CN");
  shipment.lines = {lab_.line("DGX-H100", 2, kNewYear), lab_.line("H100", 4, kNewYear),
                    lab_.line("H100", 5, kNewYear, /*is_licensed=*/true)};
  EXPECT_THAT(found_of(shipment), ElementsAre("o >>CN DGX-H100 2", "o >>CN H100 4"));
}

// ---- order_mismatch ----------------------------------------------------------------------------

TEST(OrderMismatch, IsWhatIsNotShippedByTheDeadline) {
  Lab lab("order_mismatch");
  lab.put(lab.invoice("i", kNewYear));
  lab.advance(kNewYear + 30 * kDay - 1);
  EXPECT_THAT(lab.found(), IsEmpty());
  lab.advance(kNewYear + 30 * kDay);
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG> H100 not_shipped 10"));
  Document sent = lab.shipment("s", kNewYear + 31 * kDay, "SG");
  sent.lines[0].quantity = 4;
  lab.put(sent);
  EXPECT_THAT(lab.found(), IsEmpty()) << "a new document, a new deadline";
  lab.advance(kNewYear + 61 * kDay);
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>SG H100 not_shipped 6"));
}

TEST(OrderMismatch, IsWhatIsShippedAndNotBilled) {
  Lab lab("order_mismatch");
  Document sent = lab.shipment("s", kNewYear, "CN");
  sent.lines = {lab.line("DGX-H100", 2, kNewYear)};
  lab.put(sent);
  lab.advance(kNewYear + 30 * kDay);
  EXPECT_THAT(lab.found(), ElementsAre("o >>CN DGX-H100 not_billed 2"));
  EXPECT_EQ(lab.holding[0].chips, 16);
}

TEST(OrderMismatch, TakesCreditNotesAndReturnsOff) {
  Lab lab("order_mismatch");
  lab.put(lab.invoice("i-1", kNewYear));
  Document credit = lab.invoice("i-2", kNewYear);
  credit.subtracts = true;
  credit.lines[0].quantity = 3;
  lab.put(credit);
  lab.put(lab.shipment("s-1", kNewYear, "SG"));
  Document back = lab.shipment("s-2", kNewYear, "SG");
  back.subtracts = true;
  back.lines[0].quantity = 3;
  lab.put(back);
  lab.advance(kNewYear + 365 * kDay);
  EXPECT_THAT(lab.found(), IsEmpty());
}

// ---- structuring -------------------------------------------------------------------------------

// The cap is 100 chips in the lab, so from 80 on.
TEST(Structuring, IsAnOrderJustBelowTheCap) {
  for (const std::int64_t chips : {79, 80, 99, 100}) {
    Lab lab("structuring");
    Document billed = lab.invoice("i", kNewYear);
    billed.lines[0].quantity = chips;
    lab.put(billed);
    const bool is_near = chips == 80 || chips == 99;
    EXPECT_EQ(lab.found().size(), is_near ? 1U : 0U) << chips;
  }
}

TEST(Structuring, TakesAnOrderAsAWhole) {
  Lab lab("structuring");
  for (const char* id : {"i-1", "i-2", "i-3", "i-4"}) {
    Document part = lab.invoice(id, kNewYear);
    part.lines[0].quantity = 20;
    lab.put(part);
  }
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG> H100 80")) << "partial invoices are one order";
  Document credit = lab.invoice("i-5", kNewYear);
  credit.subtracts = true;
  credit.lines[0].quantity = 1;
  lab.put(credit);
  EXPECT_THAT(lab.found(), IsEmpty()) << "79 are left";
  Document more = lab.invoice("i-6", kNewYear);
  more.lines[0].quantity = 21;
  lab.put(more);
  EXPECT_THAT(lab.found(), IsEmpty()) << "a hundred are not below it";
}

TEST(Structuring, CountsShipmentsForNothing) {
  Lab lab("structuring");
  Document sent = lab.shipment("s", kNewYear, "MY");
  sent.lines[0].quantity = 90;
  lab.put(sent);
  EXPECT_THAT(lab.found(), IsEmpty());
}

TEST(Structuring, CountsChipsAndIsNamedByWhatMakesMostOfThem) {
  Lab lab("structuring");
  Document billed = lab.invoice("i", kNewYear);
  billed.lines = {lab.line("H100", 20, kNewYear), lab.line("DGX-H100", 8, kNewYear)};
  lab.put(billed);
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG> DGX-H100 8"));
  EXPECT_EQ(lab.holding[0].chips, 64);
}

// ---- redirected --------------------------------------------------------------------------------

TEST(Redirected, IsAShipmentWhoseNewestRevisionNamesAnotherCountryThanTheFirst) {
  Lab lab("redirected");
  lab.put(lab.invoice("i", kNewYear, "MY"));
  lab.put(lab.shipment("s", kNewYear, "MY"));
  EXPECT_THAT(lab.found(), IsEmpty());
  lab.put(lab.shipment("s", kNewYear + kDay, "TW"), "o", /*is_new=*/false);
  EXPECT_THAT(lab.found(), ElementsAre("o SG>MY>TW H100 10"));
  lab.put(lab.shipment("s", kNewYear + 2 * kDay, "CN"), "o", /*is_new=*/false);
  EXPECT_THAT(lab.found(), ElementsAre("o SG>MY>CN H100 10"));
  lab.put(lab.shipment("s", kNewYear + 3 * kDay, "MY"), "o", /*is_new=*/false);
  EXPECT_THAT(lab.found(), IsEmpty()) << "back to where it was sent first";
}

TEST(Redirected, TakesWhatIsNotStatedForNoDestination) {
  Lab lab("redirected");
  lab.put(lab.shipment("s", kNewYear, "ZZ"));
  lab.put(lab.shipment("s", kNewYear, "CN"), "o", /*is_new=*/false);
  EXPECT_THAT(lab.found(), IsEmpty());
}

// ---- rebilled ----------------------------------------------------------------------------------

class Rebilled : public testing::Test {
 protected:
  Document billed(std::string_view id, Micros time, std::string_view bill_to,
                  std::int64_t quantity) const {
    Document document = lab_.invoice(id, time, "ZZ");
    document.bill_to = lab_.country(bill_to);
    document.lines[0].quantity = quantity;
    return document;
  }
  Document credited(std::string_view id, Micros time, std::string_view bill_to,
                    std::int64_t quantity) const {
    Document document = billed(id, time, bill_to, quantity);
    document.subtracts = true;
    return document;
  }

  Lab lab_{"rebilled"};
};

TEST_F(Rebilled, IsWhatWasCreditedToAnotherCountryBefore) {
  lab_.put(billed("i-1", kNewYear, "SG", 10));
  lab_.put(credited("i-2", kNewYear + kDay, "SG", 10));
  EXPECT_THAT(lab_.found(), IsEmpty());
  lab_.put(billed("i-3", kNewYear + kDay, "CN", 4));
  EXPECT_THAT(lab_.found(), ElementsAre("o SG>> H100 4")) << "at the same time is not before";
  lab_.put(billed("i-4", kNewYear + 2 * kDay, "MY", 9));
  EXPECT_THAT(lab_.found(), ElementsAre("o SG>> H100 10")) << "no more than was credited";
  lab_.put(billed("i-5", kNewYear + 3 * kDay, "CN", 9));
  EXPECT_THAT(lab_.found(), ElementsAre("o SG>> H100 10"));
}

TEST_F(Rebilled, IsNoneToTheSameCountryOrBefore) {
  lab_.put(credited("i-2", kNewYear + kDay, "SG", 10));
  lab_.put(billed("i-1", kNewYear + kDay - 1, "CN", 4));
  lab_.put(billed("i-3", kNewYear + 2 * kDay, "SG", 4));
  EXPECT_THAT(lab_.found(), IsEmpty());
}

// ---- third_party_payer -------------------------------------------------------------------------

TEST(ThirdPartyPayer, IsOneInAnotherCountryThanTheBill) {
  Lab lab("third_party_payer");
  Document invoice = lab.invoice("i-1", kNewYear);
  lab.put(invoice);
  EXPECT_THAT(lab.found(), IsEmpty()) << "nobody is stated";
  invoice.payer = lab.country("SG");
  lab.put(invoice, "o", /*is_new=*/false);
  EXPECT_THAT(lab.found(), IsEmpty());
  invoice.payer = lab.country("ZZ");
  lab.put(invoice, "o", /*is_new=*/false);
  EXPECT_THAT(lab.found(), IsEmpty());
  invoice.payer = lab.country("CN");
  lab.put(invoice, "o", /*is_new=*/false);
  lab.put(lab.shipment("s", kNewYear, "MY"));
  EXPECT_THAT(lab.found(), ElementsAre("o SG>SG>MY H100 10"));
  Document credit = invoice;
  credit.id = "i-2";
  credit.subtracts = true;
  lab.put(credit);
  EXPECT_THAT(lab.found(), IsEmpty());
}

// ---- repeated_serial ---------------------------------------------------------------------------

class RepeatedSerial : public testing::Test {
 protected:
  Document sent(std::string_view id, Micros time, std::string_view ship_to,
                const std::vector<std::uint64_t>& serials) const {
    Document document = lab_.shipment(id, time, ship_to);
    for (const std::uint64_t serial : serials) document.serials.push_back({.hash = serial});
    return document;
  }
  Document returned(std::string_view id, Micros time,
                    const std::vector<std::uint64_t>& serials) const {
    Document document = sent(id, time, "SG", serials);
    document.subtracts = true;
    return document;
  }

  Lab lab_{"repeated_serial"};
};

TEST_F(RepeatedSerial, IsOneSentTwice) {
  lab_.put(lab_.invoice("i-1", kNewYear));
  lab_.put(sent("s-1", kNewYear + kDay, "SG", {1, 2, 3}));
  EXPECT_THAT(lab_.found(), IsEmpty());
  lab_.put(sent("s-2", kNewYear + 3 * kDay, "CN", {2, 3, 4}));
  EXPECT_THAT(lab_.found(), ElementsAre("o SG>SG>CN H100 2")) << "where the later one went";
  EXPECT_EQ(lab_.holding[0].chips, 2);
  EXPECT_EQ(lab_.holding[0].name.first_time, kNewYear + 3 * kDay);
  EXPECT_THAT(lab_.holding[0].documents, ElementsAre("i-1", "s-1", "s-2"));
}

TEST_F(RepeatedSerial, IsNoneThatHasComeBackBetween) {
  lab_.put(sent("s-1", kNewYear, "SG", {1, 2}));
  lab_.put(returned("r-1", kNewYear + kDay, {1}));
  lab_.put(sent("s-2", kNewYear + 2 * kDay, "SG", {1}));
  EXPECT_THAT(lab_.found(), IsEmpty());
  lab_.put(sent("s-3", kNewYear + 3 * kDay, "CN", {1, 2}));
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 2"));
}

TEST_F(RepeatedSerial, CountsEachTimeAboveTheFirst) {
  lab_.put(sent("s-1", kNewYear, "SG", {1}));
  lab_.put(sent("s-2", kNewYear + kDay, "MY", {1}));
  lab_.put(sent("s-3", kNewYear + 2 * kDay, "CN", {1}));
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 1", "o >>MY H100 1"));
  lab_.put(returned("r-1", kNewYear + 3 * kDay, {1}));
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 1")) << "the latest of them";
}

TEST_F(RepeatedSerial, IsTheSameInWhicheverOrderTheDocumentsCome) {
  lab_.put(sent("s-3", kNewYear + 2 * kDay, "CN", {1}));
  lab_.put(sent("s-1", kNewYear, "SG", {1}));
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 1"));
  lab_.pair.take_out(Topic::kShipments, "s-3");
  EXPECT_THAT(lab_.found(), IsEmpty()) << "cancelled";
}

TEST_F(RepeatedSerial, IsOfOneOrderAlone) {
  lab_.put(sent("s-1", kNewYear, "SG", {1}), "o");
  lab_.put(sent("s-2", kNewYear, "CN", {1}), "p");
  EXPECT_THAT(lab_.found(), IsEmpty());
}

TEST_F(RepeatedSerial, IsSoughtAmongThoseThatEveryDocumentKeeps) {
  Document whole = sent("s-1", kNewYear, "SG", {10, 20, 30});
  whole.serials_known_to = 30;
  lab_.put(whole);
  // Of what lies beyond nothing is known.
  lab_.put(sent("s-2", kNewYear + kDay, "CN", {10, 25, 30, 40}));
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 2"));
  lab_.put(sent("s-3", kNewYear + 2 * kDay, "CN", {40}));
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 2"));
  lab_.pair.take_out(Topic::kShipments, "s-1");
  EXPECT_THAT(lab_.found(), ElementsAre("o >>CN H100 1")) << "now it can be known";
}

TEST_F(RepeatedSerial, IsFoundInPartWhereAnOrderHasTooMany) {
  // Twenty shipments of 300, of which the last names what the first did.
  for (std::uint64_t n = 0; n < 20; ++n) {
    std::vector<std::uint64_t> serials;
    for (std::uint64_t i = 0; i < 300; ++i) {
      serials.push_back((n % 19 * 300 + i + 1) * 0x9e3779b97f4a7c15);  // all differ
    }
    std::sort(serials.begin(), serials.end());
    lab_.put(sent("s-" + std::to_string(100 + n), kNewYear + static_cast<Micros>(n) * kHour,
                  n == 19 ? "CN" : "SG", serials));
  }
  lab_.pair.publish_stats();
  const OrderTable::Stats stats = lab_.pair.stats().orders;
  EXPECT_EQ(stats.over_order_limit, 0u) << "the other rules lose nothing";
  EXPECT_EQ(stats.documents, 20u);
  EXPECT_LT(stats.bytes, 60'000u);
  const std::vector<std::string> found = lab_.found();
  ASSERT_EQ(lab_.holding.size(), 1u);
  EXPECT_EQ(lab_.holding[0].name.destination, "CN");
  EXPECT_GT(lab_.holding[0].units, 20);
  EXPECT_LE(lab_.holding[0].units, 300);
}

}  // namespace
}  // namespace surgewatch::orders
