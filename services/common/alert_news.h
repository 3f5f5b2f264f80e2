// Which revisions of alerts a person wants a line for: those that begin, that grow more severe and
// that end. A rising peak makes a revision a day, hundreds of them say nothing new.
//
//   unknown ──firing──► in force ──more severe──► in force ──resolved──► unknown
//                (news)               (news)                    (news)
//
// Threads: one. Cost: an entry for each alert in force.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::services {

class AlertNews {
 public:
  // Takes the revisions of an alert in order; true if this one is news. The final revision of an
  // alert that had ended before is none.
  bool take(const v1::Alert& alert);

 private:
  absl::flat_hash_map<std::string, v1::Severity> in_force_;  // by alert_id
};

}  // namespace surgewatch::services
