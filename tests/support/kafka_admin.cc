#include "support/kafka_admin.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#include <array>
#include <functional>
#include <memory>
#include <utility>

#include "base/status.h"

namespace surgewatch::test {
namespace {

constexpr int kWaitMs = 30'000;

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Handle = std::unique_ptr<rd_kafka_t, Free<rd_kafka_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Free<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Free<rd_kafka_event_destroy>>;
using Options = std::unique_ptr<rd_kafka_AdminOptions_t, Free<rd_kafka_AdminOptions_destroy>>;
using List =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Free<rd_kafka_topic_partition_list_destroy>>;

Handle client(const std::string& brokers, const std::string& group) {
  std::array<char, 512> reason{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] :
       {std::pair<std::string, std::string>{"bootstrap.servers", brokers},
        {"group.id", group},
        {"enable.auto.commit", "false"},
        {"log_level", "0"}}) {
    rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason.data(), reason.size());
  }
  return Handle(rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason.data(), reason.size()));
}

absl::Status status_of(rd_kafka_resp_err_t code, const std::string& what) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return failed_precondition("{}: {}", what, rd_kafka_err2str(code));
}

// Sends by `send`, and looks at the answer of each topic or partition by `error_in`.
absl::Status ask(
    const std::string& brokers, rd_kafka_admin_op_t operation, const std::string& what,
    const std::function<void(rd_kafka_t*, const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& send,
    const std::function<rd_kafka_resp_err_t(rd_kafka_event_t*)>& error_in) {
  const Handle handle = client(brokers, "admin");
  std::array<char, 512> reason{};
  const Options options(rd_kafka_AdminOptions_new(handle.get(), operation));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kWaitMs, reason.data(), reason.size());
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), kWaitMs, reason.data(), reason.size());
  const Queue queue(rd_kafka_queue_new(handle.get()));
  send(handle.get(), options.get(), queue.get());
  const Event answer(rd_kafka_queue_poll(queue.get(), kWaitMs));
  if (answer == nullptr) return unavailable("{}: no answer", what);
  if (const auto code = rd_kafka_event_error(answer.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return status_of(code, what);
  }
  return status_of(error_in(answer.get()), what);
}

rd_kafka_resp_err_t first_error(const rd_kafka_topic_result_t* const* results, std::size_t count) {
  return count == 0 ? RD_KAFKA_RESP_ERR__FAIL : rd_kafka_topic_result_error(results[0]);
}

List list_of(const kafka::TopicPartition& partition, std::int64_t offset) {
  List list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
      ->offset = offset;
  return list;
}

}  // namespace

absl::Status delete_topic(const std::string& brokers, const std::string& topic) {
  rd_kafka_DeleteTopic_t* one = rd_kafka_DeleteTopic_new(topic.c_str());
  const absl::Status status = ask(
      brokers, RD_KAFKA_ADMIN_OP_DELETETOPICS, "deleting " + topic,
      [&](auto* handle, auto* options, auto* queue) {
        rd_kafka_DeleteTopics(handle, &one, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        std::size_t count = 0;
        const auto* results =
            rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
        return first_error(results, count);
      });
  rd_kafka_DeleteTopic_destroy(one);
  return status;
}

absl::Status set_partitions(const std::string& brokers, const std::string& topic, int count) {
  std::array<char, 512> reason{};
  rd_kafka_NewPartitions_t* more = rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<std::size_t>(count), reason.data(), reason.size());
  const absl::Status status = ask(
      brokers, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, "adding partitions to " + topic,
      [&](auto* handle, auto* options, auto* queue) {
        rd_kafka_CreatePartitions(handle, &more, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        std::size_t results_count = 0;
        const auto* results = rd_kafka_CreatePartitions_result_topics(
            rd_kafka_event_CreatePartitions_result(event), &results_count);
        return first_error(results, results_count);
      });
  rd_kafka_NewPartitions_destroy(more);
  return status;
}

absl::Status delete_group(const std::string& brokers, const std::string& group) {
  rd_kafka_DeleteGroup_t* one = rd_kafka_DeleteGroup_new(group.c_str());
  const absl::Status status = ask(
      brokers, RD_KAFKA_ADMIN_OP_DELETEGROUPS, "deleting group " + group,
      [&](auto* handle, auto* options, auto* queue) {
        rd_kafka_DeleteGroups(handle, &one, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        std::size_t count = 0;
        const auto* results =
            rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
        if (count == 0) return RD_KAFKA_RESP_ERR__FAIL;
        const rd_kafka_error_t* error = rd_kafka_group_result_error(results[0]);
        return error == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
      });
  rd_kafka_DeleteGroup_destroy(one);
  return status;
}

absl::Status delete_records(const std::string& brokers, const kafka::TopicPartition& partition,
                            std::int64_t offset) {
  const List list = list_of(partition, offset);
  rd_kafka_DeleteRecords_t* records = rd_kafka_DeleteRecords_new(list.get());
  const absl::Status status = ask(
      brokers, RD_KAFKA_ADMIN_OP_DELETERECORDS, "deleting records of " + partition.topic,
      [&](auto* handle, auto* options, auto* queue) {
        rd_kafka_DeleteRecords(handle, &records, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        const auto* results =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        return results->cnt == 0 ? RD_KAFKA_RESP_ERR__FAIL : results->elems[0].err;
      });
  rd_kafka_DeleteRecords_destroy(records);
  return status;
}

absl::Status set_topic(const std::string& brokers, const std::string& topic,
                       const std::string& setting, const std::string& value) {
  rd_kafka_ConfigResource_t* resource =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  rd_kafka_ConfigResource_set_config(resource, setting.c_str(), value.c_str());
  const absl::Status status = ask(
      brokers, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, "configuring " + topic,
      [&](auto* handle, auto* options, auto* queue) {
        rd_kafka_AlterConfigs(handle, &resource, 1, options, queue);
      },
      [](rd_kafka_event_t* event) {
        std::size_t count = 0;
        const auto* results = rd_kafka_AlterConfigs_result_resources(
            rd_kafka_event_AlterConfigs_result(event), &count);
        return count == 0 ? RD_KAFKA_RESP_ERR__FAIL : rd_kafka_ConfigResource_error(results[0]);
      });
  rd_kafka_ConfigResource_destroy(resource);
  return status;
}

absl::Status commit(const std::string& brokers, const std::string& group,
                    const kafka::TopicPartition& partition, std::int64_t offset,
                    const std::string& metadata) {
  const Handle handle = client(brokers, group);
  const List list = list_of(partition, offset);
  if (!metadata.empty()) {
    // librdkafka frees it with the list, by free().
    list->elems[0].metadata = strdup(metadata.c_str());
    list->elems[0].metadata_size = metadata.size();
  }
  const auto code = rd_kafka_commit(handle.get(), list.get(), /*async=*/0);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return status_of(code, "committing for " + group);
  return status_of(list->elems[0].err, "committing for " + group);
}

std::pair<std::int64_t, std::string> committed(const std::string& brokers, const std::string& group,
                                               const kafka::TopicPartition& partition) {
  const Handle handle = client(brokers, group);
  const List list = list_of(partition, RD_KAFKA_OFFSET_INVALID);
  if (rd_kafka_committed(handle.get(), list.get(), kWaitMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return {-1, ""};
  }
  const rd_kafka_topic_partition_t& one = list->elems[0];
  return {one.offset, std::string(static_cast<const char*>(one.metadata), one.metadata_size)};
}

}  // namespace surgewatch::test
