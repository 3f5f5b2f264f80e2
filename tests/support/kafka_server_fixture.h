// A fixture whose tests share one Apache Kafka, started before the first and ended after the last.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "support/kafka_server.h"

namespace surgewatch::test {

class KafkaServerFixture : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = KafkaServer::start();
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  static void TearDownTestSuite() { server_.reset(); }
  // Should the test have left it paused.
  void TearDown() override {
    if (server_ != nullptr) server_->resume();
  }

  inline static std::unique_ptr<KafkaServer> server_;
};

}  // namespace surgewatch::test
