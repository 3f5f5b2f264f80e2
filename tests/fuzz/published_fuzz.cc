// Any records as the topics of alerts and series, through what a detector and a gateway do with
// them.
//
// Held: each record is taken or refused by a reason that is counted, by both alike; both hold the
// same alerts; what a gateway tells of them (lists, points, rules, a stream, metrics, lines for a
// terminal) is well-formed; and what a detector says that goes on from them can be read by those
// who read it.
//
//   flags · record …     record: kind · headers · what the kind has
#include <google/protobuf/stubs/logging.h>
#include <spdlog/spdlog.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/check.h"
#include "detect/detector.h"
#include "detector/published_alerts.h"
#include "fuzz/bytes.h"
#include "fuzz/published_check.h"
#include "gateway/intake.h"
#include "serve/event_stream.h"
#include "telemetry/telemetry.h"
#include "unit/detect/all_rules.h"

namespace surgewatch::fuzz {
namespace {

constexpr std::array<const char*, 2> kIdentities{"0123456789abcdef", "fedcba9876543210"};

// Fills messages with what a detector writes, but for one field that may be anything (`odd`).
class Writer {
 public:
  explicit Writer(Bytes* input) : input_(*input) {}

  std::string id() {
    const std::int64_t choice = input_.pick(0, 4);
    return choice == 4 ? input_.text() : "al-" + std::to_string(choice);
  }

  v1::Alert alert(const std::string& id) {
    const std::int64_t odd = input_.pick(0, 31);
    v1::Alert alert;
    alert.set_alert_id(id);
    alert.set_revision(odd == 1 ? static_cast<std::int32_t>(input_.number(4)) : ++revisions_[id]);
    alert.set_rule(odd == 2 ? input_.text() : "since");
    alert.set_rule_type(static_cast<v1::RuleType>(odd == 3 ? input_.number(4) : 2));
    alert.set_severity(static_cast<v1::Severity>(odd == 4 ? input_.number(4) : 2));
    alert.set_state(static_cast<v1::AlertState>(odd == 5 ? input_.number(4) : input_.pick(1, 2)));
    alert.set_timing(static_cast<v1::Timing>(odd == 6 ? input_.number(4) : 2));
    alert.set_mode(static_cast<v1::Mode>(odd == 7 ? input_.number(4) : 1));
    alert.set_measure(odd == 8 ? input_.text() : "revenue_usd");
    subject(odd, alert.mutable_subject());
    time(odd == 9, alert.mutable_onset_time());
    time(odd == 10, alert.mutable_window_start());
    time(odd == 11, alert.mutable_window_end());
    alert.set_observed(figure(odd == 12));
    alert.set_expected(figure(odd == 13));
    alert.set_ratio(figure(odd == 14));
    alert.set_growth_percent(figure(odd == 15));
    if (odd == 16) alert.set_explanation(long_text());
    if (odd == 17) evidence(&alert);
    if (odd == 18) alert.set_resolution(static_cast<v1::Resolution>(input_.number(4)));
    if (odd == 19) time(true, alert.mutable_peak()->mutable_window_end());
    if (odd == 20) alert.mutable_peak()->set_ratio(figure(true));
    if (odd == 21) alert.set_alert_id(input_.text());  // another than the key
    if (odd == 22) alert.set_rule_version(input_.text());
    if (odd == 25) contributor(&alert);
    if (odd == 26) alert.set_unit(input_.text());
    if (odd == 27) alert.set_comparison(static_cast<v1::Comparison>(input_.number(4)));
    if (odd == 28) alert.set_against(input_.text());
    return alert;
  }

  v1::SeriesPoint point() {
    const std::int64_t odd = input_.pick(0, 31);
    v1::SeriesPoint point;
    point.set_rule(odd == 2 ? input_.text() : "since");
    point.set_series(odd == 3 ? input_.text() : "billed");
    point.set_measure(odd == 8 ? input_.text() : "revenue_usd");
    subject(odd, point.mutable_subject());
    time(odd == 10, point.mutable_window_start());
    time(odd == 11, point.mutable_window_end());
    point.set_observed(figure(odd == 12));
    if (input_.pick(0, 1) == 1) point.set_expected(figure(odd == 13));
    if (odd == 14) point.set_upper_bound(figure(true));
    if (odd == 18) point.set_life(static_cast<v1::AlertLife>(input_.number(4)));
    if (odd == 26) point.set_unit(input_.text());
    if (odd == 27) point.set_comparison(static_cast<v1::Comparison>(input_.number(4)));
    return point;
  }

 private:
  template <typename Map>
  void subject(std::int64_t odd, Map* subject) {
    static const std::array<std::string, 3> kCountries{"SG", "US", "MY"};
    const std::string name = odd == 23 ? input_.text() : "bill_to";
    (*subject)[name] = odd == 24 ? input_.text() : input_.one_of(kCountries);
  }
  void time(bool odd, google::protobuf::Timestamp* time) {
    if (odd) {
      time->set_seconds(static_cast<std::int64_t>(input_.number(8)));
      time->set_nanos(static_cast<std::int32_t>(input_.number(4)));
    } else {
      time->set_seconds((19'723 + input_.pick(0, 255)) * 86'400);
    }
  }
  double figure(bool odd) {
    return odd ? std::bit_cast<double>(input_.number(8)) : static_cast<double>(input_.pick(0, 255));
  }
  // Up to what no record may hold.
  std::string long_text() {
    const std::string piece = input_.text();
    std::string text;
    if (piece.empty()) return text;
    for (std::int64_t left = input_.pick(1, 10'000); left > 0; --left) text += piece;
    return text;
  }
  void evidence(v1::Alert* alert) {
    v1::Evidence* evidence = alert->add_evidence();
    evidence->set_name(input_.text());
    evidence->set_unit(input_.text());
    evidence->set_value(figure(true));
    evidence->set_text(input_.text());
    const std::string label = input_.text();
    (*evidence->mutable_labels())[label] = input_.text();
  }

  void contributor(v1::Alert* alert) {
    v1::Contributor* contributor = alert->add_contributors();
    contributor->set_amount(figure(true));
    contributor->set_share(figure(true));
    contributor->set_text(input_.text());
    contributor->add_documents(input_.text());
    const std::string label = input_.text();
    (*contributor->mutable_labels())[label] = input_.text();
  }

  Bytes& input_;
  std::map<std::string, std::int32_t> revisions_;
};

// One record of either topic, and what it is made of.
struct Record {
  bool is_alert = true;
  std::string key, payload;
  bool is_tombstone = false;
  std::vector<kafka::Header> headers;

  kafka::Message message(std::int64_t offset) const {
    kafka::Message message;
    message.topic = is_alert ? "alerts" : "surgewatch.series";
    message.offset = offset;
    message.key = key;
    message.has_key = true;
    message.payload = is_tombstone ? std::string_view() : std::string_view(payload);
    message.headers = headers;
    return message;
  }
};

Record next_record(Bytes* input, Writer* writer) {
  Record record;
  const std::int64_t kind = input->pick(0, 6);
  const std::int64_t header = input->pick(0, 7);
  if (header == 1 || header == 2) {
    record.headers.push_back(
        {services::kTopicIdentityHeader, kIdentities[static_cast<std::size_t>(header - 1)]});
  }
  if (header == 3) record.headers.push_back({services::kTopicIdentityHeader, input->text()});
  if (header == 4) record.headers.push_back({services::kJournalHeader, input->text()});
  record.is_alert = kind < 5;
  if (record.is_alert) record.key = writer->id();
  if (kind < 2) record.payload = to_bytes(writer->alert(record.key));
  if (kind == 2 || kind == 6) record.payload = input->text();
  if (kind == 3) record.is_tombstone = true;
  if (kind == 5) record.payload = to_bytes(writer->point());
  return record;
}

void check_json(const serve::api::Reply& reply, int status) {
  SW_CHECK(reply.status == status);
  SW_CHECK(nlohmann::json::accept(reply.body));
  SW_CHECK(reply.body.find('\n') == std::string::npos);
}

// What is told of the store over HTTP, on a terminal and to Prometheus.
class Gateway {
 public:
  Gateway() { store_.reset(); }

  void take(const Record& record, std::int64_t offset) { intake_.take(record.message(offset)); }
  void become_loaded() {
    if (intake_.is_loaded()) return;
    intake_.become_loaded();
    stream_.emplace(&store_, store_.place(), serve::api::StreamRequest{},
                    std::chrono::milliseconds(0));
  }
  bool is_of_one_topic() const { return intake_.another_topic().ok(); }
  std::map<std::string, std::string> alerts() const {
    std::map<std::string, std::string> alerts;
    for (const v1::Alert& alert : store_.list({})) alerts[alert.alert_id()] = to_bytes(alert);
    return alerts;
  }

  void check() {
    check_json(serve::api::list_alerts(store_, {}), 200);
    check_json(serve::api::list_points(store_, {}), 200);
    check_json(serve::api::list_rules(store_, nullptr), 200);
    for (const auto& [id, bytes] : alerts()) check_json(serve::api::get_alert(store_, id), 200);
    for (const v1::Alert& alert : store_.list({})) {
      check_line(services::alert_line(alert, false));
      check_line(services::peak_line(alert, false));
    }
    check_line(intake_.another_topic().ToString());
    if (stream_) check_stream();
  }
  // Takes a millisecond, so not of each input.
  void check_metrics() const {
    const std::string text = telemetry_.expose();
    SW_CHECK(is_utf8(text));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      SW_CHECK(end != std::string::npos);
      const std::string_view line(text.data() + at, end - at);
      SW_CHECK(line.starts_with("# ") || line.starts_with("surgewatch_") ||
               line.starts_with("process_"));
      at = end + 1;
    }
  }

 private:
  // Fields of events: nothing of a peer's begins one.
  void check_stream() {
    for (int i = 0; i < 1'000; ++i) {
      const auto batch = stream_->next(1 << 20, &news_);
      for (std::size_t at = 0; at < batch.text.size();) {
        const std::size_t end = batch.text.find('\n', at);
        SW_CHECK(end != std::string::npos);
        const std::string_view line(batch.text.data() + at, end - at);
        SW_CHECK(line.empty() || line.starts_with(":") || line.starts_with("id: ") ||
                 line.starts_with("event: ") || line.starts_with("data: ") ||
                 line.starts_with("retry: "));
        if (line.starts_with("data: {")) SW_CHECK(nlohmann::json::accept(line.substr(6)));
        at = end + 1;
      }
      if (!batch.more || batch.ends) return;
    }
    SW_CHECK(false);  // it never ends
  }

  telemetry::Telemetry telemetry_{"gateway", 20};
  serve::AlertStore store_{serve::AlertStore::Limits{}};
  services::GatewayMeters meters_{&telemetry_};
  services::Seldom seldom_;
  services::Intake intake_{"alerts", &store_, &meters_, &seldom_};
  serve::PointNews news_{&store_};
  std::optional<serve::EventStream> stream_;
};

// As a detector goes on from it: with rules of some of these names, and nothing that fires.
void check_going_on(const services::PublishedAlerts& published) {
  static const auto* const config = new std::shared_ptr<const config::Config>(
      std::make_shared<config::Config>(test::all_rules()));
  detect::Detector detector(*config, {.silent = true});
  detect::Emissions said;
  detector.speak(published.newest, &said);
  std::map<std::string, std::int32_t> before;
  for (const v1::Alert& alert : published.newest) before[alert.alert_id()] = alert.revision();
  for (const v1::Alert& alert : said.alerts) {
    check_alert(alert);
    SW_CHECK(alert.state() == v1::ALERT_STATE_RESOLVED);
    SW_CHECK(alert.revision() == before.at(alert.alert_id()) + 1);
  }
}

void check(Bytes input) {
  const std::uint64_t flags = input.number(1);
  Writer writer(&input);
  Gateway gateway;
  services::PublishedReading reading("surgewatch");
  std::int64_t offset = 0;
  std::uint64_t refused = 0;
  while (!input.empty() && offset < 256) {
    if (input.pick(0, 15) == 15) gateway.become_loaded();
    const Record record = next_record(&input, &writer);
    gateway.take(record, offset);
    if (record.is_alert) {
      const kafka::Message message = record.message(offset);
      v1::Alert alert;
      if (!record.is_tombstone && services::read_alert(message, &alert)) ++refused;
      reading.take(message);
    }
    offset += 1 + (offset % 3);  // logs have gaps
  }
  gateway.become_loaded();
  gateway.check();
  if ((flags & 1) != 0) gateway.check_metrics();

  const services::PublishedAlerts published = std::move(reading).finish(offset, 0);
  std::uint64_t counted = 0;
  for (const std::uint64_t count : published.faults) counted += count;
  SW_CHECK(counted == refused);
  SW_CHECK(published.next_offset == offset && published.identity.size() == 16);
  std::map<std::string, std::string> newest;
  for (const v1::Alert& alert : published.newest) newest[alert.alert_id()] = to_bytes(alert);
  SW_CHECK(newest.size() == published.newest.size());
  if (gateway.is_of_one_topic()) SW_CHECK(gateway.alerts() == newest);
  check_going_on(published);
}

}  // namespace
}  // namespace surgewatch::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // it logs each string that is not UTF-8
  spdlog::set_level(spdlog::level::off);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  surgewatch::fuzz::check({data, size});
  return 0;
}
