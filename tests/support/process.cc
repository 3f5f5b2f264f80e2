#include "support/process.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "base/check.h"
#include "base/status.h"

namespace surgewatch::test {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kEndWait{10'000};
constexpr milliseconds kStep{5};  // between looks at what can't be waited for
constexpr int kExecFailed = 127;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& one : strings) result.push_back(one.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment(const Process::Options& options) {
  std::vector<std::string> result;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view entry(*one);
    bool replaced = false;
    for (const auto& [name, value] : options.environment) {
      replaced |= entry.starts_with(name + "=");
    }
    if (!replaced) result.emplace_back(entry);
  }
  for (const auto& [name, value] : options.environment) result.push_back(name + "=" + value);
  return result;
}

int open_or_die(const char* path, int flags) {
  const int file = ::open(path, flags, 0600);
  if (file < 0) ::_exit(kExecFailed);
  return file;
}

}  // namespace

std::uint16_t free_port() {
  // Those given out are kept, since the system may name one twice before the first is in use.
  static std::mutex mutex;
  static std::set<std::uint16_t> given;
  const std::lock_guard lock(mutex);
  for (;;) {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SW_CHECK(probe >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    SW_CHECK(::bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0);
    SW_CHECK(::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    ::close(probe);
    if (given.insert(ntohs(address.sin_port)).second) return ntohs(address.sin_port);
  }
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "surgewatch-XXXXXX").string();
  SW_CHECK(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

bool wait_until(const std::function<bool()>& condition, milliseconds within) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

absl::StatusOr<std::unique_ptr<Process>> Process::start(const Options& options) {
  auto process = std::unique_ptr<Process>(new Process());
  const std::string in = process->files_.path() / "in";
  const std::string out = process->files_.path() / "out";
  const std::string err = process->files_.path() / "err";
  std::ofstream(in, std::ios::binary) << options.input;
  std::vector<std::string> arguments = {options.program};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> variables = environment(options);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(variables);
  const std::string directory = options.directory;
  // Says through a pipe that closes at exec whether exec failed.
  int failure[2];
  if (::pipe2(failure, O_CLOEXEC) != 0) return unavailable("pipe: {}", std::strerror(errno));
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    // Only async-signal-safe calls from here on: the test may have threads.
    // The signal comes when the thread that forked ends, which for a test is the test.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kExecFailed);
    ::dup2(open_or_die(in.c_str(), O_RDONLY), STDIN_FILENO);
    ::dup2(open_or_die(out.c_str(), O_WRONLY | O_CREAT | O_APPEND), STDOUT_FILENO);
    ::dup2(open_or_die(err.c_str(), O_WRONLY | O_CREAT | O_APPEND), STDERR_FILENO);
    int code = 0;
    if (!directory.empty() && ::chdir(directory.c_str()) != 0) code = errno;
    if (code == 0) {
      ::execvpe(argv[0], argv.data(), envp.data());
      code = errno;
    }
    [[maybe_unused]] const ssize_t written = ::write(failure[1], &code, sizeof(code));
    ::_exit(kExecFailed);
  }
  const int fork_error = errno;
  ::close(failure[1]);
  int code = 0;
  const bool failed = child > 0 && ::read(failure[0], &code, sizeof(code)) == sizeof(code);
  ::close(failure[0]);
  if (child < 0) return unavailable("fork: {}", std::strerror(fork_error));
  process->pid_ = child;
  if (failed) {
    process->reap(true);
    return not_found("{} can't be started: {}", options.program, std::strerror(code));
  }
  return process;
}

Process::~Process() {
  if (pid_ < 0 || !running()) return;
  signal(SIGTERM);
  if (wait(kEndWait).has_value()) return;
  signal(SIGKILL);
  reap(true);
}

void Process::reap(bool block) {
  if (result_.has_value()) return;
  int status = 0;
  pid_t ended = -1;
  do {
    ended = ::waitpid(pid_, &status, block ? 0 : WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended != pid_) return;
  result_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Process::running() {
  reap(false);
  return !result_.has_value();
}

void Process::signal(int number) {
  // Not once it is reaped: its id may be another's.
  if (running()) ::kill(pid_, number);
}

// A signal is taken by one thread when that runs the next time; until then the others go on.
void Process::pause() {
  signal(SIGSTOP);
  siginfo_t info{};
  while (running() &&
         ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
}

std::optional<int> Process::wait(milliseconds within) {
  wait_until([&] { return !running(); }, within);
  return result_;
}

bool Process::wait_for_output(
    const std::function<bool(const std::string& out, const std::string& err)>& seen,
    milliseconds within) {
  bool found = false;
  wait_until(
      [&] {
        const bool ended = !running();  // before reading, so that nothing written is missed
        found = seen(out(), err());
        return found || ended;
      },
      within);
  return found;
}

std::string Process::out() const { return read_file(files_.path() / "out"); }
std::string Process::err() const { return read_file(files_.path() / "err"); }

}  // namespace surgewatch::test
