#include "observe/decode.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "unit/aggregate/builders.h"
#include "unit/observe/decode_oracle.h"

namespace surgewatch::observe {
namespace {

using namespace std::string_literals;

v1::Invoice full_invoice() {
  v1::Invoice invoice = test::invoice("invoice-1", test::kNewYear + 123'456, 300);
  invoice.set_original_invoice_id("original");
  for (v1::Party* party :
       {invoice.mutable_seller(), invoice.mutable_bill_to(), invoice.mutable_ship_to(),
        invoice.mutable_end_user(), invoice.mutable_payer()}) {
    party->set_party_id("id-ÄÖ");
    party->set_name("名前 Ltd.");
    party->set_country("SG");
    party->set_parent_country("CN");
    party->set_address_type(v1::Party::ADDRESS_TYPE_RESIDENTIAL);
  }
  v1::InvoiceLine* line = test::add_line(&invoice, "DGX-H100", -5, -1);
  line->mutable_unit_price()->set_nanos(-999'999'999);
  line->set_eccn("4A090.a");
  line->set_license_id("D-1");
  return invoice;
}

v1::Shipment full_shipment() {
  v1::Shipment shipment = test::shipment("shipment-1", test::kNewYear - 1, -2);
  for (v1::Party* party : {shipment.mutable_ship_from(), shipment.mutable_ship_to(),
                           shipment.mutable_intermediate_consignee(), shipment.mutable_end_user(),
                           shipment.mutable_freight_forwarder()}) {
    party->set_party_id("party");
    party->set_country("MY");
  }
  shipment.add_invoice_ids("i-1");
  shipment.mutable_lines(0)->add_serial_numbers("s-1");
  shipment.mutable_lines(0)->add_serial_numbers("s-2");
  shipment.mutable_lines(0)->set_license_id("D-2");
  return shipment;
}

void expect_agreement(Topic topic, const std::string& bytes) {
  bool decodable = false;
  EXPECT_EQ(decode_difference(topic, bytes, &decodable), "") << testing::PrintToString(bytes);
}

// protobuf logs each string that is not UTF-8.
struct Quiet : testing::Test {
  google::protobuf::LogSilencer silencer;
};
using Decode = Quiet;

TEST_F(Decode, FullMessagesAreReadAsGeneratedCodeReadsThem) {
  bool decodable = false;
  EXPECT_EQ(decode_difference(Topic::kInvoices, full_invoice().SerializeAsString(), &decodable),
            "");
  EXPECT_TRUE(decodable);
  EXPECT_EQ(decode_difference(Topic::kShipments, full_shipment().SerializeAsString(), &decodable),
            "");
  EXPECT_TRUE(decodable);
}

TEST_F(Decode, TheLastScalarWinsAndMessagesMerge) {
  v1::Invoice first, second;
  first.set_revision(1);
  first.mutable_bill_to()->set_country("SG");
  first.mutable_bill_to()->set_party_id("kept");
  first.mutable_issue_time()->set_nanos(7);
  second.set_revision(2);
  second.mutable_bill_to()->set_country("US");
  second.mutable_issue_time()->set_seconds(9);
  const std::string bytes = first.SerializeAsString() + second.SerializeAsString();
  Document document;
  ASSERT_TRUE(decode(Topic::kInvoices, bytes, &document));
  EXPECT_EQ(document.revision, 2);
  EXPECT_EQ(document.party(Role::kBillTo).country, "US");
  EXPECT_EQ(document.party(Role::kBillTo).party_id, "kept");
  EXPECT_EQ(document.seconds, 9);
  EXPECT_EQ(document.nanos, 7);
  expect_agreement(Topic::kInvoices, bytes);
}

TEST_F(Decode, NothingRemainsOfTheMessageBefore) {
  Document document;
  ASSERT_TRUE(decode(Topic::kInvoices, full_invoice().SerializeAsString(), &document));
  ASSERT_TRUE(decode(Topic::kInvoices, "", &document));
  EXPECT_TRUE(document.id.empty());
  EXPECT_TRUE(document.lines.empty());
  EXPECT_FALSE(document.has_time);
  EXPECT_TRUE(document.party(Role::kPayer).country.empty());
}

// Each is where a careless decoder and protobuf part ways.
TEST_F(Decode, OddBytesAreJudgedAsProtobufJudgesThem) {
  std::string deep = "\x6b"s;  // field 13, a group
  const auto groups = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '\x6b') +
           std::string(static_cast<std::size_t>(depth), '\x6c');
  };
  const std::vector<std::string> cases = {
      ""s,
      "\x00"s,                                  // field 0
      "\x02\x00"s,                              // field 0, with a length
      "\x0a"s,                                  // no length
      "\x0a\x05yz"s,                            // too short
      "\x08\x05"s,                              // id as a varint: unknown
      "\x0d\x01\x02\x03\x04"s,                  // id as fixed32: unknown
      "\x09\x01\x02\x03\x04\x05\x06\x07\x08"s,  // id as fixed64: unknown
      "\x09\x01\x02\x03\x04\x05\x06\x07"s,      // one byte less
      "\x12\x01\x05"s,                          // revision as bytes: unknown
      "\x0e"s,
      "\x0f"s,              // wire types 6 and 7
      "\x6b\x6c"s,          // a group, empty
      "\x6b\x08\x01\x6c"s,  // a group with a field
      "\x6b\x74"s,          // ended by another
      "\x6b"s,
      "\x6c"s,  // without its end, its start
      groups(99),
      groups(100),
      groups(101),                                          // nesting
      "\x3a\x02\x6b\x6c"s,                                  // a group in a party
      "\x3a\x01\x6c"s,                                      // a stray end in a party
      "\x3a\x01\x00"s,                                      // field 0 in a party
      "\x3a\x05\x0a\x09zzz"s + std::string(20, 'z'),        // longer than what holds it
      "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,      // revision −1
      "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s,      // bits above 64
      "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // eleven bytes
      "\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"s,      // a long zero
      "\x90\x00\x05"s,                                      // a tag longer than it need be
      "\x90\x80\x80\x80\x00\x05"s,                          // … five bytes
      "\x90\x80\x80\x80\x80\x00\x05"s,                      // … six
      "\x90\x80\x80\x80\x10\x05"s,                          // … bits above 32
      "\x8a\x80\x80\x80\x70\x01z"s,                         // the same, another field
      "\x0a\x81\x80\x80\x80\x00z"s,                         // a long length
      "\x0a\x81\x80\x80\x80\x08z"s,                         // 2 GiB and a byte
      "\x0a\x81\x80\x80\x80\x80\x00z"s,                     // six bytes of length
      "\xc2\xa3\x09\x01z"s,                                 // field 19000, reserved
      "\xfa\xff\xff\xff\x0f\x01z"s,                         // the highest field
      "\x0a\x02\xc3\xa4"s,                                  // ä
      "\x0a\x01\xc3"s,
      "\x0a\x02\xc0\x80"s,  // cut; overlong
      "\x0a\x03\xe0\x9f\xbf"s,
      "\x0a\x03\xe0\xa0\x80"s,  // overlong; the first that is not
      "\x0a\x03\xed\x9f\xbf"s,
      "\x0a\x03\xed\xa0\x80"s,  // before surrogates; the first one
      "\x0a\x04\xf0\x8f\xbf\xbf"s,
      "\x0a\x04\xf0\x90\x80\x80"s,  // overlong; the first that is not
      "\x0a\x04\xf4\x8f\xbf\xbf"s,
      "\x0a\x04\xf4\x90\x80\x80"s,  // U+10FFFF; one more
      "\x0a\x01\x80"s,
      "\x0a\x01\xff"s,          // no lead byte
      "\x0a\x09zzzzzzzz\xff"s,  // after eight good ones
      "\x3a\x03\x12\x01\xff"s,  // a name
      "\x62\x03\x2a\x01\xff"s,  // an eccn
      "\x7a\x01\xff"s,          // an unknown field may be anything
      "\x18\x63"s,              // an unknown enum number
  };
  for (const std::string& bytes : cases) {
    expect_agreement(Topic::kInvoices, bytes);
    expect_agreement(Topic::kShipments, bytes);
  }
}

// Changes a few bytes: flips, cuts, insertions, pieces of the message itself.
std::string mutated(std::string bytes, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t n = 1 + below(4); n > 0; --n) {
    const std::size_t at = below(bytes.size() + 1);
    const auto byte = static_cast<char>(random());
    switch (below(7)) {
      case 0:
        if (at < bytes.size()) bytes[at] = byte;
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.insert(at, 1, byte);
        break;
      case 3:
        bytes.erase(at, below(4));
        break;
      case 4:
        bytes.insert(at, bytes.substr(below(bytes.size() + 1), below(20)));
        break;
      case 5:
        bytes.resize(at);
        break;
      default:
        bytes.insert(at, "\x6b\x10\x01\x6c");  // a group
        break;
    }
  }
  return bytes;
}

TEST_F(Decode, AgreesWithGeneratedCodeOnMutatedMessages) {
  std::mt19937_64 random(20'240'101);
  const std::string invoice = full_invoice().SerializeAsString();
  const std::string shipment = full_shipment().SerializeAsString();
  int good = 0, bad = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Topic topic = i % 2 == 0 ? Topic::kInvoices : Topic::kShipments;
    const std::string bytes = mutated(topic == Topic::kInvoices ? invoice : shipment, random);
    bool decodable = false;
    ASSERT_EQ(decode_difference(topic, bytes, &decodable), "") << testing::PrintToString(bytes);
    ++(decodable ? good : bad);
  }
  EXPECT_GT(good, 10'000);
  EXPECT_GT(bad, 10'000);
}

TEST(Unframe, PlainMessagesStayAsTheyAre) {
  const std::string bytes = full_invoice().SerializeAsString();
  EXPECT_EQ(unframe(bytes), bytes);
  EXPECT_EQ(unframe(""), "");
}

TEST(Unframe, ConfluentFramingIsTakenOff) {
  EXPECT_EQ(unframe("\0\0\0\1\2\0body"s), "body");          // path [0], short form
  EXPECT_EQ(unframe("\0\0\0\1\2\2\0body"s), "body");        // path [0], long form
  EXPECT_EQ(unframe("\0\0\0\1\2\2\6body"s), "body");        // path [3]
  EXPECT_EQ(unframe("\0\0\0\1\2\4\2\xac\2body"s), "body");  // path [1, 150]
  EXPECT_EQ(unframe("\0\0\0\1\2\0"s), "");
}

TEST(Unframe, BrokenFramingIsRefused) {
  EXPECT_FALSE(unframe("\0"s));
  EXPECT_FALSE(unframe("\0\0\0\1\2"s));            // no path
  EXPECT_FALSE(unframe("\0\0\0\1\2\1"s));          // −1 indexes
  EXPECT_FALSE(unframe("\0\0\0\1\2\4\2"s));        // one index short
  EXPECT_FALSE(unframe("\0\0\0\1\2\2\1"s));        // index −1
  EXPECT_FALSE(unframe("\0\0\0\1\2\x80"s));        // half a number
  EXPECT_FALSE(unframe("\0\0\0\1\2\xfe\xff\7"s));  // a path of 65,535
}

TEST(EventTime, ReachesFromYear101ToYear9899) {
  EXPECT_EQ(event_time(-58'979'923'200, 0), kMinEventTime);
  EXPECT_EQ(event_time(-58'979'923'201, 999'999'999), std::nullopt);
  EXPECT_EQ(event_time(250'246'627'199, 999'999'999), kMaxEventTime);
  EXPECT_EQ(event_time(250'246'627'200, 0), std::nullopt);
}

TEST(EventTime, NanosAreAFractionRoundedDown) {
  EXPECT_EQ(event_time(0, 999), 0);
  EXPECT_EQ(event_time(0, 1'000), 1);
  EXPECT_EQ(event_time(-1, 999'999'999), -1);
  EXPECT_EQ(event_time(0, -1), std::nullopt);
  EXPECT_EQ(event_time(0, 1'000'000'000), std::nullopt);
}

}  // namespace
}  // namespace surgewatch::observe
