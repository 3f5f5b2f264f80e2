// YAML's own errors, series and settings. Rules have rules_test.cc.
#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/config/testing.h"

namespace surgewatch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(Parse, TakesAValidConfiguration) {
  const auto config = parse_valid(kValid);
  ASSERT_THAT(config->series, SizeIs(2));
  EXPECT_EQ(config->series[0].event, Topic::kInvoices);
  EXPECT_EQ(config->series[1].event, Topic::kShipments);
  EXPECT_THAT(config->series[0].group_by,
              ElementsAre(Dimension::kBillTo, Dimension::kShipTo, Dimension::kFamily));
  EXPECT_THAT(config->series[0].measures, ElementsAre(Measure::kRevenueUsd, Measure::kChips));
  EXPECT_EQ(config->series[0].pane_length, kMicrosPerDay);
  ASSERT_THAT(config->rules, SizeIs(1));
  EXPECT_THAT(config->ruleset_version, ::testing::MatchesRegex("rs-[0-9a-f]{16}"));
}

TEST(Parse, KeepsTheLargestDocumentOfMoneyUnlessToldOtherwise) {
  const auto config = parse_valid(kValid);
  EXPECT_EQ(config->series[0].largest_document, Measure::kRevenueUsd);
  EXPECT_EQ(config->series[1].largest_document, std::nullopt);
  const auto off = parse_valid(valid_but("pane: 1d", "pane: 1d\n    largest_document: false"));
  EXPECT_EQ(off->series[0].largest_document, std::nullopt);
  EXPECT_EQ(off->series[0].definition, config->series[0].definition) << "the sums are the same";
  const auto on = parse_valid(valid_but("measures: [chips]",
                                        "measures: [documents, chips]\n"
                                        "    largest_document: true"));
  EXPECT_EQ(on->series[1].largest_document, Measure::kChips);
}

TEST(Parse, RefusesTheLargestDocumentOfDocuments) {
  EXPECT_THAT(problems_of(valid_but("measures: [chips]",
                                    "measures: [documents]\n    largest_document: true")),
              ElementsAre("c.yaml:11:23: series[1].largest_document: needs a measure beyond "
                          "documents: each document counts as one"));
}

TEST(Parse, TakesAnEmptyTextAndEmptySectionsAsDefaults) {
  for (const char* text : {"", "# nothing\n", "series:\nrules:\nkafka:\n", "---\n{}\n"}) {
    const auto config = parse_valid(text);
    EXPECT_THAT(config->series, IsEmpty()) << text;
    EXPECT_EQ(config->event_time.allowed_lateness, 7 * kMicrosPerDay);
    EXPECT_TRUE(config->reference->countries.known("SG"));
    EXPECT_EQ(config->reference->fx.usd_per_unit_e9("EUR", 0), std::nullopt);
  }
}

TEST(Parse, TakesAnchorsForWholeValues) {
  const auto config = parse_valid(
      "series:\n"
      "  - {name: a, event: invoice, group_by: &by [bill_to], measures: &m [chips], pane: 1d}\n"
      "  - {name: b, event: invoice, group_by: *by, measures: *m, pane: 1h}\n");
  ASSERT_THAT(config->series, SizeIs(2));
  EXPECT_EQ(config->series[1].group_by, config->series[0].group_by);
}

TEST(Parse, ReadsMapsOfText) {
  const auto config =
      parse_valid("kafka: {properties: {security.protocol: ssl, fetch.min.bytes: 1}}");
  EXPECT_THAT(config->kafka.properties,
              ElementsAre(Pair("fetch.min.bytes", "1"), Pair("security.protocol", "ssl")));
}

TEST(Parse, NamesTheFullPathOfAnUnknownKeyAndTheNearest) {
  EXPECT_THAT(problems_of(valid_but("measures: [revenue_usd", "mesures: [revenue_usd")),
              ElementsAre("c.yaml:5:5: unknown key series[0].mesures; did you mean 'measures'?"));
  EXPECT_THAT(
      problems_of(valid_but("ratio: 4", "ratoi: 4")),
      ElementsAre("c.yaml:20:15: unknown key rules[0].fire_at.ratoi; did you mean 'ratio'?"));
}

TEST(Parse, ListsTheKnownKeysWhereNoneIsNear) {
  EXPECT_THAT(
      problems_of("journal: {partitions: 3}"),
      ElementsAre("c.yaml:1:11: unknown key journal.partitions; known here: flush_interval"));
}

TEST(Parse, RefusesADuplicateKeyAtItsSecondPlace) {
  EXPECT_THAT(problems_of("kafka:\n  group_id: a\n  group_id: b\n"),
              ElementsAre("c.yaml:3:3: duplicate key kafka.group_id; give it once"));
  EXPECT_THAT(problems_of("kafka: {properties: {a: 1, a: 2}}"),
              ElementsAre("c.yaml:1:28: duplicate key kafka.properties.a; give it once"));
}

TEST(Parse, RefusesAValueOfAnotherType) {
  EXPECT_THAT(
      problems_of("limits: {record_bytes: ten}"),
      ElementsAre("c.yaml:1:24: limits.record_bytes: expected a whole number, found 'ten'"));
  EXPECT_THAT(
      problems_of("limits: {record_bytes: \"5000\"}"),
      ElementsAre("c.yaml:1:24: limits.record_bytes: expected a whole number, found quoted text"));
  EXPECT_THAT(problems_of("server: {gateway_http_port: 99999999999}"),
              ElementsAre("c.yaml:1:29: server.gateway_http_port: expected a whole number, found "
                          "'99999999999'"));
  EXPECT_THAT(problems_of("kafka: [a]"),
              ElementsAre("c.yaml:1:8: kafka: expected a mapping of keys, found a list"));
  EXPECT_THAT(problems_of("series: {name: a}"),
              ElementsAre("c.yaml:1:9: series: expected a list, such as [a, b], found a mapping"));
  EXPECT_THAT(problems_of("- a"),
              ElementsAre("c.yaml:1:1: expected a mapping of sections, found a list"));
  EXPECT_THAT(problems_of("kafka:\n  group_id:\n"),
              ElementsAre("c.yaml:2:3: kafka.group_id: expected text, found nothing"));
  EXPECT_THAT(problems_of("kafka: {? [a] : b}"),
              ElementsAre("c.yaml:1:11: kafka: expected keys that are single words, found a list"));
}

TEST(Parse, SaysThatMergeKeysAreNotSupported) {
  EXPECT_THAT(problems_of("kafka: &k {group_id: a}\nserver: {<<: *k}\n"),
              ElementsAre(StartsWith("c.yaml:2:10: merge keys (<<) are not supported")));
}

TEST(Parse, PointsAtASyntaxError) {
  EXPECT_THAT(problems_of("a: [\n"), ElementsAre(StartsWith("c.yaml:2:1: not YAML: ")));
  EXPECT_THAT(problems_of("a:\n  b: 1\n c: 2\n"),
              ElementsAre(StartsWith("c.yaml:3:2: not YAML: ")));
}

TEST(Parse, RefusesASecondDocument) {
  EXPECT_THAT(problems_of("kafka:\n---\njournal:\n"),
              ElementsAre("c.yaml:2:1: a second YAML document starts here; a configuration is one "
                          "document"));
}

// yaml-cpp would read empty documents here without end; found by config_fuzz.
TEST(Parse, EndsAtAStrayComma) {
  EXPECT_THAT(problems_of(","), ElementsAre(StartsWith("c.yaml:1:1: a second YAML document")));
  EXPECT_THAT(problems_of("kafka: {}\n]\n"), SizeIs(1));
}

TEST(Parse, RefusesWhatIsNotUtf8) {
  EXPECT_THAT(problems_of("# ok\n# \xC3(\n"),
              ElementsAre("c.yaml:2:3: not UTF-8 text; save the file as UTF-8"));
}

TEST(Parse, RefusesAliasesThatGrowWithoutEnd) {
  std::string yaml = "series:\n  - where: &w\n";
  for (int i = 0; i < 400; ++i) yaml += "    - {field: family, in: [a, b, c, d]}\n";
  for (int i = 0; i < 400; ++i) yaml += "  - where: *w\n";
  EXPECT_THAT(problems_of(yaml), ElementsAre(HasSubstr("more than 100000 values")));
}

TEST(Parse, CollectsEveryProblemInTheOrderOfTheText) {
  EXPECT_THAT(
      problems_of("kafka: {brokers: here}\n"
                  "event_time: {idle_after: soon, allowed_latness: 1d}\n"
                  "limits: {record_bytes: 1}\n"),
      ElementsAre(StartsWith("c.yaml:1:18: kafka.brokers: 'here' is not host:port"),
                  StartsWith("c.yaml:2:26: event_time.idle_after: 'soon' is not a duration"),
                  "c.yaml:2:32: unknown key event_time.allowed_latness; did you mean "
                  "'allowed_lateness'?",
                  "c.yaml:3:24: limits.record_bytes: 1 is not within 1024 to 100000000"));
}

TEST(Parse, KeepsTheNumberOfProblemsInBounds) {
  std::string yaml = "kafka:\n";
  for (int i = 0; i < 250; ++i) yaml += "  k" + std::to_string(i) + ": 1\n";
  const auto problems = problems_of(yaml);
  EXPECT_THAT(problems, SizeIs(201));
  EXPECT_EQ(problems.back(), "… and 50 more");
}

TEST(Load, SaysNotFoundForAFileThatCannotBeRead) {
  const auto missing = load("no/such/file.yaml", detect::rule_specs());
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(message_of(missing.status()), HasSubstr("no/such/file.yaml"));
  EXPECT_TRUE(absl::IsNotFound(load("/", detect::rule_specs()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(parse("a: 1", "c.yaml", detect::rule_specs()).status()));
}

TEST(ReferenceData, PointsAtTheKeyOfATableThatIsNotThere) {
  EXPECT_THAT(problems_of("reference_data:\n  fx: none.csv\n"),
              ElementsAre("c.yaml:2:7: reference_data.fx: cannot read none.csv: No such file or "
                          "directory"));
  EXPECT_THAT(problems_of("reference_data: {fx: /dev/zero}"),
              ElementsAre(HasSubstr("cannot read /dev/zero: it is not a regular file")));
}

TEST(ReferenceData, PathsAreRelativeToTheConfiguration) {
  const std::string path = std::string(SURGEWATCH_SOURCE_DIR) + "/deploy/config/other.yaml";
  const auto config = parse("reference_data: {fx: tables/fx.csv}", path, detect::rule_specs());
  ASSERT_TRUE(config.ok()) << message_of(config.status());
  EXPECT_TRUE((*config)->reference->fx.usd_per_unit_e9("EUR", *parse_date("2024-06-01")));
}

TEST(EventTime, AllowedLatenessEndsAtTheCorrectionHorizon) {
  EXPECT_THAT(problems_of("event_time: {allowed_lateness: 8d, correction_horizon: 8d}"), IsEmpty());
  EXPECT_THAT(problems_of("event_time: {allowed_lateness: 8d, correction_horizon: 7d}"),
              ElementsAre(StartsWith("c.yaml:1:56: event_time.correction_horizon: allowed_lateness "
                                     "(8d) is longer than correction_horizon (7d)")));
  EXPECT_THAT(problems_of("event_time: {allowed_lateness: 121d}"),
              ElementsAre(StartsWith("c.yaml:1:32: event_time.allowed_lateness")));
}

TEST(Settings, OfWorkersNameOneCpuForEach) {
  EXPECT_THAT(problems_of("aggregator: {workers: 256}"), IsEmpty());
  EXPECT_THAT(problems_of("aggregator: {workers: 2, cpu_affinity: [0, 1023]}"), IsEmpty());
  EXPECT_THAT(problems_of("aggregator: {cpu_affinity: []}"), IsEmpty());
  EXPECT_THAT(problems_of("aggregator: {workers: 0}"),
              ElementsAre("c.yaml:1:23: aggregator.workers: 0 is not within 1 to 256"));
  EXPECT_THAT(problems_of("aggregator: {workers: 257}"), SizeIs(1));
  EXPECT_THAT(problems_of("aggregator: {workers: 2, cpu_affinity: [3]}"),
              ElementsAre(HasSubstr("names 1 CPUs for 2 workers; name one for each")));
  EXPECT_THAT(problems_of("aggregator: {workers: 2, cpu_affinity: [3, 3]}"),
              ElementsAre(HasSubstr("aggregator.cpu_affinity[1]: CPU 3 is named twice")));
  EXPECT_THAT(problems_of("aggregator: {cpu_affinity: [1024]}"),
              ElementsAre(HasSubstr("1024 is not within 0 to 1023")));
}

TEST(Config, AmountsOfMemoryHaveAUnitAndARange) {
  EXPECT_THAT(problems_of("limits: {memory: 100MB, document_memory: 16GB}"), IsEmpty());
  EXPECT_THAT(problems_of("limits: {memory: 1000TB, document_memory: 10MB}"), IsEmpty());
  EXPECT_THAT(problems_of("limits: {memory: 99MB}"),
              ElementsAre("c.yaml:1:18: limits.memory: 99MB is not within 100 MB to 1 PB"));
  EXPECT_THAT(
      problems_of("limits: {document_memory: 17GB}"),
      ElementsAre("c.yaml:1:27: limits.document_memory: 17GB is not within 10 MB to 16 GB"));
  EXPECT_THAT(
      problems_of("limits: {memory: lots}"),
      ElementsAre("c.yaml:1:18: limits.memory: 'lots' is not an amount of memory; write a number "
                  "with kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 500MB or 16GB"));
}

TEST(Settings, HaveRangesThatIncludeTheirBorders) {
  EXPECT_THAT(problems_of("event_time: {outliers: 0}"), IsEmpty());
  EXPECT_THAT(problems_of("event_time: {outliers: 100}"), IsEmpty());
  EXPECT_THAT(problems_of("event_time: {outliers: 101}"),
              ElementsAre("c.yaml:1:24: event_time.outliers: 101 is not within 0 to 100"));
  EXPECT_THAT(problems_of("event_time: {outliers: -1}"), SizeIs(1));
  EXPECT_THAT(problems_of("limits: {text_bytes: 128}"), IsEmpty());
  EXPECT_THAT(problems_of("limits: {text_bytes: 4096}"), IsEmpty());
  EXPECT_THAT(problems_of("limits: {text_bytes: 127}"),
              ElementsAre("c.yaml:1:22: limits.text_bytes: 127 is not within 128 to 4096"));
  EXPECT_THAT(problems_of("limits: {text_bytes: 4097}"), SizeIs(1));
  EXPECT_THAT(problems_of("journal: {flush_interval: 1ms}"), IsEmpty());
  EXPECT_THAT(problems_of("journal: {flush_interval: 999us}"),
              ElementsAre("c.yaml:1:27: journal.flush_interval: 999us is not within 1ms to 1m"));
  EXPECT_THAT(problems_of("server: {gateway_http_port: 0, gateway_grpc_port: 0}"), IsEmpty());
  EXPECT_THAT(problems_of("server: {gateway_http_port: 65535}"), IsEmpty());
  EXPECT_THAT(problems_of("server: {gateway_http_port: 65536}"),
              ElementsAre("c.yaml:1:29: server.gateway_http_port: 65536 is not within 0 to 65535"));
  EXPECT_THAT(
      problems_of("server: {gateway_grpc_port: 8080}"),
      ElementsAre(StartsWith("c.yaml:1:29: server.gateway_grpc_port: port 8080 is taken twice")));
  EXPECT_THAT(problems_of("server: {streams_per_peer: 1}"), IsEmpty());
  EXPECT_THAT(problems_of("server: {streams_per_peer: 256}"), IsEmpty());
  EXPECT_THAT(problems_of("server: {streams_per_peer: 0}"),
              ElementsAre("c.yaml:1:28: server.streams_per_peer: 0 is not within 1 to 256"));
  EXPECT_THAT(problems_of("server: {streams_per_peer: 257}"), SizeIs(1));
  EXPECT_THAT(problems_of("server: {bind_address: 300.0.0.1}"),
              ElementsAre(HasSubstr("not an address")));
  EXPECT_THAT(problems_of("server: {bind_address: \"::1\"}"), IsEmpty());
}

TEST(Kafka, RefusesPropertiesThatSurgewatchSets) {
  EXPECT_THAT(problems_of("kafka: {properties: {group.id: x}}"),
              ElementsAre("c.yaml:1:22: kafka.properties.group.id: cannot be set here: set "
                          "kafka.group_id"));
}

TEST(Kafka, TakesSeveralBrokers) {
  EXPECT_THAT(problems_of("kafka: {brokers: \"a:9092,[::1]:9093\"}"), IsEmpty());
  EXPECT_THAT(problems_of("kafka: {brokers: \"a:9092,\"}"),
              ElementsAre(HasSubstr("'' is not host:port")));
  EXPECT_THAT(problems_of("kafka: {brokers: \"a:0\"}"),
              ElementsAre(HasSubstr("'a:0' is not host:port")));
  EXPECT_THAT(problems_of("kafka: {topic_prefix: a/b}"), ElementsAre(HasSubstr("must be letters")));
}

TEST(SeriesCheck, RefusesNamesOfOtherCharactersAndDoubledOnes) {
  EXPECT_THAT(problems_of(valid_but("name: shipped", "name: Shipped")),
              ElementsAre(StartsWith("c.yaml:7:11: series[1].name: 'Shipped' is not a name")));
  EXPECT_THAT(
      problems_of(valid_but("name: shipped", "name: billed")),
      ElementsAre("c.yaml:7:11: series[1].name: 'billed' is already the name of series[0]"));
}

TEST(SeriesCheck, SaysWhatIsMissing) {
  EXPECT_THAT(problems_of("series:\n  - group_by: [bill_to]\n"),
              ElementsAre(HasSubstr("2:5: series[0]: 'name' is missing"),
                          HasSubstr("2:5: series[0]: 'event' is missing"),
                          HasSubstr("2:5: series[0]: 'measures' is missing"),
                          HasSubstr("2:5: series[0]: 'pane' is missing")));
}

TEST(SeriesCheck, RefusesADimensionThatTheEventLacks) {
  EXPECT_THAT(
      problems_of(valid_but("[ship_to, sku]", "[ship_to, bill_to]")),
      ElementsAre("c.yaml:9:25: series[1].group_by[1]: a shipment has no 'bill_to'; it has "
                  "ship_from, ship_to, end_user, intermediate_consignee, freight_forwarder, "
                  "ship_from.party_id, ship_to.party_id, end_user.party_id, "
                  "intermediate_consignee.party_id, freight_forwarder.party_id, family, "
                  "sku and control_class"));
  EXPECT_THAT(problems_of(valid_but("[ship_to, sku]", "[ship_to, freight_forwarder.party_id]")),
              IsEmpty());
  EXPECT_THAT(problems_of(valid_but("[ship_to, sku]", "[ship_to, famly]")),
              ElementsAre("c.yaml:9:25: series[1].group_by[1]: 'famly' is not a dimension; did you "
                          "mean 'family'?"));
}

TEST(SeriesCheck, AnUnknownEventIsTheOnlyProblemOfItsSeries) {
  EXPECT_THAT(problems_of(valid_but("event: shipment", "event: shpment")),
              ElementsAre("c.yaml:8:12: series[1].event: 'shpment' is not an event; did you mean "
                          "'shipment'?"));
}

TEST(SeriesCheck, GroupsByAtMostFourDimensions) {
  EXPECT_THAT(problems_of(valid_but("[ship_to, sku]", "[ship_to, sku, family, end_user]")),
              IsEmpty());
  EXPECT_THAT(
      problems_of(valid_but("[ship_to, sku]", "[ship_to, sku, family, end_user, ship_from]")),
      ElementsAre("c.yaml:9:15: series[1].group_by: 5 dimensions; at most 4 are allowed"));
  EXPECT_THAT(problems_of(valid_but("[ship_to, sku]", "[ship_to, ship_to]")),
              ElementsAre("c.yaml:9:25: series[1].group_by[1]: 'ship_to' is there twice"));
}

TEST(SeriesCheck, ShipmentsHaveNoRevenue) {
  EXPECT_THAT(
      problems_of(valid_but("measures: [chips]", "measures: [chips, revenue_usd]")),
      ElementsAre(StartsWith("c.yaml:10:23: series[1].measures[1]: a shipment carries no prices")));
}

TEST(SeriesCheck, PanesAreOfASecondToAYear) {
  for (const char* sound : {"pane: 1s", "pane: 366d"}) {
    EXPECT_THAT(
        problems_of(valid_but("    pane: 1d\nrules", std::string("    ") + sound + "\nrules")),
        IsEmpty());
  }
  EXPECT_THAT(problems_of(valid_but("pane: 1d\nrules", "pane: 999ms\nrules")),
              ElementsAre("c.yaml:11:11: series[1].pane: 999ms is not within 1s to 366d"));
  EXPECT_THAT(problems_of(valid_but("pane: 1d\nrules", "pane: 367d\nrules")),
              ElementsAre("c.yaml:11:11: series[1].pane: 367d is not within 1s to 366d"));
}

TEST(Conditions, MustBeAbleToHold) {
  const auto where = [](const char* condition) {
    return problems_of(valid_but(
        "    pane: 1d\nrules", std::string("    where: [") + condition + "]\n    pane: 1d\nrules"));
  };
  EXPECT_THAT(where("{field: ship_to, in: [SG, ZZ]}"), IsEmpty());
  EXPECT_THAT(
      where("{field: ship_to, in: [UK]}"),
      ElementsAre(StartsWith("c.yaml:11:35: series[1].where[0].in[0]: 'UK' is not a country")));
  EXPECT_THAT(where("{field: ship_to}"), ElementsAre(HasSubstr("list the values")));
  EXPECT_THAT(where("{field: ship_to, in: [SG], not_in: [SG]}"),
              ElementsAre(HasSubstr("'SG' is in both 'in' and 'not_in'")));
  EXPECT_THAT(where("{field: control_class, in: [3A090a]}"),
              ElementsAre(HasSubstr("did you mean '3A090.a'?")));
  EXPECT_THAT(where("{field: sku, not_in: [A, A]}"), ElementsAre(HasSubstr("'A' is there twice")));
}

TEST(Conditions, FamiliesAreThoseOfTheCatalogue) {
  const std::string path = std::string(SURGEWATCH_SOURCE_DIR) + "/deploy/config/other.yaml";
  const std::string head =
      "reference_data: {catalogue: tables/catalogue.csv}\n"
      "series: [{name: a, event: invoice, measures: [chips], pane: 1d, where: [{field: family, "
      "in: ";
  EXPECT_TRUE(parse(head + "[Hopper, unknown]}]}]", path, detect::rule_specs()).ok());
  EXPECT_THAT(message_of(parse(head + "[Hoper]}]}]", path, detect::rule_specs()).status()),
              HasSubstr("'Hoper' is not a family of the catalogue; did you mean 'Hopper'?"));
}

TEST(Condition, AdmitsWhatIsInAndNotWhatIsNotIn) {
  const Condition in{Dimension::kBillTo, {"SG", "MY"}, {}};
  EXPECT_TRUE(in.admits("SG"));
  EXPECT_FALSE(in.admits("US"));
  const Condition not_in{Dimension::kBillTo, {}, {"SG"}};
  EXPECT_FALSE(not_in.admits("SG"));
  EXPECT_TRUE(not_in.admits("US"));
}

TEST(DimensionNames, AreReadBack) {
  for (std::size_t i = 0; i < kDimensionCount; ++i) {
    const auto dimension = static_cast<Dimension>(i);
    EXPECT_EQ(dimension_from_name(dimension_name(dimension)), dimension);
  }
  EXPECT_EQ(dimension_name(Dimension::kFreightForwarderId), "freight_forwarder.party_id");
  EXPECT_EQ(dimension_from_name("billto"), std::nullopt);
}

TEST(Definitions, ChangeWithWhatASeriesMeansAndWithNothingElse) {
  const auto definition = [](const std::string& yaml) {
    return parse_valid(yaml)->series[1].definition;
  };
  const std::uint64_t original = definition(std::string(kValid));
  EXPECT_EQ(original, definition(valid_but("pane: 1d\nrules", "pane: 24h\nrules")));
  EXPECT_EQ(original, definition(valid_but("window: 91d", "window: 7d")));
  EXPECT_NE(original, definition(valid_but("[ship_to, sku]", "[sku, ship_to]")));
  EXPECT_NE(original, definition(valid_but("measures: [chips]", "measures: [units]")));
  EXPECT_NE(original, definition(valid_but("pane: 1d\nrules", "pane: 12h\nrules")));
}

TEST(RulesetVersion, ChangesWithWhatTheRulesMeanAndWithNothingElse) {
  const auto version = [](const std::string& yaml) { return parse_valid(yaml)->ruleset_version; };
  const std::string original = version(std::string(kValid));
  EXPECT_EQ(original, version(valid_but("window: 91d", "window: 2184h\n    severity: warning")));
  EXPECT_EQ(original, version(std::string(kValid) + "limits: {record_bytes: 5000}\n"));
  EXPECT_NE(original, version(valid_but("ratio: 4", "ratio: 4.5")));
  EXPECT_NE(original, version(valid_but("window: 91d", "window: 90d")));
  EXPECT_NE(original,
            version(valid_but("measures: [revenue_usd, chips]", "measures: [revenue_usd]")));
}

// Its figures would be others.
TEST(Generation, ChangesWithWhatDecidesFiguresAndWithNothingElse) {
  const auto generation = [](const std::string& more) {
    return parse_valid(std::string(kValid) + more)->generation;
  };
  const std::string original = generation("");
  EXPECT_EQ(original, generation("journal: {flush_interval: 1s}\n"));
  EXPECT_EQ(original, generation("limits: {text_bytes: 256}\n"));
  EXPECT_NE(original, generation("limits: {text_bytes: 257}\n"));
  EXPECT_EQ(original, generation("event_time: {outliers: 0}\n"));
  EXPECT_NE(original, generation("event_time: {outliers: 1}\n"));
}

// These change only if the canonical form does, which makes every stored state unreadable: do so
// knowingly.
TEST(Fingerprints, AreTheSameOnEveryMachine) {
  const auto config = parse_valid(kValid);
  EXPECT_EQ(config->ruleset_version, "rs-d92d8a2fd17d26fa");
  EXPECT_EQ(config->series[0].definition, 2010874590666146401U);
}

}  // namespace
}  // namespace surgewatch::config
