#include "support/kafka_server.h"

#include <signal.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "base/status.h"
#include "kafka/client.h"

namespace surgewatch::test {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFetchWait{300'000};
constexpr milliseconds kFormatWait{60'000};
constexpr milliseconds kReadyWait{90'000};
constexpr milliseconds kAskWait{1'000};
constexpr milliseconds kStopWait{30'000};

// Beyond the settings that benchmarks have too.
constexpr const char* kMoreProperties = R"(
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.cleaner.enable=true
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=2
)";

std::vector<std::string> java(const std::string& jars, std::vector<std::string> rest) {
  std::vector<std::string> arguments = {
      "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars + "/*"};
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  return arguments;
}

// The last lines, where the reason is.
std::string tail(const std::string& text) {
  constexpr std::size_t kLength = 4'000;
  return text.size() <= kLength ? text : text.substr(text.size() - kLength);
}

absl::StatusOr<std::string> fetch() {
  SW_ASSIGN_OR_RETURN(const auto script,
                      Process::start({.program = SURGEWATCH_KAFKA_FETCH_SCRIPT}));
  const std::optional<int> code = script->wait(kFetchWait);
  if (code != 0) return failed_precondition("Kafka can't be fetched: {}", tail(script->err()));
  std::string folder = script->out();
  while (!folder.empty() && folder.back() == '\n') folder.pop_back();
  return folder;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KafkaServer>> KafkaServer::start() {
  auto server = std::unique_ptr<KafkaServer>(new KafkaServer());
  SW_ASSIGN_OR_RETURN(server->jars_, fetch());
  SW_RETURN_IF_ERROR(server->format());
  SW_RETURN_IF_ERROR(server->run());
  return server;
}

KafkaServer::~KafkaServer() = default;

absl::Status KafkaServer::format() {
  const std::uint16_t broker = free_port();
  brokers_ = fmt::format("127.0.0.1:{}", broker);
  std::ifstream file(SURGEWATCH_KAFKA_PROPERTIES);
  std::stringstream common;
  common << file.rdbuf();
  if (!file) return not_found("{} can't be read", SURGEWATCH_KAFKA_PROPERTIES);
  std::ofstream(directory_.path() / "server.properties")
      << fmt::format(fmt::runtime(common.str()), fmt::arg("broker", broker),
                     fmt::arg("controller", free_port()),
                     fmt::arg("directory", directory_.path().string()))
      << kMoreProperties;
  SW_ASSIGN_OR_RETURN(
      const auto tool,
      Process::start({.program = "java",
                      .arguments = java(jars_, {"kafka.tools.StorageTool", "format", "--cluster-id",
                                                "c3VyZ2V3YXRjaC10ZXN0cw", "--config",
                                                directory_.path() / "server.properties"})}));
  if (tool->wait(kFormatWait) != 0) {
    return failed_precondition("Kafka's storage can't be formatted: {}{}", tail(tool->out()),
                               tail(tool->err()));
  }
  return absl::OkStatus();
}

absl::Status KafkaServer::run() {
  SW_ASSIGN_OR_RETURN(
      process_, Process::start({.program = "java",
                                .arguments = java(jars_, {"kafka.Kafka",
                                                          directory_.path() / "server.properties"}),
                                .directory = directory_.path()}));
  const auto ignore = [](std::string_view) {};  // refused connections, until it listens
  SW_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::create({.brokers = brokers_, .log = ignore}));
  const bool ready = wait_until(
      [&] {
        return !process_->running() || admin->partitions({"surgewatch-is-it-there"}, kAskWait).ok();
      },
      kReadyWait);
  if (ready && process_->running()) return absl::OkStatus();
  return unavailable("Kafka did not come up: {}", log_tail());
}

std::string KafkaServer::log_tail() const {
  return process_ == nullptr ? "" : tail(process_->out()) + tail(process_->err());
}

void KafkaServer::stop() {
  if (process_ == nullptr) return;
  process_->signal(SIGTERM);
  process_->wait(kStopWait);
  process_.reset();
}

void KafkaServer::kill() {
  if (process_ == nullptr) return;
  process_->signal(SIGKILL);
  process_->wait(kStopWait);
  process_.reset();
}

absl::Status KafkaServer::restart() {
  stop();
  return run();
}

void KafkaServer::pause() {
  if (process_ != nullptr) process_->pause();
}

void KafkaServer::resume() {
  if (process_ != nullptr) process_->resume();
}

std::filesystem::path KafkaServer::log_directory(const std::string& topic, int partition) const {
  return directory_.path() / "data" / fmt::format("{}-{}", topic, partition);
}

}  // namespace surgewatch::test
