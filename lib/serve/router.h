// What the HTTP server answers to a request, apart from connections and threads.
//
// Threads: any; what the options point to must outlive the router.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "serve/event_stream.h"
#include "serve/http_reader.h"
#include "serve/http_server.h"

namespace surgewatch::serve {

struct HttpReply {
  int status = 200;
  std::string type{};
  // Shared by those who ask for the same; null for none.
  std::shared_ptr<const std::string> body{};
  std::vector<std::pair<const char*, std::string>> headers{};
};

HttpReply json_reply(api::Reply reply);
// A request that was not understood.
HttpReply refusal_reply(const RequestReader::Refusal& refusal);
// The head of a stream.
HttpReply stream_reply();
// Refused for now: 503.
HttpReply busy_reply(const std::string& why);
// Replaces the body by its gzip where the client takes that and it is worth it.
void compress(bool accepts_gzip, HttpReply* reply);

class Router {
 public:
  explicit Router(const HttpServer::Options& options) : options_(options) {}

  enum class Lane {
    kAtOnce,   // at_once() never waits
    kMetrics,  // metrics(): takes as long as there are series
    kQuery,    // query(): may take long, and may wait for locks
  };
  Lane lane(const HttpRequest& request) const;

  HttpReply at_once(const HttpRequest& request) const;
  HttpReply metrics() const;
  // A stream, for GET /api/v1/stream; its start is fixed.
  using Answer = std::variant<HttpReply, std::unique_ptr<EventStream>>;
  // Of a handler's exception: 500, and a line in the log.
  Answer query(const HttpRequest& request) const;

 private:
  Answer answer_query(const HttpRequest& request) const;
  HttpReply ready() const;
  Answer api(const HttpRequest& request) const;
  std::optional<api::Reply> reply_from_store(const HttpRequest& request) const;
  Answer stream(const HttpRequest& request, const AlertStore::Place& place) const;

  const HttpServer::Options options_;
};

}  // namespace surgewatch::serve
