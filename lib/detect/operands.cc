#include "detect/operands.h"

#include <algorithm>
#include <iterator>

namespace surgewatch::detect {

std::optional<PaneIndex> Operands::next(PaneIndex pane) const {
  std::optional<PaneIndex> first;
  const auto look = [&](const PaneSums& sums) {
    const std::optional<PaneIndex> found = sums.next(pane);
    if (found.has_value()) first = std::min(first.value_or(*found), *found);
  };
  look(observed);
  if (more != nullptr) {
    look(more->corrected);
    look(more->against);
  }
  if (flow() != nullptr) {
    for (const auto& [value, sums] : flow()->parts) look(sums);
  }
  return first;
}

std::optional<PaneIndex> Operands::last() const {
  std::optional<PaneIndex> last;
  const auto look = [&](const PaneSums& sums) {
    const std::optional<PaneIndex> found = sums.last();
    if (found.has_value()) last = std::max(last.value_or(*found), *found);
  };
  look(observed);
  if (more != nullptr) {
    look(more->corrected);
    look(more->against);
  }
  if (flow() != nullptr) {
    for (const auto& [value, sums] : flow()->parts) look(sums);
  }
  return last;
}

void Operands::forget_before(PaneIndex pane) {
  observed.forget_before(pane);
  if (more == nullptr) return;
  for (PaneSums* sums : {&more->corrected, &more->against, &more->unstated, &more->documents}) {
    sums->forget_before(pane);
  }
  if (more->flow == nullptr) return;
  auto& parts = more->flow->parts;
  for (auto part = parts.begin(); part != parts.end();) {
    part->second.forget_before(pane);
    part = part->second.size() == 0 ? parts.erase(part) : std::next(part);
  }
}

}  // namespace surgewatch::detect
