#include "common/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

namespace surgewatch::services {
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
  const std::string path = directory_ / "big.binpb";
  auto writer = EventWriter::open(path, EventFormat::kBinpb);
  ASSERT_TRUE(writer.ok());
  for (const v1::Event& event : {small, big, big, small}) ASSERT_TRUE((*writer)->write(event).ok());
  ASSERT_TRUE((*writer)->close().ok());
  const auto records = read_all(path, EventFormat::kBinpb);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[2].payload, big.invoice().SerializeAsString());
  EXPECT_EQ(records[3].payload, small.invoice().SerializeAsString());
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
}  // namespace surgewatch::services
