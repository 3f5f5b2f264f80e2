// The sentences of a revision.
#pragma once

#include <string>

#include "detect/finding.h"
#include "detect/revisions.h"
#include "detect/say/composition.h"

namespace surgewatch::detect {

// What is, against what, and what to ask; of an alert that is over or withdrawn, why. Names in it
// are printable_word()s, while the alert has them exactly in its subject and labels. Wherever a
// party is spoken of: "inquire".
std::string explanation(const Finding& finding, const Revision& revision,
                        const Composition& composition);

}  // namespace surgewatch::detect
