#include "window/dictionary.h"

namespace surgewatch::window {

ValueId Dictionary::find(std::string_view text) const {
  const auto found = ids_.find(absl::string_view(text.data(), text.size()));
  return found == ids_.end() ? kNoValue : found->second;
}

ValueId Dictionary::intern(std::string_view text) {
  if (const ValueId known = find(text); known != kNoValue) return known;
  const ValueId id = texts_.append(text);
  const std::string& kept = texts_[id];
  ids_.emplace(absl::string_view(kept.data(), kept.size()), id);
  return id;
}

}  // namespace surgewatch::window
