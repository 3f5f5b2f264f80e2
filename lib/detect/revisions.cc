#include "detect/revisions.h"

#include <algorithm>

namespace surgewatch::detect {
namespace {

Timing timing_of(PaneIndex reported, Frontier frontier) {
  return reported <= frontier.final ? Timing::kFinal : Timing::kOnTime;
}

const Episode* find(const std::vector<Episode>& episodes, PaneIndex onset) {
  const auto found = std::find_if(episodes.begin(), episodes.end(),
                                  [&](const Episode& e) { return e.onset == onset; });
  return found == episodes.end() ? nullptr : &*found;
}

void publish(Revision next, Revision* last, absl::FunctionRef<void(const Revision&)> emit) {
  next.number = last->number + 1;
  *last = next;
  emit(*last);
}

Revision saying(const Episode& episode, bool firing, Frontier frontier) {
  Revision revision;
  revision.onset = episode.onset;
  revision.firing = firing;
  revision.reported = firing ? episode.peak : episode.resolved;
  revision.figures = firing ? episode.peak_figures : episode.resolved_figures;
  revision.timing = timing_of(revision.reported, frontier);
  revision.tier = episode.tier;
  revision.proposed = episode.proposed;
  revision.windows = episode.windows;
  revision.peak = episode.peak;
  revision.peak_figures = episode.peak_figures;
  return revision;
}

void withdraw(Frontier frontier, absl::FunctionRef<Figures(const Revision&)> evaluate,
              Revision* last, absl::FunctionRef<void(const Revision&)> emit) {
  Revision next = *last;
  if (last->firing) {
    next.firing = false;
    next.withdrawn = true;
    next.reported = last->onset;
    next.figures = evaluate(*last);
    next.peak.reset();
  }
  next.timing = timing_of(next.reported, frontier);
  if (last->firing || next.timing != last->timing) publish(next, last, emit);
}

void follow(const Episode& episode, Frontier frontier, std::vector<Revision>* published,
            absl::FunctionRef<void(const Revision&)> emit) {
  auto last = std::find_if(published->begin(), published->end(),
                           [&](const Revision& r) { return r.onset == episode.onset; });
  if (last == published->end()) {
    last = published->insert(published->end(), Revision{});
    publish(saying(episode, true, frontier), &*last, emit);
  }
  const Revision next = saying(episode, episode.firing, frontier);
  if (next.firing != last->firing || next.timing != last->timing || next.tier != last->tier ||
      next.proposed != last->proposed || next.reported != last->reported ||
      !is_same(next.figures, last->figures)) {
    publish(next, &*last, emit);
  }
}

}  // namespace

void reconcile(const std::vector<Episode>& episodes, Frontier frontier,
               absl::FunctionRef<Figures(const Revision&)> evaluate,
               std::vector<Revision>* published, absl::FunctionRef<void(const Revision&)> emit) {
  for (Revision& last : *published) {
    const bool open = last.onset > frontier.closed;
    if (!open && find(episodes, last.onset) == nullptr) withdraw(frontier, evaluate, &last, emit);
  }
  for (const Episode& episode : episodes) follow(episode, frontier, published, emit);

  if (published->size() < 2) return;
  const PaneIndex newest =
      std::max_element(published->begin(), published->end(), [](const auto& a, const auto& b) {
        return a.onset < b.onset;
      })->onset;
  std::erase_if(*published, [&](const Revision& r) {
    return !r.firing && r.timing == Timing::kFinal && r.onset != newest &&
           find(episodes, r.onset) == nullptr;
  });
}

}  // namespace surgewatch::detect
