// What we ship must load, say what its documents say, and agree with itself.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/config.h"
#include "config/control_class.h"
#include "config/rule_spec.h"
#include "config/tables.h"
#include "detect/rules/table.h"
#include "surgewatch/v1/config.pb.h"

namespace surgewatch::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Optional;

const std::string kSource = SURGEWATCH_SOURCE_DIR;

std::string text_of(const std::string& path) {
  std::ifstream file(kSource + "/" + path);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::shared_ptr<const Config> load_shipped(const std::string& path) {
  auto config = load(kSource + "/" + path, detect::rule_specs());
  EXPECT_TRUE(config.ok()) << message_of(config.status());
  return config.ok() ? *std::move(config) : nullptr;
}

std::vector<std::string> names_of_schema() {
  std::vector<std::string> names;
  const std::function<void(const google::protobuf::Descriptor&)> collect =
      [&](const google::protobuf::Descriptor& type) {
        for (int i = 0; i < type.field_count(); ++i) {
          names.push_back(type.field(i)->name());
          const bool nested =
              type.field(i)->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
          if (nested && !type.field(i)->is_map()) collect(*type.field(i)->message_type());
        }
      };
  collect(*v1::Config::descriptor());
  return names;
}

TEST(DefaultConfiguration, HasTheDefaultsThatItNames) {
  const auto config = load_shipped("deploy/config/surgewatch.yaml");
  ASSERT_NE(config, nullptr);
  const Config defaults;
  EXPECT_EQ(config->event_time.out_of_orderness, defaults.event_time.out_of_orderness);
  EXPECT_EQ(config->event_time.allowed_lateness, defaults.event_time.allowed_lateness);
  EXPECT_EQ(config->event_time.future_bound, defaults.event_time.future_bound);
  EXPECT_EQ(config->event_time.idle_after, defaults.event_time.idle_after);
  EXPECT_EQ(config->event_time.correction_horizon, defaults.event_time.correction_horizon);
  EXPECT_EQ(config->event_time.outliers, defaults.event_time.outliers);
  EXPECT_EQ(config->flush_interval, defaults.flush_interval);
  EXPECT_EQ(config->aggregator.workers, defaults.aggregator.workers);
  EXPECT_EQ(config->aggregator.cpu_affinity, defaults.aggregator.cpu_affinity);
  EXPECT_EQ(config->kafka.brokers, defaults.kafka.brokers);
  EXPECT_EQ(config->kafka.topic_prefix, defaults.kafka.topic_prefix);
  EXPECT_EQ(config->kafka.group_id, defaults.kafka.group_id);
  EXPECT_EQ(config->kafka.properties, defaults.kafka.properties);
  EXPECT_EQ(config->server.bind_address, defaults.server.bind_address);
  EXPECT_EQ(config->server.gateway_http_port, defaults.server.gateway_http_port);
  EXPECT_EQ(config->server.gateway_grpc_port, defaults.server.gateway_grpc_port);
  EXPECT_EQ(config->server.aggregator_http_port, defaults.server.aggregator_http_port);
  EXPECT_EQ(config->server.detector_http_port, defaults.server.detector_http_port);
  EXPECT_EQ(config->server.streams_per_peer, defaults.server.streams_per_peer);
  EXPECT_EQ(config->limits.keys_per_series, defaults.limits.keys_per_series);
  EXPECT_EQ(config->limits.detector_keys_per_series, defaults.limits.detector_keys_per_series);
  EXPECT_EQ(config->limits.label_sets_per_metric, defaults.limits.label_sets_per_metric);
  EXPECT_EQ(config->limits.record_bytes, defaults.limits.record_bytes);
  EXPECT_EQ(config->limits.text_bytes, defaults.limits.text_bytes);
  EXPECT_EQ(config->limits.alert_revisions, defaults.limits.alert_revisions);
  EXPECT_EQ(config->limits.order_memory, defaults.limits.order_memory);
}

TEST(DefaultConfiguration, NamesEveryKeyOfTheSchema) {
  const std::string text = text_of("deploy/config/surgewatch.yaml");
  for (const std::string& name : names_of_schema()) {
    EXPECT_NE(text.find(name + ":"), std::string::npos) << name;
  }
}

TEST(DeepSeekConfiguration, HoldsTheRuleOfTheContract) {
  const auto config = load_shipped("deploy/config/deepseek.yaml");
  ASSERT_NE(config, nullptr);
  ASSERT_EQ(config->rules.size(), 10U);
  const Rule& rule = config->rules[0];
  EXPECT_EQ(rule.name, "singapore-since-deepseek");
  EXPECT_EQ(rule.type->name, "surge_since");
  EXPECT_EQ(config->series[rule.series].name, "billed");
  EXPECT_EQ(rule.measure, Measure::kRevenueUsd);
  EXPECT_THAT(rule.per, ElementsAre(0U));
  EXPECT_EQ(rule.window_panes, 91);
  ASSERT_TRUE(rule.reference.has_value());
  EXPECT_EQ(rule.reference->start, *parse_date("2023-05-01"));
  EXPECT_EQ(rule.reference->end, *parse_date("2023-07-31"));
  EXPECT_THAT(rule.fire_at, AllOf(Field(&Thresholds::ratio, Optional(4.0)),
                                  Field(&Thresholds::excess_over_total, Optional(2.0))));
  EXPECT_EQ(rule.severity, Severity::kWarning);
  EXPECT_FALSE(rule.shadow);
}

TEST(DeepSeekConfiguration, ComparesWithinOneSeriesAndBetweenTwo) {
  const auto config = load_shipped("deploy/config/deepseek.yaml");
  ASSERT_NE(config, nullptr);
  const Rule& declared = config->rules[2];
  EXPECT_EQ(declared.type->name, "divergence");
  EXPECT_EQ(declared.against_series, declared.series);
  EXPECT_EQ(declared.against_position, 1U);
  EXPECT_THAT(declared.fire_at.observed, Optional(1e14));  // 100 million dollars in micros
  const Rule& shipped = config->rules[3];
  ASSERT_TRUE(shipped.against_series.has_value());
  EXPECT_EQ(config->series[*shipped.against_series].name, "shipped");
  EXPECT_EQ(shipped.against_position, 0U);
  EXPECT_THAT(shipped.fire_at.observed, Optional(1'000.0));  // chips, not micros
}

TEST(ShippedTables, HoldTheCataloguesBoundaryCases) {
  const auto config = load_shipped("deploy/config/deepseek.yaml");
  ASSERT_NE(config, nullptr);
  const Catalogue& catalogue = config->reference->catalogue;
  Micros time = *parse_date("2023-11-17");
  const auto class_of = [&](std::string_view sku) -> std::string {
    const CatalogueEntry* entry = catalogue.find(sku, time);
    return entry == nullptr ? "absent" : entry->control_class;
  };
  EXPECT_EQ(catalogue.by_sku.size(), 42U);
  EXPECT_EQ(class_of("A100-SXM4-80GB"), kClassA);
  EXPECT_EQ(class_of("RTX-4090D"), kClassNone);
  EXPECT_EQ(class_of("RTX-5090D"), kClassNone);
  EXPECT_EQ(class_of("L20"), kClassNone);
  EXPECT_EQ(class_of("L2"), kClassNone);
  EXPECT_EQ(class_of("L4"), kClassA);
  EXPECT_EQ(class_of("L40"), kClassB);
  EXPECT_EQ(class_of("MI210"), kClassB);
  EXPECT_EQ(class_of("H20-SXM-96GB"), kClassNone);
  EXPECT_EQ(class_of("MI308X"), kClassUnknown);
  EXPECT_EQ(class_of("H800-SXM5-80GB"), kClassA);
  time -= 1;  // before the rule of October 2023 was in force
  for (const char* sku : {"A800-SXM4-80GB", "H800-SXM5-80GB", "L4", "L40", "MI210"}) {
    EXPECT_EQ(class_of(sku), kClassNone) << sku;
  }
  EXPECT_EQ(class_of("H100-SXM5-80GB"), kClassA);
  ASSERT_NE(catalogue.find("GB200-NVL72", 0), nullptr);
  EXPECT_EQ(catalogue.find("GB200-NVL72", 0)->chips_per_unit, 72);
}

// The same figures stand in two tables, so that either can be given as reference_data.capacity.
TEST(ShippedTables, SayOfCapacitiesWhatIsBuiltIn) {
  Problems problems;
  const Capacities shipped = read_capacities(text_of("deploy/config/tables/countries.csv"),
                                             "countries.csv", built_in_countries(), &problems);
  EXPECT_TRUE(problems.empty()) << problems.status();
  EXPECT_EQ(capacities_version(shipped), capacities_version(built_in_capacities()));
}

TEST(ShippedTables, HoldEveryCountryOfTheStandard) {
  const auto config = load_shipped("deploy/config/deepseek.yaml");
  ASSERT_NE(config, nullptr);
  const auto built_in = load_reference_tables({});
  ASSERT_TRUE(built_in.ok());
  EXPECT_GE(built_in->countries.name_by_iso2.size(), 249U);
  for (const auto& [iso2, name] : built_in->countries.name_by_iso2) {
    EXPECT_TRUE(config->reference->countries.known(iso2)) << iso2;
  }
}

}  // namespace
}  // namespace surgewatch::config
