// GET /api/v1/window: windows over the panes of the sources that this process owns, as they are
// now. docs/api.md has the parameters.
//
// Threads: answer() by any, several at once; it reads panes as any reader does, so that no worker
// waits for it. A source that is handed over meanwhile is read to the end as its owner left it, and
// named in the answer with the offset that it reflects.
// Limits: kMaxAtOnce answers are in the making at a time, and the next one is refused (503); those
// of aggregate/live_windows.h.
#pragma once

#include <atomic>
#include <memory>

#include "absl/status/statusor.h"
#include "aggregate/live_windows.h"
#include "aggregator/owned_source.h"
#include "config/config.h"
#include "serve/http_server.h"

namespace surgewatch::services {

class LiveQueries {
 public:
  static constexpr int kMaxAtOnce = 2;

  LiveQueries(std::shared_ptr<const config::Config> config,
              std::shared_ptr<const OwnedSourceList> sources)
      : config_(std::move(config)), sources_(std::move(sources)) {}

  serve::api::Reply answer(const serve::api::Params& params);

 private:
  const std::shared_ptr<const config::Config> config_;
  const std::shared_ptr<const OwnedSourceList> sources_;
  std::atomic<int> running_{0};  // a count and no more
};

// The path with its answer, for an HTTP server.
serve::Answers live_answers(std::shared_ptr<const config::Config> config,
                            std::shared_ptr<const OwnedSourceList> sources);

absl::StatusOr<aggregate::LiveQuery> parse_live_query(const config::Config& config,
                                                      const serve::api::Params& params);

}  // namespace surgewatch::services
