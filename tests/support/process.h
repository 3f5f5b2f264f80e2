// A program that a test starts: with its output in files, waited for with a deadline, ended by its
// id, and gone when the test is, however that ends.
//
// Threads: one at a time.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace surgewatch::test {

// A loopback TCP port that was free just now; another one at each call of this process.
std::uint16_t free_port();

// A folder of its own, removed with what is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Calls `condition` until it holds or the time is over; says whether it came to hold.
bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds within);

class Process {
 public:
  struct Options {
    std::string program = {};  // a path, or a name to be looked up in PATH
    std::vector<std::string> arguments = {};
    std::vector<std::pair<std::string, std::string>> environment = {};  // besides our own
    std::filesystem::path directory = {};                               // to run in; empty: ours
    std::string input = {};                                             // for its stdin
  };

  static absl::StatusOr<std::unique_ptr<Process>> start(const Options& options);
  // SIGTERM, and SIGKILL if it has not ended 10 s later.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number);
  // Stops all its threads where they are, and returns when they stand; and lets them go on.
  void pause();
  void resume() { signal(SIGCONT); }

  // Its exit code, or 128 plus the signal that ended it; nullopt if it still runs by then.
  std::optional<int> wait(std::chrono::milliseconds within);
  // Waits for what it prints; false if it ends first or time does.
  bool wait_for_output(
      const std::function<bool(const std::string& out, const std::string& err)>& seen,
      std::chrono::milliseconds within);

  // All that it has written so far.
  std::string out() const;
  std::string err() const;

 private:
  Process() = default;
  void reap(bool block);

  TemporaryDirectory files_;
  pid_t pid_ = -1;
  std::optional<int> result_;
};

}  // namespace surgewatch::test
