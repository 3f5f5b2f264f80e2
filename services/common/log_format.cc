#include "common/log_format.h"

#include <spdlog/pattern_formatter.h>

#include <string>
#include <string_view>

#include "base/printable.h"

namespace surgewatch::services {
namespace {

class Message final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& to) override {
    const std::string line =
        printable_line(std::string_view(message.payload.data(), message.payload.size()));
    to.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Message>();
  }
};

}  // namespace

std::unique_ptr<spdlog::formatter> log_format() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<Message>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n: %*");
  return formatter;
}

}  // namespace surgewatch::services
