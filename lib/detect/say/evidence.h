// The evidence of a revision: what it stands on, one fact each. What a type has to say of its
// windows is beside it (rules/); what any type may say is here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "detect/finding.h"
#include "detect/revisions.h"
#include "detect/say/composition.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {

// The evidence of an alert that has been firing for so long that it may be a new normal.
inline constexpr std::string_view kNewNormal = "new_normal_proposed";

// What lies below the subject in a rollup and is unusual too.
struct NamedPart {
  const SubjectName* name = nullptr;
  Part part;
};

// Facts, in the order in which they are added.
class EvidenceList {
 public:
  explicit EvidenceList(v1::Alert* alert) : alert_(*alert) {}

  v1::Evidence& add(std::string_view name, double value, std::string_view unit,
                    std::string text = "");

 private:
  v1::Alert& alert_;
};

// The unit of a rule's amounts in evidence: `usd_micros`, or the measure.
std::string_view unit_of(const RuleShape& shape);

// Observed over expected, and what that is as growth.
void add_ratio(const Finding& finding, EvidenceList* evidence);
// The same of the whole series, and how far the subject exceeds it. Nothing where there is no
// whole.
void add_whole(const Figures& figures, EvidenceList* evidence);
// How the alert was weighed against all that were tested in the same window.
void add_tier(const Finding& finding, const Revision& revision, EvidenceList* evidence);

// All of a revision: the window's total, what the type says, and what the window is made of. None
// of a window that has no answer.
void add_evidence(const Finding& finding, const Revision& revision, const Composition& composition,
                  const std::vector<NamedPart>& parts, v1::Alert* alert);

}  // namespace surgewatch::detect
