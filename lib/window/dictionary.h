// Texts as numbers: what keys are made of, so that none is copied or compared on the hot path.
//
// Threads: one writer finds and interns; any thread reads the text of a published number,
// wait-free.
// Invariants: numbers count up from 0 and keep their text for ever.
// Cost: a lookup is one hash probe; an intern copies the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "window/chunked_array.h"

namespace surgewatch::window {

using ValueId = std::uint32_t;
// The number that no text has.
inline constexpr ValueId kNoValue = UINT32_MAX;

class Dictionary {
 public:
  // Writer only; kNoValue for a text that is not there.
  ValueId find(std::string_view text) const;
  ValueId intern(std::string_view text);

  // Any thread.
  std::string_view text(ValueId id) const { return texts_[id]; }
  std::uint32_t size() const { return texts_.size(); }

 private:
  ChunkedArray<std::string> texts_;
  absl::flat_hash_map<absl::string_view, ValueId> ids_;  // the writer's; views into texts_
};

}  // namespace surgewatch::window
