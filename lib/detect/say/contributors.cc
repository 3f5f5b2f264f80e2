#include "detect/say/contributors.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "detect/say/phrases.h"

namespace surgewatch::detect {
namespace {

v1::Contributor contributor(const Share& share) {
  v1::Contributor contributor;
  contributor.set_amount(share.amount);
  for (const auto& [dimension, value] : share.labels) {
    (*contributor.mutable_labels())[std::string(dimension)] = value;
  }
  return contributor;
}

v1::Contributor contributor(const RuleShape& shape, const NamedOrder& order) {
  const journal::OrderFinding& finding = order.finding;
  v1::Contributor contributor;
  contributor.set_amount(order.amount);
  auto& labels = *contributor.mutable_labels();
  labels["order_id"] = finding.order_id;
  if (!finding.kind.empty()) labels["kind"] = finding.kind;
  for (std::size_t i = 0; i < finding.key.size(); ++i) {
    if (finding.key[i].empty()) continue;
    labels[std::string(config::dimension_name(shape.series->group_by[i]))] = finding.key[i];
  }
  for (const std::string& id : finding.documents) contributor.add_documents(id);
  contributor.set_text(fmt::format(
      "order {}{}{}: {} units, {} chips", printable_word(finding.order_id),
      finding.kind.empty() ? "" : ", ", finding.kind.empty() ? "" : printable_word(finding.kind),
      finding.units, finding.chips));
  return contributor;
}

}  // namespace

void add_contributors(const Finding& finding, const Composition& composition, v1::Alert* alert) {
  if (!finding.figures.conclusive()) return;
  const RuleShape& shape = finding.rule;
  std::vector<v1::Contributor> all;
  for (const NamedOrder& order : composition.orders) all.push_back(contributor(shape, order));
  for (const Share& share : composition.keys) all.push_back(contributor(share));
  for (const Share& share : composition.values) all.push_back(contributor(share));
  std::stable_sort(all.begin(), all.end(), [](const v1::Contributor& a, const v1::Contributor& b) {
    if (a.amount() != b.amount()) return a.amount() > b.amount();
    return a.labels_size() < b.labels_size();
  });
  const double amount = window_amount(shape, finding.figures);
  for (v1::Contributor& one : all) {
    one.set_share(amount > 0 ? one.amount() / amount : 0);
    if (one.text().empty()) {
      one.set_text(fmt::format("{}, {} of the window",
                               amount_text(shape.rule->measure, one.amount()),
                               percent(one.share())));
    }
    *alert->add_contributors() = std::move(one);
  }
}

}  // namespace surgewatch::detect
