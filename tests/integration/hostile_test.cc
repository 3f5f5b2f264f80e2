// Parties, goods, orders and currencies by names that attack: on a real Kafka, through all three
// services, to everything that people read and to what programs read.
#include "support/hostile.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "base/printable.h"
#include "base/time.h"
#include "integration/system.h"
#include "support/kafka_server_fixture.h"
#include "support/shown.h"
#include "surgewatch/v1/events.pb.h"

namespace surgewatch::test {
namespace {

using nlohmann::json;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::size_t kTextBytes = 4'096;  // limits.text_bytes at its most
constexpr std::string_view kSeriesAndRules = R"(
series:
  - name: billed
    event: invoice
    group_by: [bill_to.party_id, sku]
    measures: [documents, units]
    pane: 1d
rules:
  - name: since
    type: surge_since
    series: billed
    measure: units
    per: [bill_to.party_id]
    window: 1d
    reference: {start: 2024-01-01, end: 2024-01-02}
    fire_at: {ratio: 4}
    severity: warning
limits: {text_bytes: 4096}
)";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Text of lines, each of characters that show.
void expect_shown(const std::string& text) {
  for (const std::string& line : lines_of(text)) EXPECT_THAT(line, IsSafeToShow());
}

v1::Invoice invoice(const std::string& name, const std::string& date, std::int64_t units) {
  v1::Invoice invoice;
  invoice.set_invoice_id(name + date);
  invoice.set_order_id(name);
  invoice.mutable_issue_time()->set_seconds(*parse_date(date) / kMicrosPerSecond + 43'200);
  invoice.mutable_bill_to()->set_country("SG");
  invoice.mutable_bill_to()->set_party_id(name);
  v1::InvoiceLine* line = invoice.add_lines();
  line->set_sku(name);
  line->set_quantity(units);
  return invoice;
}

class HostileNames : public KafkaServerFixture {
 protected:
  HostileNames() : system_(server_->brokers(), "hostile-") {
    std::ofstream(system_.config())
        << kSeriesAndRules << "kafka: {brokers: '" << server_->brokers()
        << "', topic_prefix: hostile-, group_id: hostile}\nserver: {gateway_http_port: "
        << system_.gateway_port << ", gateway_grpc_port: " << system_.grpc_port
        << ", aggregator_http_port: " << system_.aggregator_port
        << ", detector_http_port: " << system_.detector_port << "}\n";
    for (const Hostile& hostile : hostile_texts()) {
      const std::size_t with_date = hostile.text.size() + sizeof "2024-01-01";
      if (hostile.is_utf8 && !hostile.text.empty() && with_date <= kTextBytes) {
        names_.push_back(hostile.text);
      }
    }
  }

  void produce(const std::string& key, const std::string& payload) {
    ASSERT_EQ(producer_->produce(system_.topic("invoices"), 0, key, payload), absl::OkStatus());
  }
  // Ten units the first day, fifty the next; what the window of the next waits for comes last.
  void produce_surges() {
    for (const auto& [date, units] : {std::pair("2024-01-01", 10), std::pair("2024-01-02", 50)}) {
      for (const std::string& name : names_) {
        produce(name, invoice(name, date, units).SerializeAsString());
      }
    }
    produce("last", invoice("last", "2024-01-04", 1).SerializeAsString());
    ASSERT_EQ(producer_->flush(kPatience), absl::OkStatus());
  }
  // What is rejected: for a currency that nobody knows, and for being no invoice.
  std::size_t produce_rejects() {
    for (const std::string& name : names_) {
      v1::Invoice rejected = invoice("rejected", "2024-01-04", 1);
      rejected.mutable_lines(0)->mutable_unit_price()->set_currency_code(name);
      produce(name, rejected.SerializeAsString());
    }
    const std::vector<Hostile> all = hostile_texts();
    for (const Hostile& hostile : all) produce(hostile.text, "\xff" + hostile.text);
    EXPECT_EQ(producer_->flush(kPatience), absl::OkStatus());
    return names_.size() + all.size();
  }

  System system_;
  std::vector<std::string> names_;
  const std::unique_ptr<kafka::Producer> producer_ = kafka::make_producer(server_->brokers());
};

TEST_F(HostileNames, AreShownToPeopleAndExactForPrograms) {
  system_.create_topics(1);
  system_.start_all();
  ASSERT_TRUE(wait_until([&] { return System::get(system_.gateway_port, "/-/ready") == "ready\n"; },
                         kPatience));
  const std::string target = "127.0.0.1:" + std::to_string(system_.grpc_port);
  auto people = system_.start("surgewatch", {"subscribe", "--target", target});
  auto programs = system_.start("surgewatch", {"subscribe", "--target", target, "--json"});
  ASSERT_TRUE(wait_until(
      [&] { return System::metric(system_.gateway_port, "surgewatch_subscribers", "grpc") == 2; },
      kPatience));
  produce_surges();
  const std::size_t rejects = produce_rejects();

  for (const auto& subscriber : {people.get(), programs.get()}) {
    ASSERT_TRUE(subscriber->wait_for_output(
        [&](const std::string& out, const std::string&) {
          return lines_of(out).size() >= names_.size();
        },
        kPatience))
        << system_.detector->err();
  }
  expect_shown(people->out());
  for (const std::string& name : names_) {
    EXPECT_THAT(people->out(),
                HasSubstr("[bill_to.party_id=" + printable_word(name) + "] 50 units"));
  }
  expect_shown(programs->out());
  std::set<std::string> streamed;
  for (const std::string& line : lines_of(programs->out())) {
    streamed.insert(json::parse(line)["alert"]["subject"]["bill_to.party_id"].get<std::string>());
  }
  const std::set<std::string> names(names_.begin(), names_.end());
  EXPECT_EQ(streamed, names);

  const json listed = json::parse(System::get(system_.gateway_port, "/api/v1/alerts"));
  std::set<std::string> served;
  for (const json& alert : listed["alerts"]) {
    served.insert(alert["subject"]["bill_to.party_id"].get<std::string>());
    EXPECT_THAT(alert["explanation"].get<std::string>(), IsSafeToShow());
  }
  EXPECT_EQ(served, names);

  const auto status = system_.run({"status", "--config", system_.config().string()});
  expect_shown(status->out());
  EXPECT_THAT(lines_of(status->out()),
              ::testing::Contains(fmt::format("{} alerts in force", names_.size())));

  // The gauges are there once the gateway has counted them.
  ASSERT_TRUE(wait_until(
      [&] {
        return System::metric(system_.gateway_port, "surgewatch_alert_active", "since") ==
               static_cast<double>(names_.size());
      },
      kPatience));
  auto promtool = Process::start({.program = "promtool",
                                  .arguments = {"check", "metrics"},
                                  .input = System::get(system_.gateway_port, "/metrics")});
  ASSERT_TRUE(promtool.ok()) << promtool.status();
  EXPECT_EQ((*promtool)->wait(kPatience), 0) << (*promtool)->out() << (*promtool)->err();

  std::vector<kafka::Kept> dead_letters;
  ASSERT_TRUE(wait_until(
      [&] {
        dead_letters = system_.records("surgewatch.dead-letter");
        return dead_letters.size() >= rejects;
      },
      kPatience));
  for (const kafka::Kept& copy : dead_letters) {
    for (const kafka::Header& header : copy.headers) EXPECT_THAT(header.value, IsSafeToShow());
  }

  // Nobody has written a line of a log but we.
  for (const auto& [name, service] : {std::pair("surgewatch-aggregator", system_.aggregator.get()),
                                      std::pair("surgewatch-detector", system_.detector.get()),
                                      std::pair("surgewatch-gateway", system_.gateway.get())}) {
    const std::regex begins("20[0-9-]+T[0-9:.]+Z (info|warning|error) " + std::string(name) +
                            ": .*");
    for (const std::string& line : lines_of(service->err())) {
      EXPECT_THAT(line, IsSafeToShow());
      EXPECT_TRUE(std::regex_match(line, begins)) << line;
    }
  }
  for (const std::string& name : names_) {
    EXPECT_THAT(system_.detector->err(), HasSubstr("bill_to.party_id=" + printable_word(name)));
  }
  System::stop(people);
  System::stop(programs);
  system_.stop_all();
}

}  // namespace
}  // namespace surgewatch::test
