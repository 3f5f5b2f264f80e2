#include "files/finding_list.h"

#include <algorithm>
#include <vector>

#include "base/proto_json.h"
#include "base/proto_time.h"
#include "base/status.h"
#include "config/wire.h"
#include "surgewatch/v1/alert.pb.h"

namespace surgewatch::files {

void FindingList::take(const orders::NamedFinding& finding) {
  if (finding.holds) {
    holding_.insert_or_assign(finding.name, finding);
  } else {
    holding_.erase(finding.name);
  }
}

absl::Status FindingList::write(TextOutput* output) const {
  std::vector<const orders::NamedFinding*> sorted;
  for (const auto& [name, finding] : holding_) sorted.push_back(&finding);
  // Rules by their names; the rest of a name is in the order that is wanted.
  std::stable_sort(sorted.begin(), sorted.end(), [&](const auto* a, const auto* b) {
    return config_->rules[a->name.rule].name < config_->rules[b->name.rule].name;
  });
  for (const orders::NamedFinding* finding : sorted) {
    const orders::NamedFinding::Name& name = finding->name;
    const config::Rule& rule = config_->rules[name.rule];
    v1::FoundInOrder found;
    found.set_rule(rule.name);
    found.set_rule_type(config::wire(*rule.type));
    found.set_order_id(name.order_id);
    found.mutable_key()->set_bill_to(name.bill_to);
    found.mutable_key()->set_declared(name.declared);
    found.mutable_key()->set_destination(name.destination);
    found.mutable_key()->set_sku(name.sku);
    found.mutable_key()->set_kind(name.kind);
    set_time(name.first_time, found.mutable_first_time());
    found.set_units(finding->units);
    found.set_chips(finding->chips);
    for (const std::string& id : finding->documents) found.add_documents(id);
    SW_RETURN_IF_ERROR(output->line(to_json(found)));
  }
  return absl::OkStatus();
}

}  // namespace surgewatch::files
