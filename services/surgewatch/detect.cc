// `surgewatch detect` and `surgewatch detectors`: the registry of methods with a command line.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "config/text.h"
#include "files/series_csv.h"
#include "files/text_output.h"
#include "methods/registry.h"
#include "surgewatch/commands.h"

namespace surgewatch::services {
namespace {

constexpr std::size_t kMaxInputBytes = std::size_t{1} << 30;

absl::StatusOr<methods::NamedTexts> named_texts(const std::vector<std::string>& settings) {
  methods::NamedTexts texts;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      return invalid_argument("--set {}: write KEY=VALUE, such as alpha=0.005", setting);
    }
    texts.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return texts;
}

std::string indented(std::string_view text, std::size_t by) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\n') result.append(by, ' ');
  }
  return result;
}

void print_method(const methods::MethodSpec& method) {
  constexpr std::size_t kIndent = 11;
  fmt::print("{}\n  {}\n", method.name, method.what);
  fmt::print("  formula  {}\n", indented(method.formula, kIndent));
  fmt::print("  score    {}\n", indented(method.score, kIndent));
  fmt::print("  source   {}\n", indented(method.source, kIndent));
  for (const methods::Parameter& parameter : method.parameters) {
    const std::string unit = parameter.unit.empty() ? "" : fmt::format(" {}", parameter.unit);
    fmt::print("    {:<18} {} [default {}{}; {}]\n", parameter.name, parameter.what,
               parameter.fallback, unit, methods::range_of(parameter));
  }
}

nlohmann::ordered_json json_of(const methods::MethodSpec& method) {
  nlohmann::ordered_json json{{"name", method.name},       {"what", method.what},
                              {"formula", method.formula}, {"source", method.source},
                              {"score", method.score},     {"details", method.details}};
  json["parameters"] = nlohmann::ordered_json::array();
  for (const methods::Parameter& parameter : method.parameters) {
    json["parameters"].push_back({{"name", parameter.name},
                                  {"default", parameter.fallback},
                                  {"unit", parameter.unit},
                                  {"range", methods::range_of(parameter)},
                                  {"what", parameter.what}});
  }
  return json;
}

// Lenience is not silence.
void print_taken_as_na(const config::Problems& problems) {
  if (problems.empty()) return;
  fmt::print(stderr, "surgewatch: {} problem{} taken as NA, the first: {}\n", problems.count(),
             problems.count() == 1 ? "" : "s", lines_of(problems.status()).front());
}

}  // namespace

absl::Status check_detect(const DetectOptions& options) {
  SW_ASSIGN_OR_RETURN(const auto settings, named_texts(options.settings));
  // Settings that don't fit together are found by the method itself, before it looks at a row.
  return methods::run_method(options.method, settings, {}).status();
}

absl::Status detect(const DetectOptions& options) {
  SW_ASSIGN_OR_RETURN(const methods::MethodSpec* const method,
                      methods::find_method(options.method));
  SW_ASSIGN_OR_RETURN(const auto settings, named_texts(options.settings));
  const bool piped = options.in == "-";
  SW_ASSIGN_OR_RETURN(
      const std::string text,
      config::read_file(piped ? "/dev/stdin" : options.in, kMaxInputBytes, config::FileKind::kAny));
  files::SeriesCsvOptions csv_options;
  csv_options.file = piped ? "stdin" : options.in;
  csv_options.time_column = options.time_column;
  csv_options.value_column = options.value_column;
  csv_options.step = options.step;
  csv_options.successive = options.successive;
  csv_options.zeros = options.zeros;
  csv_options.lenient = options.lenient;
  SW_ASSIGN_OR_RETURN(const files::SeriesCsv csv, files::read_series_csv(text, csv_options));
  print_taken_as_na(csv.taken_as_na);
  SW_ASSIGN_OR_RETURN(const methods::Answers answers,
                      methods::run_method(options.method, settings, csv.table));
  SW_ASSIGN_OR_RETURN(files::TextOutput out, files::TextOutput::open(options.out));
  const auto details = options.details ? method->details : std::vector<std::string_view>{};
  SW_RETURN_IF_ERROR(out.line(files::answers_header(csv, details)));
  for (const files::SeriesCsv::Row& row : csv.rows) {
    SW_RETURN_IF_ERROR(out.line(files::answer_line(csv, row, answers, details.size())));
  }
  return out.close();
}

absl::Status list_detectors(const DetectorsOptions& options) {
  std::vector<const methods::MethodSpec*> shown;
  if (options.method.empty()) {
    for (const methods::MethodSpec& method : methods::methods()) shown.push_back(&method);
  } else {
    SW_ASSIGN_OR_RETURN(const methods::MethodSpec* const method,
                        methods::find_method(options.method));
    shown.push_back(method);
  }
  if (options.json) {
    auto list = nlohmann::ordered_json::array();
    for (const methods::MethodSpec* method : shown) list.push_back(json_of(*method));
    fmt::print("{}\n", list.dump(2));
    return absl::OkStatus();
  }
  for (const methods::MethodSpec* method : shown) {
    if (method != shown.front()) fmt::print("\n");
    print_method(*method);
  }
  return absl::OkStatus();
}

}  // namespace surgewatch::services
