// The processes of a trial: aggregators and detectors by number, each with a name in its group, so
// that one that is started again takes its own place.
//
// Threads: one.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "support/process.h"

namespace surgewatch::faults {

enum class Role : std::uint8_t { kAggregator, kDetector };

class Members {
 public:
  // Those who are silent for longer are given up by their group.
  static constexpr std::chrono::milliseconds kSession{2'000};

  struct Settings {
    std::filesystem::path directory;  // for configurations, with `tables` in it
    std::string yaml;                 // of the workload
    std::string brokers, prefix, group;
  };
  explicit Members(Settings settings) : settings_(std::move(settings)) {}

  absl::Status start(Role role, int number);
  void kill(Role role, int number);
  // To be asked to end, and to end well within time.
  absl::Status stop(Role role, int number);
  void pause(Role role, int number);
  // All that are paused.
  void resume();
  // Ends all of them, in order.
  absl::Status stop_all();

  bool runs(Role role, int number) const { return members_.contains({role, number}); }
  bool is_paused(Role role, int number) const;
  // Those that have ended by themselves, with what they said last.
  std::vector<std::string> ended();

  // The configuration of one of them.
  std::filesystem::path config(Role role, int number);
  // What the members say last, for a report.
  std::string last_lines() const;
  // All that each has said in all its lives.
  std::map<std::string, std::string> logs() const;

 private:
  using Name = std::pair<Role, int>;
  struct Member {
    std::unique_ptr<test::Process> process;
    bool is_paused = false;
  };

  // It has ended.
  void bury(std::map<Name, Member>::iterator member);

  const Settings settings_;
  std::map<Name, Member> members_;
  std::map<Name, std::string> said_;  // in former lives
  std::map<Name, std::filesystem::path> configs_;
};

}  // namespace surgewatch::faults
