#include <librdkafka/rdkafka.h>
// After rdkafka.h, which it needs and doesn't include.
#include <librdkafka/rdkafka_mock.h>

#include "base/status.h"
#include "kafka/client.h"
#include "kafka/native.h"

namespace surgewatch::kafka {
namespace {

class MockCluster final : public EmbeddedBroker {
 public:
  absl::Status open() {
    // The cluster needs a client to live in; that one talks to nobody.
    SW_ASSIGN_OR_RETURN(host_,
                        Native::create(RD_KAFKA_PRODUCER, {.brokers = "127.0.0.1:1"}, {}, {}));
    cluster_.reset(rd_kafka_mock_cluster_new(host_->get(), 1));
    if (cluster_ == nullptr) {
      return unavailable("the embedded broker can't listen on a loopback port");
    }
    brokers_ = rd_kafka_mock_cluster_bootstraps(cluster_.get());
    return absl::OkStatus();
  }

  const std::string& brokers() const override { return brokers_; }

  absl::Status create_topic(const std::string& name, std::int32_t partitions) override {
    return status_of(rd_kafka_mock_topic_create(cluster_.get(), name.c_str(), partitions, 1),
                     fmt::format("creating topic \"{}\" at the embedded broker", name), "");
  }

  void fail_requests(Request request, int times, int code) override {
    const std::vector<rd_kafka_resp_err_t> codes(static_cast<std::size_t>(times),
                                                 static_cast<rd_kafka_resp_err_t>(code));
    rd_kafka_mock_push_request_errors_array(cluster_.get(), static_cast<std::int16_t>(request),
                                            codes.size(), codes.data());
  }

  void stop_failing(Request request) override {
    rd_kafka_mock_clear_request_errors(cluster_.get(), static_cast<std::int16_t>(request));
  }

  void set_reachable(bool reachable) override {
    constexpr std::int32_t kOnlyBroker = 1;
    if (reachable) {
      rd_kafka_mock_broker_set_up(cluster_.get(), kOnlyBroker);
    } else {
      rd_kafka_mock_broker_set_down(cluster_.get(), kOnlyBroker);
    }
  }

  void hide_topic(const std::string& name) override {
    rd_kafka_mock_topic_set_error(cluster_.get(), name.c_str(),
                                  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  }

 private:
  std::unique_ptr<Native> host_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Free<rd_kafka_mock_cluster_destroy>> cluster_;
  std::string brokers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddedBroker>> EmbeddedBroker::start() {
  auto broker = std::make_unique<MockCluster>();
  SW_RETURN_IF_ERROR(broker->open());
  return absl::StatusOr<std::unique_ptr<EmbeddedBroker>>(std::move(broker));
}

}  // namespace surgewatch::kafka
