#include "footprint/footprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "aggregate/footprint.h"
#include "base/bytes.h"
#include "base/source.h"
#include "base/status.h"
#include "config/problems.h"
#include "detect/footprint.h"
#include "detect/rules/table.h"
#include "serve/footprint.h"

namespace surgewatch::footprint {
namespace {

// What does not depend on the data: the program with its libraries, and for each worker two clients
// of Kafka with what waits in them (docs/architecture.md, Threads).
constexpr std::size_t kProgram = 64'000'000;
constexpr std::size_t kClients = 96'000'000;

// A share that is smaller than this part of its own is not worth a line.
constexpr std::uint64_t kWorthALine = 100;

bool is_larger(const config::Share& a, const config::Share& b) { return a.bytes > b.bytes; }

// 1,728,000,003
std::string grouped(Saturating count) {
  if (count.is_most()) return "countless";
  std::string digits = std::to_string(count.value());
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string said(const config::Share& share) {
  const Saturating each = share.bytes / std::max<std::uint64_t>(share.count.value(), 1);
  return fmt::format("{}: {} {}, {} each: {}", share.of, grouped(share.count), share.what,
                     format_bytes(each), format_bytes(share.bytes));
}

}  // namespace

Saturating Part::bytes() const {
  Saturating sum = 0;
  for (const config::Share& share : shares) sum += share.bytes;
  return sum;
}

Saturating Footprint::bytes() const {
  Saturating sum = 0;
  for (const Part& part : parts) sum += part.bytes();
  return sum;
}

Footprint of(const config::Config& config) {
  Footprint footprint;
  const Saturating sources = config.aggregator.workers;
  Part aggregator{.name = "aggregator", .shares = {}};
  for (const Topic topic : kInputTopics) {
    aggregate::add_sources(config, topic, sources, &aggregator.shares);
  }
  aggregate::add_pairs(config, sources, &aggregator.shares);
  Part detector{.name = "detector", .shares = {}};
  detect::add_detector(config, sources, &detector.shares);
  Part gateway{.name = "gateway", .shares = {}};
  serve::add_gateway(config, detect::alert_bytes(config), detect::name_bytes(config),
                     &gateway.shares);
  Part process{.name = "process", .shares = {}};
  process.shares.push_back(
      {"process", "clients", sources, sources * kClients, "lower aggregator.workers", {}});
  process.shares.push_back({"process", "program", 1, kProgram, "", {}});
  footprint.parts = {std::move(aggregator), std::move(detector), std::move(gateway),
                     std::move(process)};
  return footprint;
}

absl::Status check(const config::Config& config, const Footprint& footprint) {
  const Saturating most = footprint.bytes();
  const Saturating limit = config.limits.memory;
  if (most <= limit) return absl::OkStatus();
  config::Shares shares;
  for (const Part& part : footprint.parts) {
    shares.insert(shares.end(), part.shares.begin(), part.shares.end());
  }
  std::erase_if(shares, [](const config::Share& share) { return share.lever.empty(); });
  std::ranges::stable_sort(shares, is_larger);
  config::Problems problems;
  problems.add(config.path, {},
               "limits.memory: this may take {}, and {} is the limit; raise it, or "
               "lower what takes most",
               format_bytes(most), format_bytes(limit));
  constexpr std::size_t kNamed = 5;
  Saturating named = 0;
  for (std::size_t i = 0; i < std::min(shares.size(), kNamed); ++i) {
    const config::Share& share = shares[i];
    problems.add(config.path, share.at, "{}; {}", said(share), share.lever);
    named += share.bytes;
    // With these gone it would do.
    if (most.value() - named.value() <= limit.value()) break;
  }
  return problems.status();
}

std::vector<std::string> table(const config::Config& config, const Footprint& footprint) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("may take {} of limits.memory, {}:", format_bytes(footprint.bytes()),
                              format_bytes(config.limits.memory)));
  for (const Part& part : footprint.parts) {
    lines.push_back(fmt::format("  {}: {}", part.name, format_bytes(part.bytes())));
    config::Shares shares = part.shares;
    std::ranges::stable_sort(shares, is_larger);
    for (const config::Share& share : shares) {
      if (share.bytes * kWorthALine < footprint.bytes()) break;
      lines.push_back("    " + said(share));
    }
  }
  return lines;
}

absl::StatusOr<std::shared_ptr<const config::Config>> load(const std::string& path) {
  SW_ASSIGN_OR_RETURN(auto config, config::load(path, detect::rule_specs()));
  SW_RETURN_IF_ERROR(check(*config, of(*config)));
  return config;
}

}  // namespace surgewatch::footprint
