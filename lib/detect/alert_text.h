// Puts a revision into words: the Alert and the SeriesPoint as they are published.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/largest.h"
#include "config/config.h"
#include "detect/evaluate.h"
#include "detect/revisions.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::detect {

// What an alert is about: a value for each of the rule's `per`.
struct SubjectName {
  std::vector<std::size_t> per;  // positions in the series' group_by
  std::vector<std::string> values;
  // `bill_to=SG;family=Hopper`, with `\`, `;` and `=` in values escaped by `\`: unique.
  std::string canonical;
};
SubjectName subject_name(const RuleShape& shape, const std::vector<std::size_t>& per,
                         std::vector<std::string> values);
// A part of what was observed in the reported window, by the dimensions that `per` leaves out.
struct Contributor {
  std::vector<std::pair<std::string_view, std::string>> labels;
  double amount = 0;
};
inline constexpr std::size_t kMaxContributors = 5;

// The evidence of an alert that has been firing for so long that it may be a new normal.
inline constexpr std::string_view kNewNormal = "new_normal_proposed";

// What the reported window is made of.
struct Composition {
  std::vector<Contributor> contributors;
  // What the largest document adds, in the rule's measure; of a document whose lines fall under
  // several keys, its largest part. Absent where the series doesn't keep it in this measure.
  std::optional<Largest> largest_document;
};

// What lies below the subject in a rollup and is unusual too.
struct NamedPart {
  const SubjectName* name = nullptr;
  Part part;
};

v1::Alert make_alert(const config::Config& config, const RuleShape& shape,
                     const SubjectName& subject, const Revision& revision,
                     const Composition& composition, const std::vector<NamedPart>& parts);

v1::SeriesPoint make_point(const RuleShape& shape, const SubjectName& subject, PaneIndex pane,
                           const Figures& figures, bool firing, LifeState state);

// `al-` and the 16 hexadecimal digits of XXH3 over rule, subject and end of the onset window.
std::string alert_id(const RuleShape& shape, const SubjectName& subject, PaneIndex onset);

// "7,697.0 million USD", "1,234.56 USD", "12,300".
std::string amount_text(Measure measure, double amount);

}  // namespace surgewatch::detect
