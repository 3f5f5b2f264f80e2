// The floor: librdkafka alone reads the topic to its end in batches and lets every record go.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "invoices.h"
#include "samples.h"

namespace {

using namespace surgewatch;

constexpr std::size_t kBatch = 10'000;

int fail(std::string_view what) {
  fmt::print(stderr, "peers_librdkafka: {}\n", what);
  return 1;
}

rd_kafka_t* consumer(const std::string& brokers, char* error, std::size_t size) {
  const std::vector<std::pair<std::string, std::string>> settings{
      {"bootstrap.servers", brokers},
      {"group.id", "librdkafka"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"enable.partition.eof", "true"},
      {"check.crcs", "false"},
      // Tuned: large answers, and enough of them queued that the broker never waits for us.
      {"fetch.min.bytes", "1000000"},
      {"fetch.wait.max.ms", "20"},
      {"max.partition.fetch.bytes", "1048576"},
      {"fetch.max.bytes", "52428800"},
      {"queued.min.messages", "100000"},
      {"queued.max.messages.kbytes", "65536"}};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, size) != RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return nullptr;
    }
  }
  return rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, size);
}

}  // namespace

int main(int argc, char** argv) {
  std::string brokers;
  std::string samples_path;
  CLI::App app("Reads the invoices with librdkafka and nothing else.", "peers_librdkafka");
  app.add_option("--brokers", brokers)->required();
  app.add_option("--samples", samples_path)->required();
  CLI11_PARSE(app, argc, argv);

  std::atomic<std::uint64_t> events{0};
  std::uint64_t bytes = 0;
  {
    const peers::Samples samples(samples_path, &events, 1);
    char error[512] = "";
    rd_kafka_t* client = consumer(brokers, error, sizeof(error));
    if (client == nullptr) return fail(error);
    rd_kafka_poll_set_consumer(client);
    rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(client);
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(peers::kPartitions);
    for (std::int32_t i = 0; i < peers::kPartitions; ++i) {
      rd_kafka_topic_partition_list_add(list, std::string(peers::kTopic).c_str(), i)->offset =
          RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);

    std::vector<rd_kafka_message_t*> batch(kBatch);
    int ended = 0;
    while (ended < peers::kPartitions) {
      const ssize_t count = rd_kafka_consume_batch_queue(queue, 10, batch.data(), batch.size());
      std::uint64_t read = 0;
      for (ssize_t i = 0; i < count; ++i) {
        rd_kafka_message_t* message = batch[static_cast<std::size_t>(i)];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
          bytes += message->len;
          ++read;
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
          ++ended;
        } else {
          return fail(rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
      }
      events.fetch_add(read, std::memory_order_relaxed);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
  }
  fmt::print("{{\"events\": {}, \"bytes\": {}}}\n", events.load(), bytes);
  return 0;
}
