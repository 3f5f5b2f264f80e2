// How much memory something takes, as the kernel counts it: the peak of a process of its own.
//
// Threads: one; the child is made of the caller's thread alone.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

namespace surgewatch::test {

// A line such as `VmHWM:  123 kB` of this process, in bytes.
inline std::int64_t status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != name + ":") continue;
    std::int64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes * 1'024;
  }
  return -1;
}

// By how many bytes resident memory rises at the most while `work` runs; -1 if it does not end
// well. Pages of files are left out: of the program and its libraries as many are mapped as the
// page cache has at hand, some megabytes more on one machine than on another.
inline std::int64_t peak_of(const std::function<void()>& work) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    const std::int64_t before = status_bytes("RssAnon");
    work();
    const std::int64_t rise = status_bytes("VmHWM") - status_bytes("RssFile") - before;
    const bool is_told = write(ends[1], &rise, sizeof rise) == sizeof rise;
    _exit(is_told ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  close(ends[1]);
  std::int64_t rise = -1;
  if (read(ends[0], &rise, sizeof rise) != sizeof rise) rise = -1;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return rise;
}

}  // namespace surgewatch::test
