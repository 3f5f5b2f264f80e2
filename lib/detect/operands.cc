#include "detect/operands.h"

#include <algorithm>

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
  return last;
}

void Operands::forget_before(PaneIndex pane) {
  observed.forget_before(pane);
  if (more == nullptr) return;
  for (PaneSums* sums : {&more->corrected, &more->against, &more->unstated, &more->documents}) {
    sums->forget_before(pane);
  }
}

}  // namespace surgewatch::detect
