// A text output: a file, or standard output for "-". Closing reports what writing could not.
//
// Threads: one. Errors: NOT_FOUND if the file can't be opened, DATA_LOSS if it can't be written.
#pragma once

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/status.h"

namespace surgewatch::files {

class TextOutput {
 public:
  static absl::StatusOr<TextOutput> open(const std::string& path) {
    std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
    if (file == nullptr) {
      return not_found("can't open {} to write: {}", path, std::strerror(errno));
    }
    return TextOutput(file, path);
  }
  TextOutput(TextOutput&& other) noexcept
      : file_(std::exchange(other.file_, nullptr)), path_(std::move(other.path_)) {}
  TextOutput& operator=(TextOutput&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~TextOutput() { (void)close(); }

  absl::Status line(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() ||
        std::fputc('\n', file_) == EOF) {
      return failed();
    }
    return absl::OkStatus();
  }
  absl::Status close() {
    if (file_ == nullptr) return absl::OkStatus();
    std::FILE* file = std::exchange(file_, nullptr);
    return (file == stdout ? std::fflush(file) : std::fclose(file)) == 0 ? absl::OkStatus()
                                                                         : failed();
  }

 private:
  TextOutput(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  absl::Status failed() const {
    return absl::DataLossError(fmt::format("writing {} failed: {}", path_, std::strerror(errno)));
  }
  std::FILE* file_;
  std::string path_;
};

}  // namespace surgewatch::files
