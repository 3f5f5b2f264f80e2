// Records of the topics of alerts and series, in the order in which Kafka gives them, into the
// store and the metrics: the gateway's reading apart from Kafka. What is no such record is passed
// over, counted and named.
//
// Threads: one.
// Errors: a record that is of another topic under the same name ends it (another_topic()); from
// then on it takes nothing.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "common/published_record.h"
#include "common/seldom.h"
#include "gateway/meters.h"
#include "kafka/client.h"
#include "serve/alert_store.h"

namespace surgewatch::services {

class Intake {
 public:
  // What is not of `alerts_topic` is a point. All outlive it.
  Intake(std::string alerts_topic, serve::AlertStore* store, GatewayMeters* meters, Seldom* seldom)
      : alerts_topic_(std::move(alerts_topic)),
        store_(*store),
        meters_(*meters),
        seldom_(*seldom) {}

  void take(const kafka::Message& message);
  // Both topics have been read to their ends: what comes from now on is news.
  void become_loaded();

  bool is_loaded() const { return loaded_; }
  // FAILED_PRECONDITION once offsets have fallen, or the records name another identity.
  const absl::Status& another_topic() const { return another_topic_; }
  // Offsets below which the topics have been read; of points, of the partition that spoke last.
  std::int64_t next_alert() const { return next_alert_; }
  std::int64_t next_point() const { return next_point_; }

 private:
  void take_alert(const kafka::Message& message);
  void take_point(const kafka::Message& message);
  bool is_of_another_topic(const kafka::Message& message);
  void refuse(const kafka::Message& message, PublishedFault fault);

  const std::string alerts_topic_;
  serve::AlertStore& store_;
  GatewayMeters& meters_;
  Seldom& seldom_;
  bool loaded_ = false;
  std::int64_t next_alert_ = 0, next_point_ = 0;
  std::uint64_t identity_ = 0;
  std::set<std::uint64_t> seen_;  // identities of records of this log
  absl::Status another_topic_;
};

}  // namespace surgewatch::services
