#include "json/event_transcoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/printable.h"
#include "support/hostile.h"
#include "support/shown.h"
#include "unit/json/transcode_oracle.h"

namespace surgewatch::json {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class EventTranscoderTest : public ::testing::Test {
 protected:
  // Of a line that protobuf reads likewise.
  v1::Event read(const std::string& line) {
    EXPECT_EQ(transcode_difference(&transcoder_, line), "") << line;
    const auto event = transcoded(&transcoder_, line, &rejection_);
    EXPECT_TRUE(event) << line << "\n" << rejection_.detail;
    return event.value_or(v1::Event());
  }
  v1::Invoice invoice(const std::string& fields) {
    return read(R"({"invoice":{)" + fields + "}}").invoice();
  }
  // The detail.
  std::string refused(const std::string& line,
                      v1::RejectReason reason = v1::REJECT_REASON_UNDECODABLE) {
    EXPECT_EQ(transcode_difference(&transcoder_, line), "") << line;
    EXPECT_FALSE(transcoded(&transcoder_, line, &rejection_)) << line;
    EXPECT_EQ(rejection_.reason, reason) << line;
    return rejection_.detail;
  }
  std::string refused_invoice(const std::string& fields,
                              v1::RejectReason reason = v1::REJECT_REASON_UNDECODABLE) {
    return refused(R"({"invoice":{)" + fields + "}}", reason);
  }

  EventTranscoder transcoder_;
  observe::Rejection rejection_;
};

TEST_F(EventTranscoderTest, BothSpellingsOfANameAreRead) {
  EXPECT_EQ(invoice(R"("invoice_id":"a")").invoice_id(), "a");
  EXPECT_EQ(invoice(R"("invoiceId":"a")").invoice_id(), "a");
  EXPECT_EQ(invoice(R"("invoice\u005fid":"a")").invoice_id(), "a");
  EXPECT_EQ(invoice(R"("bill_to":{"parentCountry":"SG"})").bill_to().parent_country(), "SG");
  EXPECT_FALSE(invoice(R"("InvoiceId":"a","invoice_Id":"a","invoice_id ":"a")").has_bill_to());
}

TEST_F(EventTranscoderTest, BytesAreThoseThatProtobufWrites) {
  const std::string line =
      R"({"shipment":{"shipment_id":"s","revision":0,"type":0,"order_id":"",)"
      R"("invoice_ids":["","b"],"despatch_time":"1970-01-01T00:00:00Z","ship_to":{},)"
      R"("lines":[{"sku":"x","serial_numbers":[")" +
      std::string(300, 'n') + R"("]},{}]}})";
  const PaddedLine padded(line);
  EventTranscoder::Event event;
  ASSERT_TRUE(transcoder_.transcode(padded.line(), &event, &rejection_)) << rejection_.detail;
  EXPECT_EQ(event.topic, Topic::kShipments);
  EXPECT_EQ(event.payload, read(line).shipment().SerializeAsString());
}

TEST_F(EventTranscoderTest, IntegersAreReadAsNumberAndAsText) {
  for (const std::string number : {"12000", "\"12000\"", "1.2e4", "12000.0", "120E+2", "\"+12000\"",
                                   "\"\\u00312000\"", " 12000 "}) {
    const v1::Invoice read =
        invoice(R"("revision":)" + number + R"(,"lines":[{"quantity":)" + number + "}]");
    EXPECT_EQ(read.revision(), 12'000) << number;
    EXPECT_EQ(read.lines(0).quantity(), 12'000) << number;
  }
  EXPECT_EQ(invoice(R"("lines":[{"quantity":"-9223372036854775808"}])").lines(0).quantity(),
            INT64_MIN);
  EXPECT_EQ(invoice(R"("lines":[{"quantity":9223372036854775807}])").lines(0).quantity(),
            INT64_MAX);
  EXPECT_EQ(invoice(R"("revision":-1)").revision(), -1);
}

TEST_F(EventTranscoderTest, NoFractionIsAnInteger) {
  for (const std::string number : {"1.5",
                                   "\"1.5\"",
                                   "\"1e3\"",
                                   "1e-1",
                                   "\"\"",
                                   "\" 1\"",
                                   "true",
                                   "{}",
                                   "[1]",
                                   "2147483648",
                                   "\"-2147483649\"",
                                   "1e10",
                                   "01",
                                   "1e400",
                                   "0x10",
                                   "+1",
                                   ".5",
                                   "1.",
                                   "1x",
                                   "NaN",
                                   "tru"}) {
    EXPECT_THAT(refused_invoice(R"("revision":)" + number), HasSubstr("revision")) << number;
  }
  EXPECT_THAT(refused_invoice(R"("lines":[{},{"quantity":9223372036854775808}])"),
              StartsWith("invoice.lines[1].quantity: '9223372036854775808' is no integer"));
}

TEST_F(EventTranscoderTest, EnumsAreReadByNameAndByNumber) {
  for (const std::string type : {"\"INVOICE_TYPE_CREDIT_NOTE\"", "2", "2.0", "\"2\""}) {
    EXPECT_EQ(invoice(R"("type":)" + type).type(), v1::INVOICE_TYPE_CREDIT_NOTE) << type;
  }
  EXPECT_EQ(static_cast<int>(invoice(R"("type":381)").type()), 381);
  EXPECT_EQ(static_cast<int>(invoice(R"("type":-1)").type()), -1);
  EXPECT_EQ(invoice(R"("seller":{"address_type":"CASTLE"})").seller().address_type(), 0);
  EXPECT_THAT(refused_invoice(R"("type":2.5)"), HasSubstr("type"));
  EXPECT_THAT(refused_invoice(R"("type":true)"), HasSubstr("type"));
}

TEST_F(EventTranscoderTest, ATypeByAnUnknownNameIsUnknown) {
  for (const std::string type :
       {"CREDIT_NOTE", "", "381", "invoice_type_credit_note", "SHIPMENT_TYPE_RETURN"}) {
    EXPECT_THAT(refused_invoice(R"("type":")" + type + "\"", v1::REJECT_REASON_UNKNOWN_TYPE),
                HasSubstr("'" + type + "'"));
  }
  EXPECT_THAT(refused(R"({"shipment":{"type":"RETURN"}})", v1::REJECT_REASON_UNKNOWN_TYPE),
              HasSubstr("'RETURN'"));
  // What can't be read at all is that first.
  refused_invoice(R"("type":"RETURN","revision":"x")");
}

TEST_F(EventTranscoderTest, TimesAreReadAsText) {
  const v1::Invoice read = invoice(R"("issue_time":"2024-01-10T20:00:00.25\u002b08:00")");
  EXPECT_EQ(read.issue_time().seconds(), 1'704'888'000);
  EXPECT_EQ(read.issue_time().nanos(), 250'000'000);
  EXPECT_TRUE(invoice(R"("issue_time":"1970-01-01T00:00:00Z")").has_issue_time());
  // As protobuf 3.21 does.
  EXPECT_EQ(invoice(R"("issue_time":{"seconds":"5"})").issue_time().seconds(), 5);
  for (const std::string time : {"\"2024-01-10\"", "1704888000", "\"\"", "[]", "true"}) {
    EXPECT_THAT(refused_invoice(R"("issue_time":)" + time), StartsWith("invoice.issue_time: "));
  }
}

TEST_F(EventTranscoderTest, NullIsAbsent) {
  const v1::Invoice read = invoice(
      R"("invoice_id":null,"revision":null,"type":null,"issue_time":null,"seller":null,"lines":null)");
  EXPECT_TRUE(read.SerializeAsString().empty());
  EXPECT_TRUE(this->read(R"({"invoice":null,"shipment":{"shipment_id":"s"}})").has_shipment());
  EXPECT_THAT(refused_invoice(R"("lines":[null])"), StartsWith("invoice.lines[0]: null"));
  EXPECT_THAT(refused(R"({"shipment":{"lines":[{"serial_numbers":["a",null]}]}})"),
              StartsWith("shipment.lines[0].serial_numbers[1]: null"));
  refused_invoice(R"("invoice_id":nul)");
}

TEST_F(EventTranscoderTest, AFieldThatIsThereTwiceIsRefused) {
  EXPECT_THAT(refused_invoice(R"("order_id":"o","order_id":"o")"),
              StartsWith("invoice.order_id: "));
  EXPECT_THAT(refused_invoice(R"("orderId":"o","order_id":"p")"), StartsWith("invoice.order_id: "));
  EXPECT_THAT(refused_invoice(R"("order_id":null,"order_id":"o")"), HasSubstr("twice"));
  EXPECT_THAT(refused_invoice(R"("lines":[{"sku":"a","sku":"b"}])"),
              StartsWith("invoice.lines[0].sku: "));
  EXPECT_THAT(refused(R"({"invoice":{},"invoice":{}})"), StartsWith("invoice: "));
  EXPECT_EQ(invoice(R"("x":1,"x":2,"invoice_id":"a")").invoice_id(), "a");
}

TEST_F(EventTranscoderTest, AnEventIsOneOfItsKinds) {
  EXPECT_THAT(refused(R"({"invoice":{},"shipment":{}})"), HasSubstr("both"));
  for (const std::string line : {"{}", R"({"invoice":null})", R"({"receipt":{"invoice":{}}})"}) {
    EXPECT_THAT(refused(line, v1::REJECT_REASON_UNKNOWN_TYPE), HasSubstr("neither"));
  }
  for (const std::string kind : {"[]", "[{}]", "1", "\"\"", "true", "{", "nul", "}"}) {
    refused(R"({"invoice":)" + kind + "}");
  }
}

TEST_F(EventTranscoderTest, UnknownFieldsArePassedOverIfTheyAreJson) {
  EXPECT_EQ(invoice(R"("a":[1,"\ud83d\ude00",{"b":{"":null}},-1.5e-7,true,false],"c":{},)"
                    R"("invoice_id":"i","d":123456789012345678901234567890)")
                .invoice_id(),
            "i");
  EXPECT_TRUE(read(R"({"v":"1.0","invoice":{},"w":[[]]})").has_invoice());
  for (const std::string value : {"tru",
                                  "nulls",
                                  "01",
                                  "1x",
                                  "1e400",
                                  "\"\\x\"",
                                  "\"\\ud800\"",
                                  "\"\\udc00x\"",
                                  "[1,]",
                                  "{\"a\":1,}",
                                  "{\"a\"}",
                                  "{a:1}",
                                  "{\"a\":\"b\":1}",
                                  "'a'",
                                  "",
                                  "[1 2]",
                                  "[",
                                  "\"",
                                  "{\"\\ud800\":1}",
                                  "[}",
                                  "{]"}) {
    refused_invoice(R"("unknown":)" + value);
    refused(R"({"invoice":{},"unknown":)" + value + "}");
  }
}

TEST_F(EventTranscoderTest, TextIsUnescaped) {
  EXPECT_EQ(invoice(R"("invoice_id":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00ä\u0000")").invoice_id(),
            std::string("\"\\/\b\f\n\r\t\u00e4\U0001F600\u00e4") + '\0');
  for (const std::string text : {R"(\x)", R"(\v)", R"(\u12)", R"(\ud800)", R"(\udc00)",
                                 R"(\ud800\u0041)", "\xFF", "\xC0\x80", "\xED\xA0\x80", "a\tb"}) {
    refused_invoice(R"("invoice_id":")" + text + "\"");
  }
  for (const std::string value : {"1", "true", "{}", "[]", "1.5"}) {
    EXPECT_THAT(refused_invoice(R"("invoice_id":)" + value), StartsWith("invoice.invoice_id: "));
  }
}

TEST_F(EventTranscoderTest, OneValueMayStandForAList) {
  EXPECT_EQ(invoice(R"("lines":{"sku":"a"})").lines_size(), 1);
  EXPECT_EQ(invoice(R"("lines":[[{"sku":"a"}],{"sku":"b"}])").lines_size(), 2);
  EXPECT_EQ(read(R"({"shipment":{"invoice_ids":"a"}})").shipment().invoice_ids(0), "a");
}

TEST_F(EventTranscoderTest, WhatIsNotJsonIsRefused) {
  for (const std::string line : {"x",
                                 "{",
                                 "}",
                                 "{}}",
                                 R"({"invoice":{}} x)",
                                 R"({"invoice":{}}{"invoice":{}})",
                                 R"({'invoice':{}})",
                                 R"({invoice:{}})",
                                 R"({"invoice":{},})",
                                 R"({"invoice":{"lines":[}]})",
                                 R"([{"invoice":{}}])",
                                 R"("invoice")",
                                 "null",
                                 "1",
                                 R"({"invoice" {}})",
                                 R"({"invoice":{"invoice_id":"a" "order_id":"b"}})",
                                 R"({"invoice":{"invoice_id":"a"})",
                                 R"({"":1,"invoice":{}})",
                                 R"({"invoice":{"":1}})",
                                 R"({"invoice":{"lines":[{"":1}]}})",
                                 "\xEF\xBB\xBF{\"invoice\":{}}",
                                 R"({"invoice":{"invoice_id":"a}})",
                                 R"({"invoice":{"invoice_id":"a":"b"}})"}) {
    refused(line);
  }
  EXPECT_TRUE(read("\t { \"invoice\" :\r {\t} } \t").has_invoice());
}

TEST_F(EventTranscoderTest, WhatIsRefusedIsShownOnOneLine) {
  for (const test::Hostile& hostile : test::hostile_texts()) {
    if (!hostile.is_utf8 || hostile.text.empty()) continue;
    SCOPED_TRACE(hostile.what);
    const std::string text = nlohmann::json(hostile.text).dump();
    const std::string shown = printable(hostile.text, 64);
    EXPECT_EQ(refused_invoice("\"revision\":" + text),
              "invoice.revision: '" + shown + "' is no integer of 32 bits");
    EXPECT_THAT(refused_invoice("\"issue_time\":" + text), HasSubstr("'" + shown + "' is no time"));
    EXPECT_THAT(refused_invoice("\"type\":" + text, v1::REJECT_REASON_UNKNOWN_TYPE),
                HasSubstr("type is '" + shown + "'"));
    EXPECT_THAT(rejection_.detail, test::IsSafeToShow());
  }
}

TEST_F(EventTranscoderTest, NestingHasALimit) {
  const auto nested = [](int depth, const std::string& open, const std::string& close) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += open;
    for (int i = 0; i < depth; ++i) text += close;
    return text;
  };
  // The event and the invoice are two.
  constexpr int kMost = EventTranscoder::kMaxNesting - 2;
  EXPECT_EQ(invoice(R"("lines":)" + nested(kMost, "[", "]")).lines_size(), 0);
  EXPECT_EQ(invoice(R"("x":)" + nested(kMost, "[", "]")).lines_size(), 0);
  EXPECT_EQ(invoice(R"("x":)" + nested(kMost - 1, "{\"a\":", "}").replace((kMost - 1) * 5, 0, "1"))
                .lines_size(),
            0);
  for (const int depth : {kMost + 1, 100'000}) {
    EXPECT_THAT(refused_invoice(R"("lines":)" + nested(depth, "[", "]")), HasSubstr("nested"));
    EXPECT_THAT(refused_invoice(R"("x":)" + nested(depth, "[", "]")), HasSubstr("nested"));
  }
}

TEST_F(EventTranscoderTest, ALongLineIsReadAndTheNextOneToo) {
  const std::string text(3 << 20, 'x');
  EXPECT_EQ(invoice(R"("invoice_id":")" + text + "\"").invoice_id(), text);
  EXPECT_EQ(invoice(R"("invoice_id":"a")").invoice_id(), "a");
}

}  // namespace
}  // namespace surgewatch::json
