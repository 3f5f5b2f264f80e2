// What people do to topics: deleting them, deleting their first records.
#pragma once

#include <librdkafka/rdkafka.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace surgewatch::test {

namespace damage {

inline constexpr int kWaitMs = 30'000;

// Sends one request and waits for its answer: Kafka's error code, 0 for none.
inline rd_kafka_resp_err_t ask(
    const std::string& brokers, const std::function<void(rd_kafka_t*, rd_kafka_queue_t*)>& send,
    const std::function<rd_kafka_resp_err_t(const rd_kafka_event_t*)>& result) {
  std::array<char, 512> reason{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), reason.data(), reason.size());
  const std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)> client(
      rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason.data(), reason.size()), &rd_kafka_destroy);
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(
      rd_kafka_queue_new(client.get()), &rd_kafka_queue_destroy);
  send(client.get(), queue.get());
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
      rd_kafka_queue_poll(queue.get(), kWaitMs), &rd_kafka_event_destroy);
  if (event == nullptr) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return code;
  }
  return result(event.get());
}

}  // namespace damage

inline rd_kafka_resp_err_t delete_topic(const std::string& brokers, const std::string& topic) {
  rd_kafka_DeleteTopic_t* what = rd_kafka_DeleteTopic_new(topic.c_str());
  const auto code = damage::ask(
      brokers,
      [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteTopics(client, &what, 1, nullptr, queue);
      },
      [](const rd_kafka_event_t* event) {
        std::size_t count = 0;
        const auto* const* topics = rd_kafka_DeleteTopics_result_topics(
            rd_kafka_event_DeleteTopics_result(const_cast<rd_kafka_event_t*>(event)), &count);
        return rd_kafka_topic_result_error(topics[0]);
      });
  rd_kafka_DeleteTopic_destroy(what);
  return code;
}

// Its log then begins at `first`.
inline rd_kafka_resp_err_t delete_records_before(const std::string& brokers,
                                                 const std::string& topic, std::int64_t first) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), 0)->offset = first;
  rd_kafka_DeleteRecords_t* what = rd_kafka_DeleteRecords_new(list);
  const auto code = damage::ask(
      brokers,
      [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
        rd_kafka_DeleteRecords(client, &what, 1, nullptr, queue);
      },
      [](const rd_kafka_event_t* event) {
        return rd_kafka_DeleteRecords_result_offsets(
                   rd_kafka_event_DeleteRecords_result(const_cast<rd_kafka_event_t*>(event)))
            ->elems[0]
            .err;
      });
  rd_kafka_DeleteRecords_destroy(what);
  rd_kafka_topic_partition_list_destroy(list);
  return code;
}

}  // namespace surgewatch::test
