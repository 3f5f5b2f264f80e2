#include "detect/detector.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "detect/firings.h"
#include "detect/published.h"
#include "detect/rule_runner.h"
#include "journal/merger.h"

namespace surgewatch::detect {
class Detector::Impl {
 public:
  Impl(std::shared_ptr<const config::Config> config, const Options& options)
      : config_(std::move(config)),
        options_(options),
        merger_(config_, {.inputs_end = options.inputs_end}),
        silent_(options.silent) {
    by_series_.resize(config_->series.size());
    forgotten_before_.resize(config_->series.size(), INT64_MIN);
    for (std::size_t i = 0; i < config_->rules.size(); ++i) {
      const config::Rule& rule = config_->rules[i];
      Firings* findings = nullptr;
      if (rule.typology) findings = &findings_.try_emplace(i, *config_, i).first->second;
      RuleRunner& runner = rules_.emplace_back(*config_, i, merger_, findings);
      if (!rule.typology) plain_.push_back(&runner);
      by_series_[rule.series].push_back(&runner);
      if (rule.against_series.has_value() && *rule.against_series != rule.series) {
        by_series_[*rule.against_series].push_back(&runner);
      }
    }
    for (std::size_t i = 0; i < rules_.size(); ++i) listen(i);
  }

  std::span<const journal::Refused> take(const v1::JournalRecord& record, std::int64_t offset) {
    next_offset_ = offset + 1;
    ++records_;
    for (const journal::Change& change : merger_.apply(record, offset)) {
      for (RuleRunner* rule : by_series_[change.series]) rule->take(change);
    }
    // What is not heard may stand in the middle of a flush: it is no reason to judge half of it.
    if (merger_.has_heard() && !record.has_panes()) stage_ = Stage::kAmend;
    publish_stats();
    return merger_.refused();
  }

  bool say(std::size_t limit, Emissions* out) {
    while (stage_ != Stage::kDone) {
      Emissions said;
      judge_some(limit, &said);
      if (!silent_) {
        deliver(std::move(said), out);
      } else if (says_points_) {
        std::ranges::move(said.points, std::back_inserter(out->points));
      }
      if (out->alerts.size() + out->points.size() >= limit) break;
    }
    publish_stats();
    return stage_ != Stage::kDone;
  }

  void apply(const v1::JournalRecord& record, Emissions* out) {
    take(record, next_offset_);
    while (say(SIZE_MAX, out)) {
    }
  }

  void say_points() { says_points_ = true; }

  void speak(const std::vector<v1::Alert>& published, Emissions* out) {
    SW_CHECK(stage_ == Stage::kDone);
    silent_ = false;
    published_.load(published);
    Emissions now;
    for (RuleRunner& rule : rules_) rule.restate(&now);
    deliver(std::move(now), out);
    for (v1::Alert& alert : published_.withdraw(*config_)) out->alerts.push_back(std::move(alert));
  }

  void for_each_pane(const std::function<void(const ClosedPane&)>& visit) const {
    std::vector<std::size_t> order(config_->series.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return config_->series[a].name < config_->series[b].name;
    });
    for (const std::size_t series : order) visit_series(series, visit);
  }

  DetectorStats stats() const {
    const absl::MutexLock lock(&mutex_);
    return stats_;
  }

 private:
  // Of a record that has been merged: what is left to be done, in this order.
  enum class Stage : std::uint8_t { kAmend, kAdvance, kTypologies, kLookEarly, kDone };

  // Typologies that weigh the rule are told of its windows.
  void listen(std::size_t rule) {
    std::vector<std::pair<Firings*, std::size_t>> weighed_by;
    for (auto& [typology, findings] : findings_) {
      const auto& weighs = config_->rules[typology].typology->findings;
      const auto at = std::ranges::find(weighs, rule, &config::WeighedFinding::rule);
      if (at == weighs.end()) continue;
      weighed_by.emplace_back(&findings, static_cast<std::size_t>(at - weighs.begin()));
    }
    if (weighed_by.empty()) return;
    rules_[rule].listen(
        {.add =
             [weighed_by](const SubjectName& subject, Micros end) {
               for (const auto& [findings, finding] : weighed_by) {
                 findings->add(finding, subject, end);
               }
             },
         .replace =
             [weighed_by](const SubjectName& subject, Micros behind, std::span<const Micros> ends) {
               for (const auto& [findings, finding] : weighed_by) {
                 findings->replace(finding, subject, behind, ends);
               }
             }});
  }

  // What every source that the rule reads has passed; of a typology, that its rules read. One that
  // has heard nothing of what a rule reads waits for it.
  std::optional<Micros> passed(const RuleRunner& runner) const {
    const config::Rule& rule = *runner.shape().rule;
    if (!rule.typology) {
      return merger_.watermark(rule.series, rule.against_series.value_or(rule.series));
    }
    std::vector<std::size_t> series;
    if (!has_heard_of(rule, &series)) return std::nullopt;
    const auto reads_another = [&](std::size_t other) {
      return config_->series[other].event != config_->series[series[0]].event;
    };
    const auto other = std::ranges::find_if(series, reads_another);
    return merger_.watermark(series[0], other == series.end() ? series[0] : *other);
  }
  // Appends the series that the rules of a typology read.
  bool has_heard_of(const config::Rule& typology, std::vector<std::size_t>* series) const {
    for (const config::WeighedFinding& finding : typology.typology->findings) {
      const config::Rule& weighed = config_->rules[finding.rule];
      if (weighed.typology) {
        if (!has_heard_of(weighed, series)) return false;
        continue;
      }
      if (!passed(rules_[finding.rule])) return false;
      series->push_back(weighed.series);
      if (weighed.against_series) series->push_back(*weighed.against_series);
    }
    return true;
  }

  // One stage, or as many instants of it as have `limit` emissions.
  void judge_some(std::size_t limit, Emissions* out) {
    switch (stage_) {
      case Stage::kAmend:
        for (RuleRunner* rule : plain_) {
          if (!rule->amend(limit, out)) return;
        }
        stage_ = Stage::kAdvance;
        break;
      case Stage::kAdvance:
        if (!advance(plain_, limit, out)) return;
        stage_ = Stage::kTypologies;
        typologies_judged_ = 0;
        break;
      case Stage::kTypologies:
        if (judge_typologies(limit, out)) stage_ = Stage::kLookEarly;
        break;
      case Stage::kLookEarly:
        for (RuleRunner& rule : rules_) rule.look_early(out);
        if (!options_.keep_all_panes) forget();
        stage_ = Stage::kDone;
        break;
      case Stage::kDone:
        break;
    }
  }

  // One behind the other, each when those that it weighs have said all. True once nothing is left.
  bool judge_typologies(std::size_t limit, Emissions* out) {
    for (; typologies_judged_ < config_->typologies.size(); ++typologies_judged_) {
      const std::size_t index = config_->typologies[typologies_judged_];
      RuleRunner& rule = rules_[index];
      for (const journal::Change& change : findings_.at(index).take_changes()) rule.take(change);
      if (!rule.is_closing() && !rule.amend(limit, out)) return false;
      RuleRunner* const alone = &rule;
      if (!advance({&alone, 1}, limit, out)) return false;
    }
    return true;
  }

  // What happens at one instant: rules close, and then windows become final, since a new peak makes
  // an old one's finality unimportant. Left where enough has been said, it goes on from there.
  struct Instant {
    struct Step {
      RuleRunner* rule;
      Micros passed;
    };
    std::vector<Step> close, final;
    std::size_t closed = 0;  // of those that close
  };

  // True once it is over.
  bool live_through(std::size_t limit, Emissions* out) {
    for (; instant_.closed < instant_.close.size(); ++instant_.closed) {
      const auto [rule, passed] = instant_.close[instant_.closed];
      if (!rule->close(passed, limit, out)) return false;
    }
    for (const auto [rule, passed] : instant_.final) rule->make_final(passed, out);
    instant_.close.clear();
    instant_.final.clear();
    instant_.closed = 0;
    return true;
  }

  // Of these rules. True once nothing is due.
  bool advance(std::span<RuleRunner* const> rules, std::size_t limit, Emissions* out) {
    if (!live_through(limit, out)) return false;
    struct Due {
      RuleRunner* rule = nullptr;
      Micros passed = 0;
      std::optional<Micros> close, final;
    };
    std::vector<Due> all;
    for (RuleRunner* rule : rules) {
      if (const std::optional<Micros> p = passed(*rule); p.has_value()) {
        all.push_back({rule, *p, rule->next_close_at(*p), rule->next_final_at(*p)});
      }
    }
    while (out->alerts.size() + out->points.size() < limit) {
      Micros now = INT64_MAX;
      for (const Due& due : all) {
        now = std::min({now, due.close.value_or(INT64_MAX), due.final.value_or(INT64_MAX)});
      }
      if (now == INT64_MAX) return true;
      for (const Due& due : all) {
        if (due.close == now) instant_.close.push_back({due.rule, due.passed});
        if (due.final == now) instant_.final.push_back({due.rule, due.passed});
      }
      if (!live_through(limit, out)) return false;
      for (Due& due : all) {
        if (due.close != now && due.final != now) continue;
        due.close = due.rule->next_close_at(due.passed);
        due.final = due.rule->next_final_at(due.passed);
      }
    }
    return false;
  }

  // Alerts as the revisions that follow what has been published.
  void deliver(Emissions said, Emissions* out) {
    for (v1::Alert& alert : said.alerts) {
      if (published_.take(&alert)) out->alerts.push_back(std::move(alert));
    }
    std::ranges::move(said.points, std::back_inserter(out->points));
  }

  // The newest closed pane of a rule. One whose measure has never moved has none, and would keep
  // every pane of its series: it needs none before what has been passed.
  std::optional<PaneIndex> last_seen(const RuleRunner& rule) const {
    if (rule.closed().has_value()) return rule.closed();
    const std::optional<Micros> p = passed(rule);
    if (!p.has_value() || *p >= journal::kEndOfInput) return std::nullopt;
    return pane_of(*p, rule.shape().pane_length) - 1;
  }

  // Panes that no rule needs any more. Those of a series without rules are kept as long as late
  // data can come.
  void forget() {
    for (std::size_t series = 0; series < by_series_.size(); ++series) {
      if (config_->series[series].event == Topic::kRules) continue;
      const config::Series& definition = config_->series[series];
      PaneIndex needed_from = INT64_MAX;
      if (by_series_[series].empty()) {
        const auto p = merger_.watermark(series);
        if (!p.has_value()) continue;
        needed_from = pane_of(*p - config_->event_time.allowed_lateness, definition.pane_length);
      }
      for (const RuleRunner* rule : by_series_[series]) {
        const std::optional<PaneIndex> closed = last_seen(*rule);
        needed_from = std::min(
            needed_from, closed.has_value() ? *closed - rule->kept_panes() : PaneIndex{INT64_MIN});
      }
      if (needed_from == INT64_MIN || !is_worth_forgetting(series, needed_from)) continue;
      merger_.forget_before(series, needed_from);
    }
    for (auto& [index, findings] : findings_) {
      RuleRunner& rule = rules_[index];
      const std::optional<PaneIndex> closed = last_seen(rule);
      const std::size_t series = config_->rules[index].series;
      if (!closed.has_value() || !is_worth_forgetting(series, *closed - rule.kept_panes()))
        continue;
      findings.forget_before(*closed - rule.kept_panes(),
                             [&](journal::KeyId key) { rule.drop_key(series, key); });
    }
    merger_.release_keys([this](std::size_t series, journal::KeyId key) {
      for (RuleRunner* rule : by_series_[series]) rule->drop_key(series, key);
    });
  }

  // Not at each pane; if so, it is taken for done.
  bool is_worth_forgetting(std::size_t series, PaneIndex needed_from) {
    PaneIndex& before = forgotten_before_[series];
    if (before != INT64_MIN && needed_from - before < RuleRunner::kForgetStep) return false;
    before = needed_from;
    return true;
  }

  void visit_series(std::size_t series, const std::function<void(const ClosedPane&)>& visit) const {
    const config::Series& definition = config_->series[series];
    const std::optional<Micros> passed = merger_.watermark(series);
    if (!passed.has_value()) return;
    const PaneIndex last = pane_of(*passed, definition.pane_length) - 1;

    std::vector<journal::KeyId> keys;
    for (std::size_t k = 0; k < merger_.key_end(series); ++k) {
      keys.push_back(static_cast<journal::KeyId>(k));
    }
    std::sort(keys.begin(), keys.end(), [&](journal::KeyId a, journal::KeyId b) {
      return merger_.key(series, a) < merger_.key(series, b);
    });
    struct Row {
      PaneIndex pane;
      std::size_t place;  // of the key
      MeasureValues values;
    };
    std::vector<Row> rows;
    for (std::size_t place = 0; place < keys.size(); ++place) {
      merger_.visit(series, keys[place], INT64_MIN, last, [&](const auto& entry) {
        if (!entry.values.is_zero()) rows.push_back({entry.pane, place, entry.values});
      });
    }
    std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
      return a.pane != b.pane ? a.pane < b.pane : a.place < b.place;
    });
    for (const Row& row : rows) {
      visit({series, row.pane, merger_.key(series, keys[row.place]), row.values});
    }
  }

  void publish_stats() {
    const journal::MergeStats& merge = merger_.stats();
    DetectorStats stats;
    stats.records = records_;
    stats.pane_updates = merge.pane_updates;
    stats.stale_updates = merge.stale_updates + merge.stale_corrections;
    stats.corrections = merge.corrections;
    stats.unknown_series = merge.unknown_series;
    stats.reopened_panes = merge.reopened_panes;
    stats.refused = merge.refused;
    stats.unmergeable = merge.unmergeable;
    stats.overflows = merge.overflows;
    for (const RuleRunner& rule : rules_) {
      stats.closed_panes += rule.stats().closed;
      stats.evaluations += rule.stats().evaluations;
      stats.inconclusive += rule.stats().inconclusive;
      stats.alerts_firing += rule.stats().firing;
      stats.subjects += rule.subject_count();
      stats.subjects_forgotten += rule.stats().forgotten;
      stats.too_old += rule.stats().too_old;
    }
    stats.former_owners = merge.former_owners;
    stats.over_key_limit = merge.over_key_limit;
    stats.generations = merge.generations;
    stats.watermark = merger_.lowest_watermark();
    const absl::MutexLock lock(&mutex_);
    stats_ = stats;
  }

  const std::shared_ptr<const config::Config> config_;
  const Options options_;
  journal::Merger merger_;
  std::deque<RuleRunner> rules_;
  std::vector<RuleRunner*> plain_;           // all but typologies
  std::map<std::size_t, Firings> findings_;  // by the index of the typology
  std::size_t typologies_judged_ = 0;        // of Config::typologies, in this stage
  Instant instant_;                          // empty: none has begun
  std::vector<std::vector<RuleRunner*>> by_series_;
  std::vector<PaneIndex> forgotten_before_;
  std::uint64_t records_ = 0;
  std::int64_t next_offset_ = 0;
  Stage stage_ = Stage::kDone;
  bool silent_ = false;
  bool says_points_ = false;
  Published published_;

  mutable absl::Mutex mutex_;
  DetectorStats stats_ ABSL_GUARDED_BY(mutex_);
};

Detector::Detector(std::shared_ptr<const config::Config> config)
    : Detector(std::move(config), Options{}) {}
Detector::Detector(std::shared_ptr<const config::Config> config, const Options& options)
    : impl_(std::make_unique<Impl>(std::move(config), options)) {}
Detector::~Detector() = default;

std::span<const journal::Refused> Detector::take(const v1::JournalRecord& record,
                                                 std::int64_t offset) {
  return impl_->take(record, offset);
}
bool Detector::say(std::size_t limit, Emissions* out) { return impl_->say(limit, out); }
void Detector::apply(const v1::JournalRecord& record, Emissions* out) { impl_->apply(record, out); }
void Detector::say_points() { impl_->say_points(); }
void Detector::speak(const std::vector<v1::Alert>& published, Emissions* out) {
  impl_->speak(published, out);
}

void Detector::for_each_pane(const std::function<void(const ClosedPane&)>& visit) const {
  impl_->for_each_pane(visit);
}

DetectorStats Detector::stats() const { return impl_->stats(); }

}  // namespace surgewatch::detect
