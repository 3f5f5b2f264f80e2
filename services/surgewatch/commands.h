// The subcommands of `surgewatch`: what each is told, and the function that does it. main.cc turns
// flags into these.
//
// Errors: a status with what, where and what to do; main.cc prints it and exits with 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/stop.h"
#include "files/event_file.h"

namespace surgewatch::services {

struct DemoOptions {
  std::string config;    // default: the story's
  double seconds = 90;   // how long the two years take
  double speed = 1;      // times as fast
  int http_port = 8080;  // 0: a free one
  int grpc_port = 8081;
  std::uint64_t events = 20'000;
  std::uint64_t seed = 1;
  bool once = false;  // exit when the story has been told
};
absl::Status demo(const DemoOptions& options, const Stop& stop);

struct RunOptions {
  std::string config;
  bool strict = false;
  std::string instance_id;
};
absl::Status run_all(const RunOptions& options, const Stop& stop);

struct ReplayOptions {
  std::string config;
  std::string events;
  std::optional<files::EventFormat> format;
  std::string alerts = "-";
  std::string series;    // empty: not written
  bool zeros = false;    // in series: rows of panes without a value too
  std::string findings;  // empty: not written
  std::string rejects;   // empty: not written
  bool one_thread = false;
  bool strict = false;
  bool quiet = false;
};
absl::Status replay(const ReplayOptions& options, const Stop& stop);

// Prints what is right or wrong of each file.
absl::Status validate(const std::vector<std::string>& files);

struct StatusOptions {
  std::string config;  // empty: the default address and ports
};
absl::Status show_status(const StatusOptions& options);

struct SubscribeOptions {
  std::string target = "127.0.0.1:8081";
  std::vector<std::string> rules, regions;
  std::string severity;  // this or above
  std::string from;      // a resume token
  bool json = false;
};
absl::Status subscribe(const SubscribeOptions& options, const Stop& stop);

struct TopicsOptions {
  std::string config;
  int partitions = 4;
  int replication = -1;
};
absl::Status create_topics(const TopicsOptions& options, const Stop& stop);

struct DetectOptions {
  std::string method;
  std::vector<std::string> settings;  // KEY=VALUE
  std::string in = "-";
  std::string out = "-";
  std::string time_column;  // empty: time, t, timestamp or pane_start
  std::string value_column = "value";
  std::string step;         // between windows; empty: as the times tell
  bool successive = false;  // rows are successive windows, whatever times they have
  bool zeros = false;       // a window without a row is 0
  bool lenient = false;     // bad rows are NA, not errors
  bool details = false;     // columns of the method's own too
};
// Of the method and its settings, without a look at any file: what is wrong is wrong usage.
absl::Status check_detect(const DetectOptions& options);
absl::Status detect(const DetectOptions& options);

struct DetectorsOptions {
  std::string method;  // empty: all
  bool json = false;
};
absl::Status list_detectors(const DetectorsOptions& options);

struct RuleTypesOptions {
  std::string type;  // empty: all
  bool json = false;
  bool markdown = false;  // as the tables of docs/rules
};
absl::Status list_rule_types(const RuleTypesOptions& options);

// A file that comes with the program, such as "config/deepseek.yaml": beside an installed binary in
// ../share/surgewatch, else in the source tree it was built from.
std::string shared_file(const std::string& name);

}  // namespace surgewatch::services
