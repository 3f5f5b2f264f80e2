// The three services as processes of their own, against a real Kafka, with topics of their own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/kafka_clients.h"
#include "support/kafka_server.h"
#include "support/process.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::test {

inline constexpr std::chrono::milliseconds kPatience{90'000};

class System {
 public:
  // Topics with `prefix`; `settings` is more YAML for the configuration. The story's series and
  // rules.
  System(std::string brokers, std::string prefix, const std::string& settings = "");

  const std::filesystem::path& config() const { return config_; }
  const std::string& prefix() const { return prefix_; }
  std::string topic(const std::string& name) const { return prefix_ + name; }

  // Runs `surgewatch ARGUMENTS` to its end and gives it.
  std::unique_ptr<Process> run(const std::vector<std::string>& arguments);
  void create_topics(int partitions);
  // Sends the story, or another scenario, to the input topics.
  void simulate(const std::string& scenario, int events);

  std::unique_ptr<Process> start(const std::string& program,
                                 const std::vector<std::string>& more = {});
  void start_all();
  // SIGTERM; expects exit code 0 within five seconds.
  static void stop(std::unique_ptr<Process>& process);
  void stop_all();

  std::unique_ptr<Process> aggregator, detector, gateway;
  int gateway_port, grpc_port, aggregator_port, detector_port;

  // Body of a GET on a local port, empty if nobody answers.
  static std::string get(int port, const std::string& path);
  // Sum of the samples of a metric whose labels contain `labels`.
  static double metric(int port, const std::string& name, const std::string& labels = "");

  // Everything in the topic as committed, in order.
  std::vector<kafka::Kept> records(const std::string& topic_name, int partitions = 1) const;
  std::vector<v1::Alert> alerts() const;

 private:
  std::string brokers_, prefix_;
  TemporaryDirectory directory_;
  std::filesystem::path config_;
};

}  // namespace surgewatch::test
