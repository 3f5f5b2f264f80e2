// YAML into a protobuf message, by reflection: whatever the schema holds can be written in YAML,
// and nothing else can.
//
// Errors: every unknown, doubled or mistyped key is a problem with its place; reading goes on
// behind it. Exceptions of the YAML library end here. Limits: kMaxNodes values, so that a few
// aliases of aliases can't grow into a large document.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "config/problems.h"

namespace google::protobuf {
class Message;
}

namespace surgewatch::config {

inline constexpr std::size_t kMaxNodes = 100'000;

// Where each field was given. A field's path is as in `rules[0].fire_at.ratio`.
class Positions {
 public:
  bool has(const std::string& path) const { return places_.contains(path); }
  // Where the value stands, or the nearest field around it that was given.
  Position value(const std::string& path) const;
  // Where the key stands, likewise.
  Position key(const std::string& path) const;
  // Something inside this field could not be read, so what seems absent may only be misspelt.
  bool damaged(const std::string& path) const { return damaged_.contains(path); }

  void record(const std::string& path, Position key, Position value) {
    places_[path] = {key, value};
  }
  void mark_damaged(const std::string& path) { damaged_.insert(path); }

 private:
  struct Place {
    Position key, value;
  };
  const Place* nearest_place(std::string path) const;

  std::map<std::string, Place> places_;
  std::set<std::string> damaged_;
};

// `file` is used in messages only. False if the text could not be read as a whole, so that there is
// no point in looking at what the message holds.
bool read_yaml(std::string_view yaml, const std::string& file, google::protobuf::Message* message,
               Positions* positions, Problems* problems);

}  // namespace surgewatch::config
