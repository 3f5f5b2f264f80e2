#include "integration/system.h"

#include <httplib.h>
#include <signal.h>

#include <fstream>
#include <sstream>

namespace surgewatch::test {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

System::System(std::string brokers, std::string prefix, const std::string& settings)
    : gateway_port(free_port()),
      grpc_port(free_port()),
      aggregator_port(free_port()),
      detector_port(free_port()),
      brokers_(std::move(brokers)),
      prefix_(std::move(prefix)),
      config_(directory_.path() / "surgewatch.yaml") {
  const std::filesystem::path shipped = SURGEWATCH_SOURCE_DIR "/deploy/config";
  std::filesystem::create_directory_symlink(shipped / "tables", directory_.path() / "tables");
  std::ofstream(config_) << read_file(shipped / "deepseek.yaml") << "\nkafka: {brokers: '"
                         << brokers_ << "', topic_prefix: '" << prefix_ << "', group_id: '"
                         << prefix_ << "group'}\nserver: {gateway_http_port: " << gateway_port
                         << ", gateway_grpc_port: " << grpc_port
                         << ", aggregator_http_port: " << aggregator_port
                         << ", detector_http_port: " << detector_port << "}\n"
                         << settings;
}

std::unique_ptr<Process> System::start(const std::string& program,
                                       const std::vector<std::string>& more) {
  Process::Options options;
  options.program = std::string(SURGEWATCH_BIN) + "/" + program;
  options.arguments = more;
  auto process = Process::start(options);
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

std::unique_ptr<Process> System::run(const std::vector<std::string>& arguments) {
  auto process = start("surgewatch", arguments);
  EXPECT_TRUE(process->wait(kPatience).has_value()) << arguments[0] << " does not end";
  return process;
}

void System::create_topics(int partitions) {
  const auto done = run({"topics", "create", "--config", config_.string(), "--partitions",
                         std::to_string(partitions), "--replication", "1"});
  ASSERT_EQ(done->wait({}), 0) << done->err();
}

void System::simulate(const std::string& scenario, int events) {
  const auto done = run({"simulate", "--scenario", scenario, "--events", std::to_string(events),
                         "--brokers", brokers_, "--topic-prefix", prefix_, "--quiet"});
  ASSERT_EQ(done->wait({}), 0) << done->err();
}

void System::start_all() {
  const std::vector<std::string> flags{"--config", config_.string()};
  aggregator = start("surgewatch-aggregator", flags);
  detector = start("surgewatch-detector", flags);
  gateway = start("surgewatch-gateway", flags);
}

void System::stop(std::unique_ptr<Process>& process) {
  if (process == nullptr) return;
  process->signal(SIGTERM);
  EXPECT_EQ(process->wait(std::chrono::milliseconds(5'000)), 0) << process->err();
  process.reset();
}

void System::stop_all() {
  for (auto* process : {&aggregator, &detector, &gateway}) stop(*process);
}

std::string System::get(int port, const std::string& path) {
  httplib::Client client("127.0.0.1", port);
  client.set_read_timeout(10);
  const auto answer = client.Get(path.c_str());
  return answer ? answer->body : "";
}

double System::metric(int port, const std::string& name, const std::string& labels) {
  std::istringstream lines(get(port, "/metrics"));
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line.find(labels) == std::string::npos) continue;
    if (line[name.size()] != '{' && line[name.size()] != ' ') continue;
    sum += std::stod(line.substr(line.rfind(' ') + 1));
  }
  return sum;
}

std::vector<kafka::Kept> System::records(const std::string& topic_name, int partitions) const {
  const auto consumer = kafka::make_consumer(brokers_, "reader", {.headers = true});
  std::vector<std::pair<kafka::TopicPartition, std::int64_t>> starts;
  for (int i = 0; i < partitions; ++i)
    starts.push_back({{topic(topic_name), i}, kafka::kBeginning});
  return kafka::read_to_end(*consumer, starts);
}

std::vector<v1::Alert> System::alerts() const {
  std::vector<v1::Alert> alerts;
  for (const kafka::Kept& record : records("alerts")) {
    EXPECT_TRUE(alerts.emplace_back().ParseFromString(record.payload));
    EXPECT_EQ(record.key, alerts.back().alert_id());
  }
  return alerts;
}

}  // namespace surgewatch::test
