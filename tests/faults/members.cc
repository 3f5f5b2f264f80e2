#include "faults/members.h"

#include <fmt/format.h>
#include <signal.h>

#include <fstream>

#include "base/status.h"

namespace surgewatch::faults {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kGone{10'000};
constexpr milliseconds kEnds{5'000};  // as docs/operations.md promises

std::string_view word(Role role) { return role == Role::kAggregator ? "aggregator" : "detector"; }

std::string tail(const std::string& text, std::size_t lines) {
  std::size_t at = text.size();
  for (std::size_t i = 0; i <= lines && at != std::string::npos && at > 0; ++i) {
    at = text.rfind('\n', at - 1);
  }
  return at == std::string::npos || at == 0 ? text : text.substr(at + 1);
}

}  // namespace

std::filesystem::path Members::config(Role role, int number) {
  auto& path = configs_[{role, number}];
  if (!path.empty()) return path;
  path = settings_.directory / fmt::format("{}-{}.yaml", word(role), number);
  std::ofstream(path)
      << settings_.yaml
      << fmt::format(
             "kafka: {{brokers: '{}', topic_prefix: '{}', group_id: '{}', properties: "
             "{{session.timeout.ms: '{}', heartbeat.interval.ms: '300'}}}}\n"
             "server: {{aggregator_http_port: {}, detector_http_port: {}}}\n",
             settings_.brokers, settings_.prefix, settings_.group, kSession.count(),
             test::free_port(), test::free_port());
  return path;
}

absl::Status Members::start(Role role, int number) {
  SW_ASSIGN_OR_RETURN(auto process,
                      test::Process::start(
                          {.program = fmt::format("{}/surgewatch-{}", SURGEWATCH_BIN, word(role)),
                           .arguments = {"--config", config(role, number).string(), "--instance-id",
                                         fmt::format("{}{}", word(role), number)}}));
  members_[{role, number}] = {.process = std::move(process)};
  return absl::OkStatus();
}

void Members::kill(Role role, int number) {
  const auto found = members_.find({role, number});
  if (found == members_.end()) return;
  found->second.process->signal(SIGKILL);
  found->second.process->wait(kGone);
  bury(found);
}

absl::Status Members::stop(Role role, int number) {
  const auto found = members_.find({role, number});
  if (found == members_.end()) return absl::OkStatus();
  found->second.process->signal(SIGTERM);
  const auto code = found->second.process->wait(kEnds);
  absl::Status status;
  if (code != 0) {
    status = failed_precondition("{} {} was told to stop and {}: {}", word(role), number,
                                 code ? fmt::format("ended with {}", *code) : "did not end in time",
                                 tail(found->second.process->err(), 5));
  }
  if (!code) found->second.process->signal(SIGKILL);
  bury(found);
  return status;
}

void Members::bury(std::map<Name, Member>::iterator member) {
  said_[member->first] += member->second.process->err() + "--- its end\n";
  members_.erase(member);
}

void Members::pause(Role role, int number) {
  const auto found = members_.find({role, number});
  if (found == members_.end()) return;
  found->second.process->pause();
  found->second.is_paused = true;
}

void Members::resume() {
  for (auto& [name, member] : members_) {
    if (std::exchange(member.is_paused, false)) member.process->resume();
  }
}

bool Members::is_paused(Role role, int number) const {
  const auto found = members_.find({role, number});
  return found != members_.end() && found->second.is_paused;
}

absl::Status Members::stop_all() {
  resume();
  absl::Status status;
  while (!members_.empty()) {
    const auto [role, number] = members_.begin()->first;
    status.Update(stop(role, number));
  }
  return status;
}

std::vector<std::string> Members::ended() {
  std::vector<std::string> ended;
  for (const auto& [name, member] : members_) {
    if (member.is_paused || member.process->running()) continue;
    ended.push_back(fmt::format("{} {} has ended by itself: {}", word(name.first), name.second,
                                tail(member.process->err(), 3)));
  }
  return ended;
}

std::string Members::last_lines() const {
  std::string lines;
  for (const auto& [name, member] : members_) {
    lines += fmt::format("--- {} {}\n{}", word(name.first), name.second,
                         tail(member.process->err(), 12));
  }
  return lines;
}

std::map<std::string, std::string> Members::logs() const {
  std::map<std::string, std::string> logs;
  const auto add = [&](const Name& name, const std::string& text) {
    logs[fmt::format("{}-{}", word(name.first), name.second)] += text;
  };
  for (const auto& [name, text] : said_) add(name, text);
  for (const auto& [name, member] : members_) add(name, member.process->err());
  return logs;
}

}  // namespace surgewatch::faults
