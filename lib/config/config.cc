#include "config/config.h"

#include <filesystem>

#include "base/status.h"
#include "config/checks.h"
#include "config/problems.h"
#include "config/tables.h"
#include "config/text.h"
#include "config/yaml_reader.h"
#include "surgewatch/v1/config.pb.h"

namespace surgewatch::config {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{4} << 20;

std::string relative_to(const std::string& config_path, const std::string& table) {
  if (table.empty()) return {};
  return (std::filesystem::path(config_path).parent_path() / table).lexically_normal().string();
}

ReferenceTables read_tables_of(const Checker& check, const v1::ReferenceData& given) {
  const auto path = [&check](const std::string& table) { return relative_to(check.file, table); };
  const ReferencePaths paths{path(given.catalogue()), path(given.countries()),
                             path(given.country_groups()), path(given.fx()),
                             path(given.capacity())};
  return read_tables(paths, &check.problems,
                     [&check](std::string_view table, const std::string&, const std::string& why) {
                       check.problem(child("reference_data", table), "{}", why);
                     });
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Config>> parse(std::string_view yaml, const std::string& path,
                                                    RuleSpecs types) {
  if (yaml.size() > kMaxConfigBytes) {
    return invalid_argument("{}:1:1: longer than {} bytes", path, kMaxConfigBytes);
  }
  Problems problems;
  Positions positions;
  v1::Config given;
  if (!read_yaml(yaml, path, &given, &positions, &problems)) return problems.status();

  const Checker check{path, positions, problems};
  auto config = std::make_shared<Config>();
  config->path = path;
  config->reference =
      std::make_shared<const ReferenceTables>(read_tables_of(check, given.reference_data()));
  check_settings(check, given, config.get());
  std::vector<bool> sound_series;
  check_series(check, given, config.get(), &sound_series);
  check_own_series(check, given, types, config.get(), &sound_series);
  check_rules(check, given, sound_series, types, config.get());
  check_typologies(check, given, config.get());
  if (!problems.empty()) return problems.status();
  config->ruleset_version = ruleset_version_of(*config);
  for (Rule& rule : config->rules) rule.version = rule_version_of(rule, *config);
  config->generation = generation_of(*config);
  return config;
}

absl::StatusOr<std::shared_ptr<const Config>> load(const std::string& path, RuleSpecs types) {
  SW_ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxConfigBytes, FileKind::kAny));
  return parse(text, path, types);
}

}  // namespace surgewatch::config
