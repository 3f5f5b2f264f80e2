#include "config/fingerprint.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <array>

#include "base/check.h"

namespace surgewatch::config {

struct Fingerprint::State {
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> xxh3{XXH3_createState(),
                                                                       &XXH3_freeState};
};

Fingerprint::Fingerprint() : state_(std::make_unique<State>()) {
  SW_CHECK(state_->xxh3 != nullptr);
  SW_CHECK(XXH3_64bits_reset(state_->xxh3.get()) == XXH_OK);
}
Fingerprint::~Fingerprint() = default;

void Fingerprint::add(std::string_view text) {
  add(static_cast<std::int64_t>(text.size()));
  SW_CHECK(XXH3_64bits_update(state_->xxh3.get(), text.data(), text.size()) == XXH_OK);
}

void Fingerprint::add(std::int64_t number) {
  std::array<unsigned char, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(number) >> (8 * i));
  }
  SW_CHECK(XXH3_64bits_update(state_->xxh3.get(), bytes.data(), bytes.size()) == XXH_OK);
}

std::uint64_t Fingerprint::digest() const { return XXH3_64bits_digest(state_->xxh3.get()); }

std::string Fingerprint::address(std::string_view prefix) const {
  return fmt::format("{}{:016x}", prefix, digest());
}

}  // namespace surgewatch::config
