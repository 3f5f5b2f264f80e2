// The semantic checks: from what YAML said to config.h, field by field. Each check goes on as far
// as it can, so that one run names everything that is wrong.
//
// A path such as `rules[0].window` names a field here as in messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/problems.h"
#include "config/text.h"
#include "config/yaml_reader.h"
#include "surgewatch/v1/config.pb.h"

namespace surgewatch::config {

inline constexpr std::size_t kMaxNameBytes = 64;
// Of durations that have no limit of their own.
inline constexpr Micros kLongest = 10'000 * kMicrosPerDay;

// What a check works on: what was said, where, and where problems go.
struct Checker {
  const std::string& file;
  const Positions& positions;
  Problems& problems;

  // At the value of the field.
  template <typename... Args>
  void problem(const std::string& path, fmt::format_string<Args...> format, Args&&... args) const {
    problems.add(file, positions.value(path), "{}: {}", path,
                 fmt::format(format, std::forward<Args>(args)...));
  }
  // At its key: for a field that should not be there.
  template <typename... Args>
  void problem_at_key(const std::string& path, fmt::format_string<Args...> format,
                      Args&&... args) const {
    problems.add(file, positions.key(path), "{}: {}", path,
                 fmt::format(format, std::forward<Args>(args)...));
  }
  // `field` is not in `message`. Silent where something inside could not be read: it may be that.
  void missing(const std::string& message, std::string_view field, std::string_view example) const;

  bool has(const std::string& path) const { return positions.has(path); }
  // Given, and of the right type.
  bool readable(const std::string& path) const { return has(path) && !positions.damaged(path); }

  // A duration within [low, high]; nullopt with a problem if it is not one.
  std::optional<Micros> duration(const std::string& path, const std::string& text, Micros low,
                                 Micros high) const;
  // `value` unless the field was given and is sound.
  void duration_into(const std::string& path, const std::string& text, Micros low, Micros high,
                     Micros* value) const;
  // The same of an amount of memory.
  void bytes_into(const std::string& path, const std::string& text, std::int64_t low,
                  std::int64_t high, std::int64_t* value) const;
  bool in_range(const std::string& path, std::int64_t value, std::int64_t low,
                std::int64_t high) const;
  // Lower case letters, digits, - and _.
  bool name(const std::string& message, const std::string& text) const;
  // One of `words`; its position there.
  std::optional<std::size_t> word(const std::string& path, const std::string& text,
                                  const std::vector<std::string>& words,
                                  std::string_view what) const;
};

std::string child(const std::string& path, std::string_view field);
std::string element(const std::string& path, int index);

// check_settings.cc
void check_settings(const Checker& check, const v1::Config& given, Config* config);

// check_series.cc. `sound` gets, for each series, whether rules may be checked against it.
void check_series(const Checker& check, const v1::Config& given, Config* config,
                  std::vector<bool>* sound);
// The series of rules that have one of their own, behind those that are given.
void check_own_series(const Checker& check, const v1::Config& given, RuleSpecs specs,
                      Config* config, std::vector<bool>* sound);
// The conditions of a series, or of a rule.
std::optional<Condition> check_condition(const Checker& check, const std::string& path,
                                         const v1::Condition& given,
                                         const std::vector<Dimension>& allowed,
                                         std::string_view whose, const ReferenceTables& tables);
bool is_country(Dimension dimension);
bool is_party(Dimension dimension);

// check_rules.cc
void check_rules(const Checker& check, const v1::Config& given, const std::vector<bool>& sound,
                 RuleSpecs specs, Config* config);

// check_learning.cc. `series` is null where it is not known, or not sound.
void check_learning(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                    const RuleSpec& spec, const Series* series, Rule* rule);

// check_orders.cc: what a rule looks for in orders.
void check_orders(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                  const RuleSpec& spec, const ReferenceTables& tables, Rule* rule);
// check_flows.cc. Of a type that compares flows; `series` as above.
void check_flows(const Checker& check, const std::string& path, const v1::RuleConfig& given,
                 const RuleSpec& spec, const Config& config, const Series* series, Rule* rule);

// check_typologies.cc: what typologies weigh, behind all rules.
void check_typologies(const Checker& check, const v1::Config& given, Config* config);

// canonical.cc: content addresses.
// Of what a rule finds in orders.
std::uint64_t found_by(const Rule& rule);
std::uint64_t definition_of(const Series& series);
std::string ruleset_version_of(const Config& config);
std::string rule_version_of(const Rule& rule, const Config& config);
std::string generation_of(const Config& config);

}  // namespace surgewatch::config
