#include "files/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/utf8.h"

namespace surgewatch::files {
namespace {

using ::testing::HasSubstr;

class EventFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 ("event_file_" + std::to_string(::getpid()) + "_" +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& bytes) {
    const std::string path = directory_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  struct Read {
    std::optional<Topic> topic;
    std::string payload, error;
    v1::RejectReason reason;
  };
  std::vector<Read> read_all(const std::string& path, EventFormat format) {
    auto reader = EventReader::open(path, format);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::map<std::int64_t, Read> all;  // by offset
    EventBatch batch;
    while (true) {
      const auto more = (*reader)->next(&batch);
      EXPECT_TRUE(more.ok());
      if (!more.ok() || !*more) break;
      for (const Topic topic : {Topic::kInvoices, Topic::kShipments}) {
        for (const aggregate::Record& record : batch.of(topic)) {
          all[record.offset] = {topic, std::string(record.payload), "", {}};
        }
      }
      for (const EventBatch::Unreadable& one : batch.unreadable) {
        all[one.offset] = {std::nullopt, std::string(one.bytes), one.detail, one.reason};
      }
      EXPECT_EQ(all.size(), batch.end);
    }
    std::vector<Read> in_order;
    for (auto& [offset, read] : all) {
      EXPECT_EQ(offset, static_cast<std::int64_t>(in_order.size()));
      in_order.push_back(std::move(read));
    }
    return in_order;
  }

  std::filesystem::path directory_;
};

v1::Event invoice(const std::string& id) {
  v1::Event event;
  event.mutable_invoice()->set_invoice_id(id);
  event.mutable_invoice()->set_order_id("o-" + id);
  return event;
}

v1::Event shipment(const std::string& id) {
  v1::Event event;
  event.mutable_shipment()->set_shipment_id(id);
  return event;
}

TEST_F(EventFileTest, BothFormatsGiveBackWhatWasWrittenInOrder) {
  for (const EventFormat format : {EventFormat::kNdjson, EventFormat::kBinpb}) {
    const std::string path = directory_ / "events";
    auto writer = EventWriter::open(path, format);
    ASSERT_TRUE(writer.ok());
    // More than one batch of lines and more than one block of bytes.
    constexpr int kEvents = 25'000;
    for (int i = 0; i < kEvents; ++i) {
      const std::string id = "id-" + std::to_string(i);
      ASSERT_TRUE((*writer)->write(i % 3 == 0 ? shipment(id) : invoice(id)).ok());
    }
    ASSERT_TRUE((*writer)->close().ok());
    const auto records = read_all(path, format);
    ASSERT_EQ(records.size(), kEvents);
    for (int i = 0; i < kEvents; ++i) {
      const Read& record = records[static_cast<std::size_t>(i)];
      const std::string id = "id-" + std::to_string(i);
      const v1::Event expected = i % 3 == 0 ? shipment(id) : invoice(id);
      ASSERT_EQ(record.topic, i % 3 == 0 ? Topic::kShipments : Topic::kInvoices) << record.error;
      ASSERT_EQ(record.payload, expected.has_invoice() ? expected.invoice().SerializeAsString()
                                                       : expected.shipment().SerializeAsString());
    }
  }
}

TEST_F(EventFileTest, ALineThatIsNoEventIsHandedOutWithTheReasonAndTheNextIsRead) {
  const auto records = read_all(write("lines",
                                      "{\"invoice\":{\"invoiceId\":\"a\"}}\r\n\n  \nnot json\n{}\n"
                                      "{\"shipment\":{\"shipment_id\":\"b\"}}"),
                                EventFormat::kNdjson);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].topic, Topic::kInvoices);
  EXPECT_EQ(records[1].reason, v1::REJECT_REASON_UNDECODABLE);
  EXPECT_EQ(records[1].payload, "not json");
  EXPECT_EQ(records[2].reason, v1::REJECT_REASON_UNKNOWN_TYPE);
  EXPECT_EQ(records[3].topic, Topic::kShipments);
}

TEST_F(EventFileTest, ATypeByANameThatIsNoneOfTheEnumsIsRejected) {
  const auto records = read_all(write("types",
                                      R"({"invoice":{"invoice_id":"a","type":"CREDIT_NOTE"}}
{"invoice":{"invoice_id":"b","type":"invoice_type_credit_note"}}
{"invoice":{"invoice_id":"c","type":""}}
{"invoice":{"invoice_id":"d","type":"381"}}
{"shipment":{"shipment_id":"e","type":"RETURN"}}
{"invoice":{"invoice_id":"f","type":"2"}}
{"invoice":{"invoice_id":"g","type":2.0,"seller":{"address_type":"CASTLE"}}}
{"invoice":{"invoice_id":"h","type":381}}
)"),
                                EventFormat::kNdjson);
  ASSERT_EQ(records.size(), 8u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(records[i].topic, std::nullopt) << i;
    EXPECT_EQ(records[i].reason, v1::REJECT_REASON_UNKNOWN_TYPE) << i;
    EXPECT_THAT(records[i].error, HasSubstr("type")) << i;
  }
  for (std::size_t i = 5; i < 8; ++i) {
    ASSERT_EQ(records[i].topic, Topic::kInvoices) << records[i].error;
    v1::Invoice invoice;
    ASSERT_TRUE(invoice.ParseFromString(records[i].payload));
    EXPECT_EQ(static_cast<int>(invoice.type()), i == 7 ? 381 : 2);
    EXPECT_EQ(invoice.seller().address_type(), v1::Party::ADDRESS_TYPE_UNSPECIFIED);
  }
}

TEST_F(EventFileTest, AByteOrderMarkBeforeALineIsPassedOver) {
  const std::string mark = "\xEF\xBB\xBF", event = R"({"invoice":{"invoice_id":"a"}})";
  // As files have it, and as files put together have it.
  const auto records = read_all(
      write("marks", mark + event + "\n" + event + "\n" + mark + event + "\n" + mark + "\n"),
      EventFormat::kNdjson);
  ASSERT_EQ(records.size(), 3u);
  for (const Read& record : records) EXPECT_EQ(record.topic, Topic::kInvoices) << record.error;
}

TEST_F(EventFileTest, AFieldThatIsThereTwiceIsRejectedByItsName) {
  for (const std::string fields :
       {R"("lines":[{"sku":"A"}],"lines":[{"sku":"A"}])", R"("order_id":"o","orderId":"o")",
        R"("bill_to":{"country":"SG"},"bill_to":{"country":"US"})"}) {
    const auto records =
        read_all(write("twice", R"({"invoice":{)" + fields + "}}\n"), EventFormat::kNdjson);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].reason, v1::REJECT_REASON_UNDECODABLE) << fields;
    EXPECT_THAT(records[0].error, HasSubstr(fields.substr(1, fields.find('"', 1) - 1)));
  }
}

TEST_F(EventFileTest, ANullInAListIsRejected) {
  const auto records =
      read_all(write("null", R"({"invoice":{"invoice_id":"i","lines":[{"sku":"A"},null]}})"),
               EventFormat::kNdjson);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].reason, v1::REJECT_REASON_UNDECODABLE);
  EXPECT_THAT(records[0].error, HasSubstr("lines[1]"));
}

TEST_F(EventFileTest, WhatIsWrongIsSaidInUtf8AndBriefly) {
  const std::string long_text(100'000, 'x');
  std::string lines;
  for (const std::string& value :
       {std::string("\"\xFF\""), "\"" + long_text, "\"" + long_text + "\"",
        std::string("\"\xC3\xA4\xC3\xA4\xC3\xA4\" \xFF"), "[\"" + long_text + "\"]"}) {
    lines += R"({"invoice":{"revision":)" + value + "}}\n";
    lines += R"({"invoice":{"type":)" + value + "}}\n";
  }
  const auto records = read_all(write("wrong", lines), EventFormat::kNdjson);
  ASSERT_EQ(records.size(), 10u);
  for (const Read& record : records) {
    EXPECT_EQ(record.topic, std::nullopt);
    EXPECT_TRUE(is_utf8(record.error));
    EXPECT_LE(record.error.size(), 256u);
  }
}

TEST_F(EventFileTest, ALineWithoutAnEndIsRejectedAndNotKept) {
  const std::string event = R"({"invoice":{"invoice_id":"a"}})";
  const std::string path = write("long", event + "\n{\"invoice\":\"");
  {
    std::ofstream file(path, std::ios::binary | std::ios::app);
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 70; ++i) file << block;
    file << "\"}\n" << event << "\n";
  }
  const auto records = read_all(path, EventFormat::kNdjson);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].topic, Topic::kInvoices);
  EXPECT_EQ(records[1].reason, v1::REJECT_REASON_TOO_LARGE);
  EXPECT_EQ(records[1].payload.size(), 64u);
  EXPECT_EQ(records[2].topic, Topic::kInvoices);
}

TEST_F(EventFileTest, ATruncatedBinaryFileGivesItsWholeRecordsAndSaysWhatIsLeft) {
  const std::string event = invoice("a").SerializeAsString();
  const std::string framed = static_cast<char>(event.size()) + event;
  const auto records = read_all(write("cut", framed + framed.substr(0, 5)), EventFormat::kBinpb);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].topic, Topic::kInvoices);
  EXPECT_EQ(records[1].topic, std::nullopt);
  EXPECT_EQ(records[1].reason, v1::REJECT_REASON_UNDECODABLE);
  EXPECT_THAT(records[1].error, HasSubstr("5 bytes"));
}

TEST_F(EventFileTest, ARecordMayBeLongerThanABlock) {
  const v1::Event small = invoice("small");
  v1::Event big = invoice("big");
  big.mutable_invoice()->set_original_invoice_id(std::string(5 << 20, 'x'));
  for (const EventFormat format : {EventFormat::kNdjson, EventFormat::kBinpb}) {
    const std::string path = directory_ / "big";
    auto writer = EventWriter::open(path, format);
    ASSERT_TRUE(writer.ok());
    for (const v1::Event& event : {small, big, big, small}) {
      ASSERT_TRUE((*writer)->write(event).ok());
    }
    ASSERT_TRUE((*writer)->close().ok());
    const auto records = read_all(path, format);
    ASSERT_EQ(records.size(), 4u);
    EXPECT_EQ(records[2].payload, big.invoice().SerializeAsString());
    EXPECT_EQ(records[3].payload, small.invoice().SerializeAsString());
  }
}

TEST_F(EventFileTest, AnEmptyFileHasNoEvents) {
  for (const EventFormat format : {EventFormat::kNdjson, EventFormat::kBinpb}) {
    EXPECT_TRUE(read_all(write("empty", ""), format).empty());
  }
}

TEST_F(EventFileTest, ALengthThatMakesNoSenseEndsTheFile) {
  const auto records = read_all(write("noise", std::string(100, '\xFF')), EventFormat::kBinpb);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].reason, v1::REJECT_REASON_UNDECODABLE);
}

TEST_F(EventFileTest, AnEventThatIsNotOneFieldIsReadAsProtobufReadsIt) {
  // Both kinds: the last one holds. Then an unknown field before the kind.
  const std::string both = invoice("a").SerializeAsString() + shipment("b").SerializeAsString();
  const std::string unknown = std::string("\x78\x01", 2) + invoice("c").SerializeAsString();
  const std::string bad = "\x0A\x7F";
  std::string bytes;
  for (const std::string& event : {both, unknown, bad, std::string()}) {
    bytes += static_cast<char>(event.size()) + event;
  }
  const auto records = read_all(write("odd", bytes), EventFormat::kBinpb);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].topic, Topic::kShipments);
  EXPECT_EQ(records[1].topic, Topic::kInvoices);
  EXPECT_EQ(records[2].reason, v1::REJECT_REASON_UNDECODABLE);
  EXPECT_EQ(records[3].reason, v1::REJECT_REASON_UNKNOWN_TYPE);
}

TEST_F(EventFileTest, AFileThatIsNotThereIsNamed) {
  const auto reader = EventReader::open(directory_ / "absent", EventFormat::kNdjson);
  EXPECT_TRUE(absl::IsNotFound(reader.status()));
  EXPECT_THAT(std::string(reader.status().message()), HasSubstr("absent"));
}

TEST(FormatOf, GoesByTheName) {
  EXPECT_EQ(format_of("a.binpb"), EventFormat::kBinpb);
  EXPECT_EQ(format_of("a.ndjson"), EventFormat::kNdjson);
  EXPECT_EQ(format_of("-"), EventFormat::kNdjson);
}

}  // namespace
}  // namespace surgewatch::files
