// Which CPUs threads run on. Linux.
#pragma once

#include <sched.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace surgewatch {

// That this thread may run on, ascending.
std::vector<int> allowed_cpus();

// The i-th of `cpus`, around and around; none of none.
inline std::span<const int> one_of(std::span<const int> cpus, std::size_t i) {
  return cpus.empty() ? cpus : cpus.subspan(i % cpus.size(), 1);
}

// Keeps this thread to some CPUs for as long as it lives, and for good the threads that are started
// meanwhile, those of libraries too. With none it changes nothing.
class OnCpus {
 public:
  explicit OnCpus(std::span<const int> cpus);
  ~OnCpus();
  OnCpus(const OnCpus&) = delete;
  OnCpus& operator=(const OnCpus&) = delete;

  // False if the system refused: the thread runs where it did.
  bool is_granted() const { return is_granted_; }

 private:
  std::optional<cpu_set_t> before_;
  bool is_granted_ = true;
};

}  // namespace surgewatch
