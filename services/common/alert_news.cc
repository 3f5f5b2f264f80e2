#include "common/alert_news.h"

namespace surgewatch::services {

bool AlertNews::take(const v1::Alert& alert) {
  if (alert.state() == v1::ALERT_STATE_RESOLVED) {
    const bool was_in_force = in_force_.erase(alert.alert_id()) > 0;
    return was_in_force || alert.timing() != v1::TIMING_FINAL;
  }
  const auto [known, is_new] = in_force_.try_emplace(alert.alert_id(), alert.severity());
  if (is_new) return true;
  if (alert.severity() <= known->second) return false;
  known->second = alert.severity();
  return true;
}

}  // namespace surgewatch::services
