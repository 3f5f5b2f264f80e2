// Bytes as a file, for what reads files by name; it is in memory, and gone with this object.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/check.h"

namespace surgewatch::fuzz {

class InputFile {
 public:
  InputFile() : fd_(memfd_create("fuzz", MFD_CLOEXEC)) { SW_CHECK(fd_ >= 0); }
  ~InputFile() { close(fd_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  void append(std::string_view bytes) {
    SW_CHECK(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace surgewatch::fuzz
