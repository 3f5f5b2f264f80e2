#include "json/event_transcoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/printable.h"
#include "base/utf8.h"
#include "json/message_table.h"
#include "json/scalars.h"
#include "json/wire_writer.h"
#include "observe/wire.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::json {
namespace {

namespace ondemand = simdjson::ondemand;

static_assert(EventTranscoder::kPadding >= simdjson::SIMDJSON_PADDING);

// Longest piece of a producer's text that a message repeats.
constexpr std::size_t kMaxQuoted = 64;

// More than any line of so many bytes becomes: the shortest field of a list takes two of them
// ("0,") and becomes a tag of five bytes and a number of ten; a time takes 18 and becomes 23.
constexpr std::size_t wire_room(std::size_t line_bytes) { return 8 * line_bytes + 64; }

constexpr std::uint32_t kSecondsTag =
    observe::wire_tag(google::protobuf::Timestamp::kSecondsFieldNumber, observe::WireType::kVarint);
constexpr std::uint32_t kNanosTag =
    observe::wire_tag(google::protobuf::Timestamp::kNanosFieldNumber, observe::WireType::kVarint);

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The first token of a value, which stays unread: a whole scalar, or how a list or object begins.
std::string_view token_of(ondemand::value& value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() && is_space(token.back())) token.remove_suffix(1);
  return token;
}

}  // namespace

// Functions that read answer false once rejection_ says why.
class EventTranscoder::Parser {
 public:
  Parser()
      : event_(MessageTable::of(v1::Event::descriptor())),
        types_{MessageTable::of(v1::Invoice::descriptor()).find("type", 0),
               MessageTable::of(v1::Shipment::descriptor()).find("type", 0)} {
    for (const Field* type : types_) SW_CHECK(type != nullptr && type->kind == Kind::kEnum);
  }

  bool is_large() const { return parser_.capacity() > 2 * kUsualLine; }
  bool transcode(std::string_view line, Event* event, observe::Rejection* rejection);

 private:
  bool read_event(std::string_view line, Event* event);
  bool read_kind(const Field& kind, ondemand::value value, std::optional<Topic>* topic);
  bool read_message(ondemand::object object, const MessageTable& table, int nesting);
  bool read_field(const Field& field, ondemand::value value, int nesting);
  bool read_list(const Field& field, ondemand::array list, int nesting);
  bool read_scalar(const Field& field, std::string_view token, ondemand::value& value);
  bool read_integer(const Field& field, std::string_view token, ondemand::value& value);
  bool write_integer(const Field& field, std::optional<std::int64_t> number, std::string_view text);
  bool read_text(const Field& field, std::string_view text);
  bool read_enum_name(const Field& field, std::string_view name);
  bool pass_over(ondemand::value value, int nesting);
  bool check_unused_scalar(std::string_view token, ondemand::value& value);

  // What a field is called, and which one it is: null if it is none of the table's.
  bool read_name(ondemand::field& field, const MessageTable& table, std::uint32_t expected,
                 const Field** found);
  bool read_string(std::string_view token, ondemand::value& value, std::string_view* text);
  bool check_pairs(std::string_view unescaped);

  template <typename... Args>
  [[gnu::cold, gnu::noinline]] bool reject(fmt::format_string<Args...> format, Args&&... args) {
    rejection_->reason = v1::REJECT_REASON_UNDECODABLE;
    rejection_->detail = fmt::format(format, std::forward<Args>(args)...);
    return false;
  }
  [[gnu::cold, gnu::noinline]] bool malformed(simdjson::error_code error) {
    return reject("not JSON: {}", simdjson::error_message(error));
  }
  // The way to what is wrong grows from its end.
  [[gnu::cold, gnu::noinline]] bool within(std::string_view name) {
    const bool goes_on = !way_.empty() && !way_.starts_with('[');
    way_ = fmt::format("{}{}{}", name, goes_on ? "." : "", way_);
    return false;
  }
  void put_way_before_detail();

  const MessageTable& event_;
  const std::array<const Field*, 2> types_;  // the documents', whose names must be known
  ondemand::parser parser_;
  std::unique_ptr<char[]> memory_;  // of the payload; what of it is not written takes no room
  std::size_t memory_bytes_ = 0;
  WireWriter wire_{nullptr};
  const char* end_ = nullptr;  // of the line
  observe::Rejection* rejection_ = nullptr;
  std::string way_;           // to the field that is wrong: invoice.lines[1].sku
  std::string unknown_type_;  // says so, if the document's type has no such name
};

EventTranscoder::EventTranscoder() : parser_(std::make_unique<Parser>()) {}
EventTranscoder::~EventTranscoder() = default;

bool EventTranscoder::transcode(std::string_view line, Event* event,
                                observe::Rejection* rejection) {
  if (parser_->is_large() && line.size() <= kUsualLine) parser_ = std::make_unique<Parser>();
  return parser_->transcode(line, event, rejection);
}

bool EventTranscoder::Parser::transcode(std::string_view line, Event* event,
                                        observe::Rejection* rejection) {
  rejection_ = rejection;
  way_.clear();
  unknown_type_.clear();
  end_ = line.data() + line.size();
  if (memory_bytes_ < wire_room(line.size())) {
    memory_bytes_ = wire_room(2 * line.size());
    memory_ = std::make_unique_for_overwrite<char[]>(memory_bytes_);
  }
  wire_ = WireWriter(memory_.get());
  if (!read_event(line, event)) {
    put_way_before_detail();
    return false;
  }
  if (!unknown_type_.empty()) {
    rejection->reason = v1::REJECT_REASON_UNKNOWN_TYPE;
    rejection->detail = unknown_type_;
    return false;
  }
  event->payload = wire_.written();
  return true;
}

void EventTranscoder::Parser::put_way_before_detail() {
  constexpr std::size_t kMaxWay = kMaxDetail / 2;
  std::string& detail = rejection_->detail;
  if (!way_.empty()) {
    const bool is_whole = way_.size() <= kMaxWay;
    detail = fmt::format("{}{}: {}", utf8_prefix(way_, kMaxWay), is_whole ? "" : "…", detail);
  }
  detail = printable_line(detail, kMaxDetail);
}

bool EventTranscoder::Parser::read_event(std::string_view line, Event* event) {
  if (line.starts_with("\xEF\xBB\xBF")) {
    return reject("not JSON: it begins with a byte order mark");  // newer simdjson passes over it
  }
  if (parser_.capacity() < line.size()) {
    const auto error = parser_.allocate(std::max<std::size_t>(2 * line.size(), 4'096));
    if (error) return malformed(error);
  }
  ondemand::document document;
  if (const auto error =
          parser_.iterate(line.data(), line.size(), line.size() + kPadding).get(document)) {
    return malformed(error);
  }
  ondemand::object object;
  if (const auto error = document.get_object().get(object)) {
    return error == simdjson::INCORRECT_TYPE ? reject("not an object") : malformed(error);
  }
  std::optional<Topic> topic;
  std::uint64_t seen = 0;
  for (auto item : object) {
    ondemand::field field;
    if (const auto error = std::move(item).get(field)) return malformed(error);
    const Field* known = nullptr;
    if (!read_name(field, event_, 0, &known)) return false;
    if (known == nullptr) {
      if (!pass_over(field.value(), 2)) return false;
      continue;
    }
    const std::uint64_t bit = std::uint64_t{1} << known->index;
    if ((seen & bit) != 0) return reject("the field is there twice") || within(known->name);
    seen |= bit;
    if (!read_kind(*known, field.value(), &topic)) return false;
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return reject("not JSON: something follows the event");
  }
  if (!topic) {
    rejection_->reason = v1::REJECT_REASON_UNKNOWN_TYPE;
    rejection_->detail = "the event is neither an invoice nor a shipment";
    return false;
  }
  event->topic = *topic;
  return true;
}

bool EventTranscoder::Parser::read_kind(const Field& kind, ondemand::value value,
                                        std::optional<Topic>* topic) {
  const std::string_view token = token_of(value);
  if (token == "null") return true;
  if (*topic) return reject("the event is of both kinds, an invoice and a shipment");
  ondemand::object object;
  if (!token.starts_with('{') || value.get_object().get(object)) {
    return reject("not an object") || within(kind.name);
  }
  const bool is_invoice = kind.number == v1::Event::kInvoiceFieldNumber;
  *topic = is_invoice ? Topic::kInvoices : Topic::kShipments;
  return read_message(object, *kind.table, 2) || within(kind.name);
}

bool EventTranscoder::Parser::read_message(ondemand::object object, const MessageTable& table,
                                           int nesting) {
  std::uint64_t seen = 0;
  std::uint32_t expected = 0;
  for (auto item : object) {
    ondemand::field field;
    if (const auto error = std::move(item).get(field)) return malformed(error);
    const Field* known = nullptr;
    if (!read_name(field, table, expected, &known)) return false;
    if (known == nullptr) {
      if (!pass_over(field.value(), nesting + 1)) return false;
      continue;
    }
    const std::uint64_t bit = std::uint64_t{1} << known->index;
    if ((seen & bit) != 0) return reject("the field is there twice") || within(known->name);
    seen |= bit;
    expected = known->index + 1;
    if (!read_field(*known, field.value(), nesting)) return within(known->name);
  }
  return true;
}

bool EventTranscoder::Parser::read_name(ondemand::field& field, const MessageTable& table,
                                        std::uint32_t expected, const Field** found) {
  const char* const raw = field.key().raw();
  const void* const quote = std::memchr(raw, '"', static_cast<std::size_t>(end_ - raw));
  const std::string_view name(
      raw,
      static_cast<std::size_t>((quote == nullptr ? end_ : static_cast<const char*>(quote)) - raw));
  *found = table.find(name, expected);
  if (*found != nullptr) return true;
  if (name.empty()) return reject("a field has no name");
  if (name.find('\\') == std::string_view::npos) return true;
  std::string_view unescaped;
  if (const auto error = field.unescaped_key().get(unescaped)) return malformed(error);
  if (!check_pairs(unescaped)) return false;
  *found = table.find(unescaped, expected);
  return true;
}

// One value of the field: all of it, or one of its list.
bool EventTranscoder::Parser::read_field(const Field& field, ondemand::value value, int nesting) {
  const std::string_view token = token_of(value);
  switch (token.empty() ? '\0' : token.front()) {
    case '{': {
      if (field.table == nullptr) return reject("not an object");
      if (nesting >= kMaxNesting) return reject("nested more than {} deep", kMaxNesting);
      ondemand::object object;
      if (const auto error = value.get_object().get(object)) return malformed(error);
      char* const content = wire_.begin_message(field.tag);
      if (!read_message(object, *field.table, nesting + 1)) return false;
      wire_.end_message(content);
      return true;
    }
    case '[': {
      if (!field.is_repeated) return reject("not a list");
      if (nesting >= kMaxNesting) return reject("nested more than {} deep", kMaxNesting);
      ondemand::array list;
      if (const auto error = value.get_array().get(list)) return malformed(error);
      return read_list(field, list, nesting + 1);
    }
    case 'n':
      return token == "null" || malformed(simdjson::N_ATOM_ERROR);
    default:
      return read_scalar(field, token, value);
  }
}

bool EventTranscoder::Parser::read_list(const Field& field, ondemand::array list, int nesting) {
  std::size_t index = 0;
  for (auto&& item : list) {
    ondemand::value value;
    if (const auto error = std::forward<decltype(item)>(item).get(value)) return malformed(error);
    const bool is_null = token_of(value) == "null";
    if (is_null) reject("null in a list");
    if (is_null || !read_field(field, value, nesting)) return within(fmt::format("[{}]", index));
    ++index;
  }
  return true;
}

bool EventTranscoder::Parser::read_scalar(const Field& field, std::string_view token,
                                          ondemand::value& value) {
  if (token.starts_with('"')) {
    std::string_view text;
    return read_string(token, value, &text) && read_text(field, text);
  }
  if (field.kind == Kind::kInt32 || field.kind == Kind::kInt64 || field.kind == Kind::kEnum) {
    return read_integer(field, token, value);
  }
  return check_unused_scalar(token, value) && reject("a number, or true or false");
}

bool EventTranscoder::Parser::read_integer(const Field& field, std::string_view token,
                                           ondemand::value& value) {
  std::optional<std::int64_t> number = integer_of_number(token);
  if (!number) {
    double real = 0;
    if (const auto error = value.get_double().get(real)) return malformed(error);
    number = integer_of_double(real);
  }
  return write_integer(field, number, token);
}

bool EventTranscoder::Parser::write_integer(const Field& field, std::optional<std::int64_t> number,
                                            std::string_view text) {
  using Narrow = std::numeric_limits<std::int32_t>;
  const bool is_narrow = field.kind != Kind::kInt64;
  if (!number || (is_narrow && (*number < Narrow::min() || *number > Narrow::max()))) {
    return reject("'{}' is no integer of {} bits", printable(text, kMaxQuoted),
                  is_narrow ? 32 : 64);
  }
  if (*number != 0 || field.has_presence || field.is_repeated) wire_.integer(field.tag, *number);
  return true;
}

bool EventTranscoder::Parser::read_text(const Field& field, std::string_view text) {
  switch (field.kind) {
    case Kind::kString:
      if (!text.empty() || field.has_presence || field.is_repeated) wire_.string(field.tag, text);
      return true;
    case Kind::kInt32:
    case Kind::kInt64:
      return write_integer(field, integer_of_text(text), text);
    case Kind::kEnum:
      return read_enum_name(field, text);
    case Kind::kTimestamp: {
      const std::optional<Time> time = time_of_text(text);
      if (!time) {
        return reject("'{}' is no time like 2024-01-10T12:00:00Z", printable(text, kMaxQuoted));
      }
      char* const content = wire_.begin_message(field.tag);
      if (time->seconds != 0) wire_.integer(kSecondsTag, time->seconds);
      if (time->nanos != 0) wire_.integer(kNanosTag, time->nanos);
      wire_.end_message(content);
      return true;
    }
    case Kind::kMessage:
      break;
  }
  return reject("not text");
}

bool EventTranscoder::Parser::read_enum_name(const Field& field, std::string_view name) {
  for (const EnumValue& value : field.values) {
    if (value.name == name) return write_integer(field, value.number, name);
  }
  const std::optional<std::int64_t> number = integer_of_text(name);
  for (const EnumValue& value : field.values) {
    if (value.number == number) return write_integer(field, number, name);
  }
  if (std::ranges::count(types_, &field) > 0) {
    unknown_type_ = fmt::format("{} is '{}', a name that is not known", field.name,
                                printable(name, kMaxQuoted));
  }
  return true;
}

bool EventTranscoder::Parser::pass_over(ondemand::value value, int nesting) {
  const std::string_view token = token_of(value);
  const char first = token.empty() ? '\0' : token.front();
  if ((first == '{' || first == '[') && nesting > kMaxNesting) {
    return reject("nested more than {} deep", kMaxNesting);
  }
  if (first == '{') {
    ondemand::object object;
    if (const auto error = value.get_object().get(object)) return malformed(error);
    for (auto item : object) {
      ondemand::field field;
      if (const auto error = std::move(item).get(field)) return malformed(error);
      std::string_view name;
      if (const auto error = field.unescaped_key().get(name)) return malformed(error);
      if (!check_pairs(name) || !pass_over(field.value(), nesting + 1)) return false;
    }
    return true;
  }
  if (first == '[') {
    ondemand::array list;
    if (const auto error = value.get_array().get(list)) return malformed(error);
    for (auto&& item : list) {
      ondemand::value element;
      if (const auto error = std::forward<decltype(item)>(item).get(element)) {
        return malformed(error);
      }
      if (!pass_over(element, nesting + 1)) return false;
    }
    return true;
  }
  return check_unused_scalar(token, value);
}

bool EventTranscoder::Parser::check_unused_scalar(std::string_view token, ondemand::value& value) {
  if (token == "null" || token == "true" || token == "false") return true;
  if (token.starts_with('"')) {
    std::string_view text;
    return read_string(token, value, &text);
  }
  double number = 0;
  const auto error = value.get_double().get(number);
  return !error || malformed(error);
}

// Control characters and what isn't UTF-8 have been found by simdjson's first pass.
bool EventTranscoder::Parser::read_string(std::string_view token, ondemand::value& value,
                                          std::string_view* text) {
  if (token.size() < 2 || token.back() != '"') return malformed(simdjson::STRING_ERROR);
  *text = token.substr(1, token.size() - 2);
  if (std::memchr(text->data(), '\\', text->size()) != nullptr) {
    const auto error = value.get_string().get(*text);
    return error ? malformed(error) : check_pairs(*text);
  }
  // Passed over: a string that is left where it is may be taken for a name.
  ondemand::raw_json_string raw;
  const auto error = value.get_raw_json_string().get(raw);
  return !error || malformed(error);
}

bool EventTranscoder::Parser::check_pairs(std::string_view unescaped) {
  return simdjson::validate_utf8(unescaped.data(), unescaped.size()) ||
         reject("not JSON: half of a surrogate pair");
}

}  // namespace surgewatch::json
