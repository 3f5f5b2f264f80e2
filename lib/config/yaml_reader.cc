#include "config/yaml_reader.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "base/check.h"
#include "base/numbers.h"
#include "config/text.h"

namespace surgewatch::config {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

Position position_of(const YAML::Mark& mark) {
  return mark.is_null() ? Position{} : Position{mark.line + 1, mark.column + 1};
}
Position position_of(const YAML::Node& node) { return position_of(node.Mark()); }

// Plain scalars carry the tag `?`, quoted ones `!`.
bool is_quoted(const YAML::Node& node) { return node.Tag() == "!"; }

std::string_view kind_of(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map:
      return "a mapping";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return is_quoted(node) ? "quoted text" : "a single value";
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      break;
  }
  return "nothing";
}

std::string join(const std::string& parent, std::string_view name) {
  return parent.empty() ? std::string(name) : fmt::format("{}.{}", parent, name);
}

std::vector<std::string> field_names(const pb::Descriptor& type) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(type.field_count()));
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

// Sees where documents start, and nothing else.
class DocumentStarts : public YAML::EventHandler {
 public:
  std::vector<Position> starts;

  void OnDocumentStart(const YAML::Mark& mark) override { starts.push_back(position_of(mark)); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Where the text goes on behind its first document, if it does. YAML::LoadAll is no help: at a
// stray comma, yaml-cpp 0.7 reads empty documents without end.
std::optional<Position> second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStarts documents;
  while (documents.starts.size() < 2 && parser.HandleNextDocument(documents)) {
  }
  if (documents.starts.size() < 2) return std::nullopt;
  return documents.starts[1];
}

class TooManyNodes : public std::runtime_error {
 public:
  explicit TooManyNodes(Position where) : std::runtime_error("too many values"), at(where) {}
  Position at;
};

class Walker {
 public:
  Walker(const std::string& file, Positions* positions, Problems* problems)
      : file_(file), positions_(*positions), problems_(*problems) {}

  void read_message(const YAML::Node& node, const std::string& path, pb::Message* message) {
    count(node);
    // `rules:` with everything below commented out is an empty section.
    if (node.IsNull()) return;
    // A message that only wraps a list, since protobuf has no lists of lists, is written as it.
    const pb::Descriptor& type = *message->GetDescriptor();
    if (node.IsSequence() && type.field_count() == 1 && type.field(0)->is_repeated()) {
      return read_list(node, path, *type.field(0), message);
    }
    if (!node.IsMap()) {
      mistyped(node, path, path.empty() ? "a mapping of sections" : "a mapping of keys");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const YAML::Node& key = entry.first;
      if (!take_key(key, path, &seen)) continue;
      const Field* field = message->GetDescriptor()->FindFieldByName(key.Scalar());
      if (field == nullptr) {
        unknown_key(key, path, *message->GetDescriptor());
        continue;
      }
      const std::string field_path = join(path, field->name());
      positions_.record(field_path, position_of(key), place_of_value(key, entry.second));
      read_field(entry.second, field_path, *field, message);
    }
  }

 private:
  void count(const YAML::Node& node) {
    if (++nodes_ > kMaxNodes) throw TooManyNodes(position_of(node));
  }

  // A value that is not there has no place of its own.
  static Position place_of_value(const YAML::Node& key, const YAML::Node& value) {
    return value.IsNull() ? position_of(key) : position_of(value);
  }

  bool take_key(const YAML::Node& key, const std::string& path, std::set<std::string>* seen) {
    count(key);
    if (!key.IsScalar()) {
      mistyped(key, path, "keys that are single words");
      return false;
    }
    if (!seen->insert(key.Scalar()).second) {
      problem(key, path, "duplicate key {}; give it once", join(path, key.Scalar()));
      return false;
    }
    return true;
  }

  void unknown_key(const YAML::Node& key, const std::string& path, const pb::Descriptor& type) {
    const std::string& name = key.Scalar();
    if (name == "<<") {
      problem(key, path, "merge keys (<<) are not supported; use an alias for a whole value");
      return;
    }
    problem(key, path, "unknown key {}{}", join(path, name),
            suggestion(name, field_names(type), "known here:"));
  }

  void read_field(const YAML::Node& node, const std::string& path, const Field& field,
                  pb::Message* message) {
    if (field.is_map()) {
      read_map(node, path, field, message);
    } else if (field.is_repeated()) {
      read_list(node, path, field, message);
    } else if (field.cpp_type() == Field::CPPTYPE_MESSAGE) {
      read_message(node, path, message->GetReflection()->MutableMessage(message, &field));
    } else {
      read_scalar(node, path, field, message);
    }
  }

  void read_list(const YAML::Node& node, const std::string& path, const Field& field,
                 pb::Message* message) {
    count(node);
    if (node.IsNull()) return;
    if (!node.IsSequence()) {
      mistyped(node, path, "a list, such as [a, b]");
      return;
    }
    std::size_t index = 0;
    for (const YAML::Node& element : node) {
      const std::string element_path = fmt::format("{}[{}]", path, index++);
      positions_.record(element_path, position_of(element), position_of(element));
      if (field.cpp_type() == Field::CPPTYPE_MESSAGE) {
        if (element.IsNull()) mistyped(element, element_path, "a mapping of keys");
        read_message(element, element_path, message->GetReflection()->AddMessage(message, &field));
      } else {
        read_scalar(element, element_path, field, message);
      }
    }
  }

  // The schema's maps are from text to text.
  void read_map(const YAML::Node& node, const std::string& path, const Field& field,
                pb::Message* message) {
    count(node);
    if (node.IsNull()) return;
    if (!node.IsMap()) {
      mistyped(node, path, "a mapping of keys to text");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      if (!take_key(entry.first, path, &seen)) continue;
      const std::string entry_path = join(path, entry.first.Scalar());
      positions_.record(entry_path, position_of(entry.first),
                        place_of_value(entry.first, entry.second));
      count(entry.second);
      if (!entry.second.IsScalar()) {
        mistyped(entry.second, entry_path, "text", position_of(entry.first));
        continue;
      }
      pb::Message* pair = message->GetReflection()->AddMessage(message, &field);
      const pb::Descriptor& type = *field.message_type();
      pair->GetReflection()->SetString(pair, type.map_key(), entry.first.Scalar());
      pair->GetReflection()->SetString(pair, type.map_value(), entry.second.Scalar());
    }
  }

  void read_scalar(const YAML::Node& node, const std::string& path, const Field& field,
                   pb::Message* message) {
    count(node);
    switch (field.cpp_type()) {
      case Field::CPPTYPE_STRING:
        return read_text(node, path, field, message);
      case Field::CPPTYPE_INT32:
        return read_integer(node, path, field, message, std::numeric_limits<std::int32_t>::min(),
                            std::numeric_limits<std::int32_t>::max());
      case Field::CPPTYPE_INT64:
        return read_integer(node, path, field, message, std::numeric_limits<std::int64_t>::min(),
                            std::numeric_limits<std::int64_t>::max());
      case Field::CPPTYPE_DOUBLE:
        return read_double(node, path, field, message);
      case Field::CPPTYPE_BOOL:
        return read_bool(node, path, field, message);
      default:
        // A field of the schema has a type that this reader does not know yet.
        SW_CHECK(field.cpp_type() == Field::CPPTYPE_STRING);
    }
  }

  void read_text(const YAML::Node& node, const std::string& path, const Field& field,
                 pb::Message* message) {
    if (!node.IsScalar()) return mistyped(node, path, "text", positions_.key(path));
    const pb::Reflection& reflection = *message->GetReflection();
    if (field.is_repeated()) {
      reflection.AddString(message, &field, node.Scalar());
    } else {
      reflection.SetString(message, &field, node.Scalar());
    }
  }

  void read_integer(const YAML::Node& node, const std::string& path, const Field& field,
                    pb::Message* message, std::int64_t low, std::int64_t high) {
    const auto value = plain(node) ? parse_int64(node.Scalar()) : std::nullopt;
    if (!value || *value < low || *value > high) {
      return mistyped(node, path, "a whole number", positions_.key(path));
    }
    const pb::Reflection& reflection = *message->GetReflection();
    if (field.cpp_type() == Field::CPPTYPE_INT32) {
      const auto small = static_cast<std::int32_t>(*value);
      field.is_repeated() ? reflection.AddInt32(message, &field, small)
                          : reflection.SetInt32(message, &field, small);
    } else {
      SW_CHECK(!field.is_repeated());
      reflection.SetInt64(message, &field, *value);
    }
  }

  void read_double(const YAML::Node& node, const std::string& path, const Field& field,
                   pb::Message* message) {
    const auto value = plain(node) ? parse_finite(node.Scalar()) : std::nullopt;
    if (!value) return mistyped(node, path, "a number", positions_.key(path));
    SW_CHECK(!field.is_repeated());
    message->GetReflection()->SetDouble(message, &field, *value);
  }

  void read_bool(const YAML::Node& node, const std::string& path, const Field& field,
                 pb::Message* message) {
    if (!plain(node) || (node.Scalar() != "true" && node.Scalar() != "false")) {
      return mistyped(node, path, "true or false", positions_.key(path));
    }
    SW_CHECK(!field.is_repeated());
    message->GetReflection()->SetBool(message, &field, node.Scalar() == "true");
  }

  static bool plain(const YAML::Node& node) { return node.IsScalar() && !is_quoted(node); }

  // `place_if_absent`: where to point if there is no value at all.
  void mistyped(const YAML::Node& node, const std::string& path, std::string_view expected,
                std::optional<Position> place_if_absent = std::nullopt) {
    constexpr std::size_t kMostToQuote = 40;
    const bool quote = plain(node) && node.Scalar().size() <= kMostToQuote;
    const std::string found =
        quote ? fmt::format("'{}'", node.Scalar()) : std::string(kind_of(node));
    const Position at = node.IsNull() && place_if_absent ? *place_if_absent : position_of(node);
    damage_around(path);
    problems_.add(file_, at, "{}{}expected {}, found {}", path, path.empty() ? "" : ": ", expected,
                  found);
  }

  template <typename... Args>
  void problem(const YAML::Node& node, const std::string& path, fmt::format_string<Args...> format,
               Args&&... args) {
    positions_.mark_damaged(path);
    problems_.add(file_, position_of(node), format, std::forward<Args>(args)...);
  }

  // The field itself and the message that holds it.
  void damage_around(const std::string& path) {
    positions_.mark_damaged(path);
    const std::size_t dot = path.rfind('.');
    positions_.mark_damaged(dot == std::string::npos ? std::string{} : path.substr(0, dot));
  }

  const std::string& file_;
  Positions& positions_;
  Problems& problems_;
  std::size_t nodes_ = 0;
};

}  // namespace

const Positions::Place* Positions::nearest_place(std::string path) const {
  while (true) {
    if (const auto found = places_.find(path); found != places_.end()) return &found->second;
    const std::size_t cut = path.find_last_of(".[");
    if (cut == std::string::npos) return nullptr;
    path.resize(cut);
  }
}

Position Positions::value(const std::string& path) const {
  const Place* place = nearest_place(path);
  return place == nullptr ? Position{} : place->value;
}

Position Positions::key(const std::string& path) const {
  const Place* place = nearest_place(path);
  return place == nullptr ? Position{} : place->key;
}

bool read_yaml(std::string_view yaml, const std::string& file, pb::Message* message,
               Positions* positions, Problems* problems) {
  if (const auto at = first_invalid_utf8(yaml)) {
    problems->add(file, *at, "not UTF-8 text; save the file as UTF-8");
    return false;
  }
  try {
    const std::string text(yaml);
    if (const auto at = second_document(text)) {
      problems->add(file, *at,
                    "a second YAML document starts here; a configuration is one document");
      return false;
    }
    Walker(file, positions, problems).read_message(YAML::Load(text), "", message);
    return true;
  } catch (const TooManyNodes& error) {
    problems->add(file, error.at, "more than {} values, aliases expanded", kMaxNodes);
  } catch (const YAML::Exception& error) {
    problems->add(file, position_of(error.mark), "not YAML: {}", error.msg);
  }
  return false;
}

}  // namespace surgewatch::config
