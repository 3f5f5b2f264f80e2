// docs/configuration.md says only what is so.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "surgewatch/v1/config.pb.h"
#include "unit/config/testing.h"

namespace surgewatch::config {
namespace {

using ::testing::ElementsAreArray;
using ::testing::SizeIs;

std::string page() {
  std::ifstream file(std::string(SURGEWATCH_SOURCE_DIR) + "/docs/configuration.md");
  EXPECT_TRUE(file.is_open());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The fenced blocks right behind each `<!-- mark -->`.
std::vector<std::string> blocks(const std::string& text, const std::string& mark) {
  const std::string opening = "<!-- " + mark + " -->\n```";
  std::vector<std::string> found;
  for (std::size_t at = text.find(opening); at != std::string::npos;
       at = text.find(opening, at + 1)) {
    const std::size_t start = text.find('\n', at + opening.size()) + 1;
    found.push_back(text.substr(start, text.find("```", start) - start));
  }
  return found;
}

TEST(ConfigurationPage, ItsFullConfigurationsAreValid) {
  const auto configurations = blocks(page(), "full configuration");
  ASSERT_THAT(configurations, SizeIs(2));
  for (const std::string& yaml : configurations) {
    const auto config = parse_valid(yaml);
    EXPECT_THAT(config->rules, SizeIs(1)) << yaml;
  }
}

TEST(ConfigurationPage, ItsErrorsAreThoseThatSurgewatchTells) {
  const std::string text = page();
  const auto wrong = blocks(text, "configuration with errors");
  const auto errors = blocks(text, "errors of the configuration below");
  ASSERT_THAT(wrong, SizeIs(1));
  ASSERT_THAT(errors, SizeIs(1));
  const auto config = parse(wrong[0], "example.yaml", detect::rule_specs());
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(lines_of(message_of(config.status())), ElementsAreArray(lines_of(errors[0])));
}

TEST(ConfigurationPage, NamesEveryKeyOfTheSchema) {
  const std::string text = page();
  const std::function<void(const google::protobuf::Descriptor&)> check =
      [&](const google::protobuf::Descriptor& type) {
        for (int i = 0; i < type.field_count(); ++i) {
          EXPECT_NE(text.find(type.field(i)->name()), std::string::npos)
              << type.field(i)->full_name();
          const bool nested =
              type.field(i)->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
          if (nested && !type.field(i)->is_map()) check(*type.field(i)->message_type());
        }
      };
  check(*v1::Config::descriptor());
}

}  // namespace
}  // namespace surgewatch::config
