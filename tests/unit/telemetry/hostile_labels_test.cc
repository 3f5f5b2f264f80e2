// Whatever a label's value is, the page is read back as it was meant.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/hostile.h"
#include "telemetry/telemetry.h"

namespace surgewatch::telemetry {
namespace {

constexpr std::size_t kLongestValue = 128;

struct Sample {
  std::string name;
  Labels labels;
  std::string value;
};

// A line of Prometheus' text format, version 0.0.4: name{label="value",…} number, where a value has
// \\, \" and \n for a backslash, a quote and a newline, and no other escape.
std::optional<Sample> parse_sample(std::string_view line) {
  Sample sample;
  const std::size_t brace = line.find_first_of("{ ");
  if (brace == line.npos) return std::nullopt;
  sample.name = line.substr(0, brace);
  line.remove_prefix(brace);
  if (line.starts_with('{')) {
    line.remove_prefix(1);
    while (!line.starts_with('}')) {
      const std::size_t quote = line.find("=\"");
      if (quote == line.npos) return std::nullopt;
      std::string& value = sample.labels[std::string(line.substr(0, quote))];
      line.remove_prefix(quote + 2);
      while (!line.starts_with('"')) {
        if (line.empty()) return std::nullopt;
        if (line[0] == '\\') {
          if (line.size() < 2 || std::string_view("\\\"n").find(line[1]) == line.npos) {
            return std::nullopt;
          }
          value += line[1] == 'n' ? '\n' : line[1];
          line.remove_prefix(2);
        } else {
          value += line[0];
          line.remove_prefix(1);
        }
      }
      line.remove_prefix(line.substr(1).starts_with(',') ? 2 : 1);
    }
    line.remove_prefix(1);
  }
  if (!line.starts_with(' ')) return std::nullopt;
  sample.value = line.substr(1);
  return sample;
}

std::vector<Sample> parse(std::string_view text) {
  std::vector<Sample> samples;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('#') || line.empty()) continue;
    const auto sample = parse_sample(line);
    EXPECT_TRUE(sample) << line;
    if (sample) samples.push_back(*sample);
  }
  return samples;
}

TEST(HostileLabels, AreReadBackExactlyOrCutAndMarkedByAHash) {
  Telemetry telemetry("gateway", 1'000);
  const std::vector<test::Hostile> all = test::hostile_texts();
  for (std::size_t i = 0; i < all.size(); ++i) {
    telemetry.gauge("g", "G.", {{"number", std::to_string(i)}, {"party", all[i].text}})
        .Set(static_cast<double>(i));
  }
  const std::string text = telemetry.expose();
  EXPECT_TRUE(is_utf8(text));
  std::map<std::string, Sample> found;
  for (const Sample& sample : parse(text)) {
    if (sample.name != "surgewatch_g") continue;
    EXPECT_TRUE(found.emplace(sample.value, sample).second) << "twice: " << sample.value;
  }
  ASSERT_EQ(found.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(all[i].what);
    const Labels& labels = found.at(std::to_string(i)).labels;
    EXPECT_EQ(labels.at("number"), std::to_string(i));
    const auto party = labels.find("party");
    const std::string value = party == labels.end() ? "" : party->second;
    if (all[i].is_utf8 && all[i].text.size() <= kLongestValue) {
      EXPECT_EQ(value, all[i].text);
    } else {
      EXPECT_THAT(value.substr(value.size() - 17), ::testing::MatchesRegex("~[0-9a-f]{16}"));
      EXPECT_LE(value.size(), kLongestValue);
    }
  }
}

}  // namespace
}  // namespace surgewatch::telemetry
