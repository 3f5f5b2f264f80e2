// Content addresses: XXH3 with 64 bits over canonical bytes, the same on every machine.
//
// Source: github.com/Cyan4973/xxHash, whose XXH3 output is fixed since release 0.8.0. It tells
// versions apart; it does not resist someone who wants two to look alike.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace surgewatch::config {

class Fingerprint {
 public:
  Fingerprint();
  ~Fingerprint();
  Fingerprint(const Fingerprint&) = delete;
  Fingerprint& operator=(const Fingerprint&) = delete;

  // Each goes in with its length, so that ("ab", "c") differs from ("a", "bc").
  void add(std::string_view text);
  void add(std::int64_t number);

  std::uint64_t digest() const;
  // `prefix` and 16 hexadecimal digits.
  std::string address(std::string_view prefix) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace surgewatch::config
