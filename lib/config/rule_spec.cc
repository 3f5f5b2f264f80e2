#include "config/rule_spec.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "base/numbers.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::config {
namespace {

std::string grouped(std::int64_t value) { return with_commas(fmt::format("{}", value)); }

struct RangeText {
  template <typename Into>
  std::string operator()(const WholeNumberOf<Into>& number) const {
    return fmt::format("{} to {}", grouped(number.range.low), grouped(number.range.high));
  }
  template <typename Into>
  std::string operator()(const NumberOf<Into>& number) const {
    return fmt::format("{} to {}", number.range.low, number.range.high);
  }
  template <typename Into>
  std::string operator()(const WordOf<Into>& word) const {
    return fmt::format("{}", fmt::join(word.words, ", "));
  }
  std::string operator()(const Structure& structure) const { return std::string(structure.shape); }
};

}  // namespace

std::string Parameter::range() const { return std::visit(RangeText{}, kind); }

const Parameter* RuleSpec::parameter(std::string_view of) const {
  const auto found = std::ranges::find(parameters, of, &Parameter::name);
  return found == parameters.end() ? nullptr : &*found;
}

bool RuleSpec::uses_figure(std::string_view of) const {
  return std::ranges::find(figures, of, &FigureUse::name) != figures.end();
}

std::vector<std::string> rule_type_names_of_schema() {
  constexpr std::string_view kPrefix = "RULE_TYPE_";
  std::vector<std::string> names;
  const google::protobuf::EnumDescriptor& type = *v1::RuleType_descriptor();
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() == v1::RULE_TYPE_UNSPECIFIED) continue;
    std::string name = type.value(i)->name().substr(kPrefix.size());
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace surgewatch::config
