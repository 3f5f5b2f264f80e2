#include "support/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <set>

namespace surgewatch::test {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr milliseconds kWait{20'000};

std::unique_ptr<Process> shell(const std::string& script, const std::string& input = "") {
  auto process = Process::start({.program = "sh", .arguments = {"-c", script}, .input = input});
  EXPECT_TRUE(process.ok()) << process.status();
  return *std::move(process);
}

TEST(Process, GivesItsExitCodeAndOutput) {
  const auto process = shell("cat; echo oops >&2; exit 3", "hello");
  EXPECT_EQ(process->wait(kWait), 3);
  EXPECT_EQ(process->out(), "hello");
  EXPECT_EQ(process->err(), "oops\n");
  EXPECT_FALSE(process->running());
}

TEST(Process, ASignalsNumberIsInItsResult) {
  const auto process = shell("exec sleep 600");
  EXPECT_TRUE(process->running());
  process->signal(SIGKILL);
  EXPECT_EQ(process->wait(kWait), 128 + SIGKILL);
}

// Of all its threads none is left running, at once.
TEST(Process, StandsWhenItIsPaused) {
  const auto process = shell("echo ready; while :; do echo more; done");
  ASSERT_TRUE(process->wait_for_output(
      [](const std::string& out, const std::string&) { return !out.empty(); }, kWait));
  for (int i = 0; i < 20; ++i) {
    process->pause();
    std::ifstream stat("/proc/" + std::to_string(process->pid()) + "/stat");
    std::string id, name, state;
    stat >> id >> name >> state;
    EXPECT_EQ(state, "T");
    process->resume();
  }
  process->signal(SIGKILL);
  process->pause();  // of one that is gone there is nothing to wait for
  EXPECT_EQ(process->wait(kWait), 128 + SIGKILL);
}

TEST(Process, OutputIsWaitedForWhileItRuns) {
  const auto process = shell("echo ready; exec sleep 600");
  EXPECT_TRUE(process->wait_for_output(
      [](const std::string& out, const std::string&) { return out == "ready\n"; }, kWait));
  EXPECT_TRUE(process->running());
  EXPECT_EQ(process->wait(milliseconds(0)), std::nullopt);
}

TEST(Process, WaitingForOutputEndsWithTheProcess) {
  const auto process = shell("echo something");
  EXPECT_FALSE(process->wait_for_output(
      [](const std::string& out, const std::string&) { return out == "else"; }, kWait));
}

TEST(Process, IsEndedWithItsObject) {
  pid_t pid = -1;
  {
    const auto process = shell("exec sleep 600");
    pid = process->pid();
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(Process, AMissingProgramIsNamed) {
  const auto process = Process::start({.program = "no-such-program"});
  EXPECT_TRUE(absl::IsNotFound(process.status()));
  EXPECT_THAT(std::string(process.status().message()), HasSubstr("no-such-program"));
}

TEST(Process, RunsWithTheEnvironmentAndFolderGiven) {
  const TemporaryDirectory directory;
  const auto process = Process::start({.program = "sh",
                                       .arguments = {"-c", "echo $COLOUR; pwd"},
                                       .environment = {{"COLOUR", "blue"}},
                                       .directory = directory.path()});
  ASSERT_TRUE(process.ok());
  EXPECT_EQ((*process)->wait(kWait), 0);
  EXPECT_EQ((*process)->out(), "blue\n" + directory.path().string() + "\n");
}

TEST(TemporaryDirectory, GoesWithWhatIsInIt) {
  std::filesystem::path path;
  {
    const TemporaryDirectory directory;
    path = directory.path();
    std::filesystem::create_directory(path / "inner");
    std::ofstream(path / "inner" / "file") << "text";
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(FreePort, IsAnotherOneEachTime) {
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(ports.insert(free_port()).second);
}

}  // namespace
}  // namespace surgewatch::test
