#include "base/affinity.h"

#include <cstddef>

namespace surgewatch {

std::vector<int> allowed_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof(allowed), &allowed);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

OnCpus::OnCpus(std::span<const int> cpus) {
  if (cpus.empty()) return;
  cpu_set_t before;
  cpu_set_t only;
  CPU_ZERO(&only);
  for (const int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &only);
  is_granted_ = sched_getaffinity(0, sizeof(before), &before) == 0 &&
                sched_setaffinity(0, sizeof(only), &only) == 0;
  if (is_granted_) before_ = before;
}

OnCpus::~OnCpus() {
  if (before_.has_value()) sched_setaffinity(0, sizeof(*before_), &*before_);
}

}  // namespace surgewatch
