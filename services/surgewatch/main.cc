#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/status.h"
#include "common/service_main.h"
#include "simulator/simulate.h"
#include "surgewatch/commands.h"

namespace surgewatch::services {
namespace {

using Work = std::function<absl::Status(const Stop&)>;

const std::map<std::string, files::EventFormat> kFormats{{"ndjson", files::EventFormat::kNdjson},
                                                         {"binpb", files::EventFormat::kBinpb}};

// Each adds one subcommand whose callback sets `work`.
void add_demo(CLI::App* app, Work* work) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* command = app->add_subcommand(
      "demo", "The DeepSeek story: everything in one process on an embedded broker, with the page");
  command->add_option("--config", options->config, "another configuration than the story's");
  command->add_option("--seconds", options->seconds, "how long the two years take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--speed", options->speed, "times as fast")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--http-port", options->http_port, "port of the page; 0: a free one")
      ->check(CLI::Range(0, 65'535))
      ->capture_default_str();
  command->add_option("--grpc-port", options->grpc_port, "port of the gRPC service; 0: a free one")
      ->check(CLI::Range(0, 65'535))
      ->capture_default_str();
  command->add_option("--events", options->events, "documents that the figures are spread over")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "same seed, same events")->capture_default_str();
  command->add_flag("--once", options->once, "exit when the story has been told");
  command->callback([=] { *work = [=](const Stop& stop) { return demo(*options, stop); }; });
}

void add_run(CLI::App* app, Work* work) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      app->add_subcommand("run", "Aggregator, detector and gateway in one process against Kafka");
  command->add_option("--config", options->config, "configuration file (YAML)")->required();
  command->add_flag("--strict", options->strict, "end with exit code 1 instead of trying again");
  add_instance_id(command, &options->instance_id);
  command->callback([=] { *work = [=](const Stop& stop) { return run_all(*options, stop); }; });
}

void add_replay(CLI::App* app, Work* work) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app->add_subcommand(
      "replay", "The same code without Kafka: events from a file, alerts as NDJSON");
  command->add_option("--config", options->config, "configuration file (YAML)")->required();
  command->add_option("--events", options->events, "file of events; - is standard input")
      ->required();
  command->add_option("--format", options->format, "default: by the file's name, else ndjson")
      ->transform(CLI::CheckedTransformer(kFormats));
  command->add_option("--alerts", options->alerts, "where alerts go")->capture_default_str();
  CLI::Option* series =
      command->add_option("--series", options->series, "write every closed pane as CSV");
  command
      ->add_flag("--zeros", options->zeros,
                 "in series: a row for every pane from the first to the last, 0 where nothing was")
      ->needs(series);
  command->add_option("--findings", options->findings,
                      "write what rules have found in orders as NDJSON");
  command->add_option("--rejects", options->rejects, "write every rejected event as NDJSON");
  command->add_flag("--one-thread", options->one_thread,
                    "do everything on one thread; what comes out is the same");
  command->add_flag("--strict", options->strict, "exit code 1 if an event was rejected");
  command->add_flag("--quiet", options->quiet, "no progress, no summary");
  command->callback([=] { *work = [=](const Stop& stop) { return replay(*options, stop); }; });
}

void add_detect(CLI::App* app, Work* work) {
  auto options = std::make_shared<DetectOptions>();
  CLI::App* command = app->add_subcommand(
      "detect", "One detector over series in a CSV file; `surgewatch detectors` lists them");
  command->add_option("--method", options->method, "which detector")->required();
  command->add_option("--set", options->settings, "KEY=VALUE: a parameter of the detector")
      ->allow_extra_args(false);
  command->add_option("--in", options->in, "CSV of time,value[,series]; - is standard input")
      ->capture_default_str();
  command
      ->add_option("--out", options->out,
                   "CSV of time,value,expected,upper,score,alarm[,series]; - is standard output")
      ->capture_default_str();
  command->add_option("--time", options->time_column,
                      "name of the column of times; default: time, t, timestamp or pane_start");
  command->add_option("--value", options->value_column, "name of the column of values")
      ->capture_default_str();
  CLI::Option* step = command->add_option(
      "--step", options->step, "from window to window, such as 1d; default: as the times tell");
  CLI::Option* successive = command->add_flag(
      "--successive", options->successive, "rows are successive windows, whatever their times say");
  step->excludes(successive);
  command->add_flag("--zeros", options->zeros, "a window without a row is 0");
  command->add_flag("--lenient", options->lenient,
                    "missing, repeated, negative and other bad rows are NA, not errors");
  command->add_flag("--details", options->details, "further columns that the method has");
  command->callback([=] {
    const absl::Status status = check_detect(*options);
    if (!status.ok()) throw CLI::ValidationError("detect", std::string(status.message()));
    *work = [=](const Stop&) { return detect(*options); };
  });
}

void add_detectors(CLI::App* app, Work* work) {
  auto options = std::make_shared<DetectorsOptions>();
  CLI::App* command = app->add_subcommand(
      "detectors", "The detectors with their parameters, defaults, formulas and sources");
  command->add_option("method", options->method, "only this one");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([=] { *work = [=](const Stop&) { return list_detectors(*options); }; });
}

void add_rules(CLI::App* app, Work* work) {
  auto options = std::make_shared<RuleTypesOptions>();
  CLI::App* rules = app->add_subcommand("rules", "What rules can be");
  rules->require_subcommand(1);
  CLI::App* types = rules->add_subcommand(
      "types", "The rule types with their parameters, defaults, units and ranges");
  types->add_option("type", options->type, "only this one");
  CLI::Option* json = types->add_flag("--json", options->json, "as JSON");
  types->add_flag("--markdown", options->markdown, "as the tables of docs/rules")->excludes(json);
  types->callback([=] { *work = [=](const Stop&) { return list_rule_types(*options); }; });
}

void add_validate(CLI::App* app, Work* work) {
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app->add_subcommand("validate", "Checks configuration files");
  command->add_option("files", *files, "configuration files")->required();
  command->callback([=] { *work = [=](const Stop&) { return validate(*files); }; });
}

void add_simulate(CLI::App* app, Work* work) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App* command =
      app->add_subcommand("simulate", "Writes synthetic events; same seed, same bytes");
  command->add_option("--scenario", options->scenario, "what to write")->capture_default_str();
  command->add_option("--events", options->events, "how many documents")->capture_default_str();
  command->add_option("--seed", options->seed, "same seed, same bytes")->capture_default_str();
  CLI::Option* out = command->add_option("--out", options->out, "file; - is standard output")
                         ->capture_default_str();
  command->add_option("--format", options->format, "default: by the file's name, else ndjson")
      ->transform(CLI::CheckedTransformer(kFormats));
  command->add_option("--brokers", options->brokers, "send to Kafka instead")->excludes(out);
  command->add_option("--topic-prefix", options->topic_prefix, "goes before every topic's name");
  command->add_option("--speed", options->speed, "event seconds a second; 0: as fast as it goes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--quiet", options->quiet, "no progress");
  command->callback([=] { *work = [=](const Stop& stop) { return simulate(*options, stop); }; });
}

void add_status(CLI::App* app, Work* work) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app->add_subcommand(
      "status", "Lag, watermarks, alerts in force and health of a running system");
  command->add_option("--config", options->config,
                      "configuration file (YAML) that names the ports; default: the default ports");
  command->callback([=] { *work = [=](const Stop&) { return show_status(*options); }; });
}

void add_subscribe(CLI::App* app, Work* work) {
  auto options = std::make_shared<SubscribeOptions>();
  CLI::App* command = app->add_subcommand("subscribe", "Follows alerts over gRPC");
  command->add_option("--target", options->target, "host:port of a gateway")->capture_default_str();
  command->add_option("--rule", options->rules, "only these rules");
  command->add_option("--region", options->regions, "only subjects of these countries");
  command->add_option("--severity", options->severity, "this severity or above")
      ->check(CLI::IsMember({"info", "warning", "critical"}));
  command->add_option("--from", options->from, "resume after this token");
  command->add_flag("--json", options->json, "a line of JSON for each response, with its token");
  command->callback([=] { *work = [=](const Stop& stop) { return subscribe(*options, stop); }; });
}

void add_topics(CLI::App* app, Work* work) {
  auto options = std::make_shared<TopicsOptions>();
  CLI::App* topics = app->add_subcommand("topics", "The topics that the services use");
  topics->require_subcommand(1);
  CLI::App* create = topics->add_subcommand("create", "Creates those that don't exist");
  create->add_option("--config", options->config, "configuration file (YAML)")->required();
  create->add_option("--partitions", options->partitions, "of invoices and shipments, each")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  create->add_option("--replication", options->replication, "-1: the broker's default")
      ->capture_default_str();
  create->callback(
      [=] { *work = [=](const Stop& stop) { return create_topics(*options, stop); }; });
}

// Whoever reads standard output may hang up, as `head` does: it has read enough.
absl::Status unwritten(int error) {
  return error == EPIPE ? absl::CancelledError("nobody reads standard output")
                        : absl::ErrnoToStatus(error, "cannot write to standard output");
}

// {fmt} throws where it can't write; what is still in the buffer shows it only when that is
// flushed.
absl::Status with_output_written(const std::function<absl::Status()>& work) {
  try {
    SW_RETURN_IF_ERROR(work());
  } catch (const std::system_error& error) {
    return unwritten(error.code().value());
  }
  return std::fflush(stdout) == 0 ? absl::OkStatus() : unwritten(errno);
}

int run(int argc, char** argv) {
  CLI::App app("Watches the sale of AI accelerators as it happens.", "surgewatch");
  app.set_version_flag("--version", SURGEWATCH_VERSION);
  app.require_subcommand(1);
  Work work;
  for (const auto add : {add_demo, add_run, add_replay, add_detect, add_detectors, add_rules,
                         add_validate, add_simulate, add_status, add_subscribe, add_topics}) {
    add(&app, &work);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
  set_up_logging("surgewatch");
  Stop stop;
  stop.watch_signals();
  const absl::Status status = with_output_written([&] { return work(stop); });
  // Asked to stop: that is no failure.
  return absl::IsCancelled(status) ? kExitDone : report("surgewatch", status);
}

}  // namespace
}  // namespace surgewatch::services

int main(int argc, char** argv) { return surgewatch::services::run(argc, argv); }
