// A real Apache Kafka for integration tests: one KRaft node in a folder and on ports of its own.
// Its jars come from tests/support/kafka/fetch.sh, once a machine; `java` must be in PATH. Ready
// after about 5 s, 400 MB. Topics that don't exist are not created by asking for them.
//
// Threads: one at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "support/process.h"

namespace surgewatch::test {

class KafkaServer {
 public:
  // Ready to be used.
  static absl::StatusOr<std::unique_ptr<KafkaServer>> start();
  ~KafkaServer();

  const std::string& brokers() const { return brokers_; }

  // Ends the process: in order, or as a crash would. What is stored stays.
  void stop();
  void kill();
  // Starts it again, at the same port with what is stored.
  absl::Status restart();
  // Stops the process where it is, so that nothing is answered and nothing is lost, as behind a
  // network that is gone; lets it go on.
  void pause();
  void resume();

  // Where the log of a partition is, to be damaged while the server is stopped.
  std::filesystem::path log_directory(const std::string& topic, int partition) const;

 private:
  KafkaServer() = default;
  absl::Status format();
  absl::Status run();
  std::string log_tail() const;

  TemporaryDirectory directory_;
  std::string jars_;
  std::string brokers_;
  std::unique_ptr<Process> process_;
};

}  // namespace surgewatch::test
