// Random events written as JSON in every way that the mapping allows, and lines damaged at random:
// EventTranscoder finds the event again, and agrees with protobuf's own parser.
#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "unit/json/transcode_oracle.h"

namespace surgewatch::property {
namespace {

namespace pb = google::protobuf;

class Writer {
 public:
  explicit Writer(unsigned seed) : random_(seed) {}

  v1::Event event() {
    v1::Event event;
    fill(chance(50) ? static_cast<pb::Message*>(event.mutable_invoice())
                    : event.mutable_shipment());
    return event;
  }

  std::string object(const pb::Message& message) {
    std::vector<std::string> members;
    std::vector<const pb::FieldDescriptor*> present;
    message.GetReflection()->ListFields(message, &present);
    for (const pb::FieldDescriptor* field : present) {
      members.push_back(name(field) + space() + ":" + value(message, field));
    }
    // Absent, and said to be; but nothing beside the kind that an event has.
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const pb::FieldDescriptor* field = message.GetDescriptor()->field(i);
      if (std::ranges::count(present, field) == 0 && chance(10)) {
        members.push_back(name(field) + ":null");
      }
    }
    while (chance(10)) members.push_back(text("x" + word()) + ":" + anything(3));
    if (chance(30)) std::ranges::shuffle(members, random_);
    return space() + "{" + joined(members) + "}" + space();
  }

  // Some bytes of the line become others, or are gone, or come twice.
  std::string damaged(std::string line) {
    constexpr std::string_view kBytes = "{}[]:,\"\\ 019.-+eEunltrfsZT\xC3\xA4\xFF\x01";
    for (std::int64_t i = pick(1, 3); i > 0 && !line.empty(); --i) {
      const auto at = static_cast<std::size_t>(pick(0, static_cast<int>(line.size()) - 1));
      const char byte = kBytes[static_cast<std::size_t>(pick(0, kBytes.size() - 1))];
      switch (pick(0, 3)) {
        case 0:
          line[at] = byte;
          break;
        case 1:
          line.insert(at, 1, byte);
          break;
        case 2:
          line.erase(at, static_cast<std::size_t>(pick(1, 20)));
          break;
        default:
          line.insert(at, line.substr(at, static_cast<std::size_t>(pick(1, 30))));
      }
    }
    return line;
  }

 private:
  std::int64_t pick(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  std::string space() {
    std::string text;
    while (chance(5)) text += " \t\r "[static_cast<std::size_t>(pick(0, 3))];
    return text;
  }
  std::string joined(const std::vector<std::string>& parts) {
    std::string all;
    for (const std::string& part : parts) all += (all.empty() ? "" : ",") + space() + part;
    return all + space();
  }

  std::int64_t integer() {
    switch (pick(0, 4)) {
      case 0:
        return pick(-1, 1);
      case 1:
        return pick(INT64_MIN, INT64_MAX);
      case 2:
        return std::vector<std::int64_t>{INT64_MIN, INT64_MAX, INT32_MIN,
                                         INT32_MAX}[static_cast<std::size_t>(pick(0, 3))];
      default:
        return pick(-1'000, 1'000'000) * (chance(50) ? 1 : 1'000);
    }
  }

  std::string word() {
    static const std::vector<std::string> kCharacters{
        "a",    "Z", "7", " ", "\"", "\\", "/", "\n", "\t",
        "\x01", "ä", "€", "😀", "{",  "}",  ",", ":",  std::string(1, '\0')};
    std::string text;
    for (std::int64_t length = chance(5) ? pick(0, 300) : pick(1, 12); length > 0; --length) {
      text += kCharacters[static_cast<std::size_t>(
          chance(60) ? pick(0, 2) : pick(0, static_cast<int>(kCharacters.size()) - 1))];
    }
    return text;
  }

  void fill(pb::Message* message) {
    if (auto* time = dynamic_cast<pb::Timestamp*>(message)) {
      time->set_seconds(pick(-62'135'596'800, 253'402'300'799));
      if (chance(50)) time->set_nanos(static_cast<int>(pick(0, 999'999'999)));
      return;
    }
    const pb::Reflection& reflection = *message->GetReflection();
    for (int i = 0; i < message->GetDescriptor()->field_count(); ++i) {
      const pb::FieldDescriptor* field = message->GetDescriptor()->field(i);
      if (chance(25)) continue;
      const std::int64_t count = field->is_repeated() ? pick(1, 3) : 1;
      for (std::int64_t n = 0; n < count; ++n) fill(message, reflection, field);
    }
  }
  void fill(pb::Message* message, const pb::Reflection& reflection,
            const pb::FieldDescriptor* field) {
    switch (field->cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_MESSAGE:
        return fill(field->is_repeated() ? reflection.AddMessage(message, field)
                                         : reflection.MutableMessage(message, field));
      case pb::FieldDescriptor::CPPTYPE_STRING:
        return field->is_repeated() ? reflection.AddString(message, field, word())
                                    : reflection.SetString(message, field, word());
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return reflection.SetInt32(message, field, static_cast<std::int32_t>(integer()));
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return reflection.SetInt64(message, field, integer());
      case pb::FieldDescriptor::CPPTYPE_ENUM:
        return reflection.SetEnumValue(message, field, static_cast<int>(pick(0, 9)));
      default:
        FAIL() << "a kind of field that this test does not know: " << field->full_name();
    }
  }

  std::string name(const pb::FieldDescriptor* field) {
    return text(chance(50) ? field->name() : field->json_name(), 2);
  }

  std::string text(const std::string& utf8, int percent_escaped = 20) {
    std::string json = "\"";
    for (std::size_t i = 0; i < utf8.size();) {
      std::size_t length = 1;
      while (i + length < utf8.size() && (utf8[i + length] & 0xC0) == 0x80) ++length;
      json += character(utf8.substr(i, length), chance(percent_escaped));
      i += length;
    }
    return json + "\"";
  }
  std::string character(const std::string& utf8, bool escaped) {
    const auto first = static_cast<unsigned char>(utf8[0]);
    if (!escaped && first >= ' ' && first != '"' && first != '\\') return utf8;
    if (utf8 == "ä") return chance(50) ? "\\u00e4" : "\\u00E4";
    if (utf8 == "€") return "\\u20ac";
    if (utf8 == "😀") return "\\ud83d\\uDE00";
    if (utf8 == "\n" && chance(50)) return "\\n";
    if ((first == '"' || first == '\\' || first == '/') && chance(50)) return "\\" + utf8;
    return fmt::format("\\u{:04x}", static_cast<unsigned>(first));
  }

  std::string number(std::int64_t value) {
    const std::string digits = std::to_string(value);
    const bool is_exact_as_double = value > -(1LL << 53) && value < (1LL << 53);
    switch (is_exact_as_double ? pick(0, 4) : pick(0, 1)) {
      case 0:
        return digits;
      case 1:
        return "\"" + digits + "\"";
      case 2:
        return digits + ".00";
      case 3:
        return digits + "e0";
      default:
        return value % 1'000 == 0 ? std::to_string(value / 1'000) + "E+3" : digits + "0e-1";
    }
  }

  std::string time(const pb::Timestamp& time) {
    std::int64_t offset = chance(50) ? pick(-23 * 60 - 59, 23 * 60 + 59) : 0;
    // The date that is written is one of the calendar's.
    const std::int64_t local = time.seconds() + offset * 60;
    if (local < -62'135'596'800 || local > 253'402'300'799) offset = 0;
    std::string json = format_seconds(time.seconds() + offset * 60);
    if (time.nanos() != 0 || chance(10)) json += fmt::format(".{:09}", time.nanos());
    while (json.ends_with("00") && json.find('.') != json.npos && chance(70)) json.pop_back();
    if (offset == 0 && chance(80)) return json + "Z";
    const std::int64_t minutes = std::abs(offset);
    return json + fmt::format("{}{:02}:{:02}", offset < 0 ? "-" : "+", minutes / 60, minutes % 60);
  }
  static std::string format_seconds(std::int64_t seconds) {
    return format_time(seconds * kMicrosPerSecond).substr(0, 19);
  }

  std::string value(const pb::Message& message, const pb::FieldDescriptor* field) {
    if (!field->is_repeated()) return space() + one(message, field, -1) + space();
    std::vector<std::string> values;
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      values.push_back(one(message, field, i));
    }
    if (values.size() == 1 && chance(10)) return values[0];
    return "[" + joined(values) + "]";
  }
  std::string one(const pb::Message& message, const pb::FieldDescriptor* field, int index) {
    const pb::Reflection& reflection = *message.GetReflection();
    switch (field->cpp_type()) {
      case pb::FieldDescriptor::CPPTYPE_MESSAGE: {
        const pb::Message& inner = index < 0 ? reflection.GetMessage(message, field)
                                             : reflection.GetRepeatedMessage(message, field, index);
        const auto* timestamp = dynamic_cast<const pb::Timestamp*>(&inner);
        return timestamp != nullptr && chance(95) ? text(time(*timestamp), 3) : object(inner);
      }
      case pb::FieldDescriptor::CPPTYPE_STRING:
        return text(index < 0 ? reflection.GetString(message, field)
                              : reflection.GetRepeatedString(message, field, index));
      case pb::FieldDescriptor::CPPTYPE_INT32:
        return number(reflection.GetInt32(message, field));
      case pb::FieldDescriptor::CPPTYPE_INT64:
        return number(reflection.GetInt64(message, field));
      default: {
        const int given = reflection.GetEnumValue(message, field);
        const pb::EnumValueDescriptor* known = field->enum_type()->FindValueByNumber(given);
        if (known == nullptr) return std::to_string(given);
        return chance(70) ? text(known->name(), 2) : number(given);
      }
    }
  }

  std::string anything(int depth) {
    switch (pick(depth > 0 ? 0 : 2, 6)) {
      case 0: {
        std::vector<std::string> members;
        while (chance(50)) members.push_back(text(word()) + ":" + anything(depth - 1));
        return "{" + joined(members) + "}";
      }
      case 1: {
        std::vector<std::string> values;
        while (chance(50)) values.push_back(anything(depth - 1));
        return "[" + joined(values) + "]";
      }
      case 2:
        return text(word());
      case 3:
        return number(integer());
      case 4:
        return "-1.5e-7";
      case 5:
        return "null";
      default:
        return chance(50) ? "true" : "false";
    }
  }

  std::mt19937 random_;
};

TEST(TranscodeProperty, AnEventWrittenInAnyWayIsReadAndDamageIsFoundAsProtobufFindsIt) {
  pb::SetLogHandler(nullptr);
  json::EventTranscoder transcoder;
  int still_read = 0;
  constexpr int kEvents = 10'000, kDamagedOfEach = 4;
  for (unsigned seed = 0; seed < kEvents; ++seed) {
    Writer writer(seed);
    const v1::Event event = writer.event();
    const std::string line = writer.object(event);
    observe::Rejection rejection;
    const auto read = json::transcoded(&transcoder, line, &rejection);
    ASSERT_TRUE(read) << seed << "\n" << line << "\n" << rejection.detail;
    ASSERT_TRUE(pb::util::MessageDifferencer::Equals(*read, event)) << seed << "\n"
                                                                    << line << "\n"
                                                                    << read->ShortDebugString();
    ASSERT_EQ(json::transcode_difference(&transcoder, line), "") << seed << "\n" << line;
    for (int i = 0; i < kDamagedOfEach; ++i) {
      const std::string damaged = writer.damaged(line);
      ASSERT_EQ(json::transcode_difference(&transcoder, damaged), "") << seed << "\n" << damaged;
      still_read += json::transcoded(&transcoder, damaged, &rejection) ? 1 : 0;
    }
  }
  // Both answers were asked for.
  EXPECT_GT(still_read, kEvents * kDamagedOfEach / 20);
  EXPECT_LT(still_read, kEvents * kDamagedOfEach / 2);
}

}  // namespace
}  // namespace surgewatch::property
