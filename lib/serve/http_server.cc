#include "serve/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"
#include "serve/connection_table.h"
#include "serve/http_connection.h"
#include "serve/http_meters.h"
#include "serve/listen.h"
#include "serve/peer.h"
#include "serve/router.h"
#include "serve/stream_pump.h"

namespace surgewatch::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr int kBacklog = 1'024;
// Before the next try to accept when the system has nothing for it.
constexpr milliseconds kAcceptPause{50};

// Bytes of answers that are not sent yet. Shared with the answers themselves, the last of which may
// outlive the server's other parts.
using ByteCount = std::shared_ptr<std::atomic<std::size_t>>;

// The body, counted for as long as it lives.
void count_body(const ByteCount& unsent, HttpReply* reply) {
  if (reply->body == nullptr) return;
  // Relaxed, here and where it is read: a sum that nothing else hangs on.
  unsent->fetch_add(reply->body->size(), std::memory_order_relaxed);
  reply->body = {reply->body.get(), [unsent, body = reply->body](const std::string*) {
                   unsent->fetch_sub(body->size(), std::memory_order_relaxed);
                 }};
}

// "64 streams of this address are open, the most there may be; try again later".
HttpReply too_many(std::string_view what, std::string_view state, bool of_peer, int limit) {
  return busy_reply(fmt::format("{} {}{} are {}, the most there may be; try again later", limit,
                                what, of_peer ? " of this address" : "", state));
}

class HttpServerImpl final : public HttpServer {
 public:
  explicit HttpServerImpl(const Options& options)
      : options_(options),
        router_(options),
        meters_(options.telemetry, options.alerts != nullptr),
        table_(options.limits.connections, options.limits.connections_per_peer),
        query_slots_(options.limits.queries, options.limits.queries_per_peer),
        stream_slots_(options.limits.streams, options.limits.streams_per_peer),
        queries_(static_cast<std::size_t>(options.limits.query_threads)) {
    events_.on_request = [this](HttpConnection& connection, HttpRequest request) {
      serve(connection, std::move(request));
    };
    events_.on_taken = [this](HttpConnection& connection) { pump_->taken(connection.id()); };
    events_.on_answered = [this](HttpConnection&, int status) { meters_.answered(status); };
    events_.on_cut = [this](HttpConnection& connection, Cut why) {
      meters_.cut(why);
      if (connection.is_streaming()) meters_.stream_cut();
    };
    events_.on_closed = [this](HttpConnection& connection) { forget(connection); };
  }
  ~HttpServerImpl() override { stop(); }

  absl::Status listen() {
    if (!open_acceptor()) {
      return cannot_listen("HTTP", options_.bind_address, options_.port);
    }
    port_ = acceptor_.local_endpoint().port();
    accept();
    if (options_.alerts != nullptr) start_pump();
    thread_ = std::thread([this] { io_.run(); });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  void stop() override {
    if (!thread_.joinable()) return;
    stopping_.store(true, std::memory_order_release);
    asio::post(io_, [this] { drain(); });
    if (pump_ != nullptr) pump_->stop();
    thread_.join();
    queries_.join();
    metrics_.join();
    for (const auto& connection : table_.all()) connection->close();
  }

 private:
  // --- Connections -----------------------------------------------------------------------------

  // Not SO_REUSEPORT: two servers on one port would each get some of the requests. SO_REUSEADDR
  // only spares a restart the wait for old connections.
  bool open_acceptor() {
    error_code error;
    tcp::resolver resolver(io_);
    const auto found =
        resolver.resolve(options_.bind_address, std::to_string(options_.port),
                         tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error) return false;
    for (const auto& entry : found) {
      const tcp::endpoint endpoint = entry.endpoint();
      error_code ignored;  // that an option is missing keeps nobody from listening
      acceptor_.close(ignored);
      acceptor_.open(endpoint.protocol(), error);
      if (error) continue;
      acceptor_.set_option(asio::socket_base::reuse_address(true), ignored);
      if (endpoint.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(false), ignored);
      acceptor_.bind(endpoint, error);
      if (!error) acceptor_.listen(kBacklog, error);
      if (!error) return true;
    }
    return false;
  }

  void accept() {
    acceptor_.async_accept(newcomer_, [this](const error_code& error, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (error) return pause_accepting(error);
      admit(std::move(socket));
      accept();
    });
  }

  void pause_accepting(const error_code& why) {
    const auto longest = why == asio::error::no_descriptors ? table_.longest_waiting() : nullptr;
    if (longest != nullptr) longest->cut(Cut::kDescriptors);
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](const error_code& error) {
      if (!error && acceptor_.is_open()) accept();
    });
  }

  void admit(tcp::socket socket) {
    std::string peer = peer_of(newcomer_.address().to_string());
    const ConnectionTable::Place place = table_.place_for(peer);
    if (place.displaced != nullptr) {
      place.displaced->cut(place.full == ConnectionTable::Full::kOfPeer ? Cut::kPeer : Cut::kFull);
    }
    const auto connection =
        std::make_shared<HttpConnection>(++last_id_, std::move(socket), options_.limits, events_);
    table_.add(connection->id(), connection, &connection->standing(), std::move(peer));
    meters_.set_connections(table_.size());
    connection->start();
  }

  void forget(HttpConnection& connection) {
    const std::uint64_t id = connection.id();
    if (table_.is_exempt(id)) {
      pump_->close(id);
      stream_slots_.give_back(table_.peer(id));
      meters_.add_streams(-1);
    }
    table_.remove(id);
    meters_.set_connections(table_.size());
    if (table_.size() == 0 && !acceptor_.is_open()) io_.stop();
  }

  // --- Requests --------------------------------------------------------------------------------

  void serve(HttpConnection& connection, HttpRequest request) {
    switch (router_.lane(request)) {
      case Router::Lane::kAtOnce:
        return connection.answer(router_.at_once(request));
      case Router::Lane::kMetrics:
        return ask_for_metrics({connection.id(), request.accepts_gzip});
      case Router::Lane::kQuery:
        return ask(connection, std::move(request));
    }
  }

  void ask(HttpConnection& connection, HttpRequest request) {
    const std::string& peer = table_.peer(connection.id());
    const auto admission = query_slots_.take(peer);
    if (admission != PeerSlots::Admission::kAdmitted) {
      const bool of_peer = admission == PeerSlots::Admission::kFullOfPeer;
      meters_.refused(of_peer ? Refused::kPeer : Refused::kFull);
      return connection.answer(
          too_many("queries", "being answered", of_peer,
                   of_peer ? options_.limits.queries_per_peer : options_.limits.queries));
    }
    meters_.add_queries(1);
    asio::post(queries_, [this, id = connection.id(), peer, request = std::move(request)] {
      Router::Answer answer = query(request);
      asio::post(io_, [this, id, peer, answer = std::move(answer)]() mutable {
        query_slots_.give_back(peer);
        meters_.add_queries(-1);
        if (const auto asker = table_.find(id)) finish(*asker, std::move(answer));
      });
    });
  }

  // On a query thread.
  Router::Answer query(const HttpRequest& request) {
    if (stopping_.load(std::memory_order_acquire)) return busy_reply("the service is stopping");
    if (unsent_->load(std::memory_order_relaxed) >= options_.limits.unsent_bytes) {
      meters_.refused(Refused::kUnsent);
      return busy_reply("too many answers are waiting for their clients; try again later");
    }
    Router::Answer answer = router_.query(request);
    if (auto* reply = std::get_if<HttpReply>(&answer)) count_body(unsent_, reply);
    return answer;
  }

  void finish(HttpConnection& connection, Router::Answer answer) {
    relieve();
    if (auto* reply = std::get_if<HttpReply>(&answer)) return connection.answer(std::move(*reply));
    open_stream(connection, std::get<std::unique_ptr<EventStream>>(std::move(answer)));
  }

  // While too much is unsent, whoever is slow goes sooner.
  void relieve() {
    const auto before = HttpConnection::Clock::now() - options_.limits.pressed_stall_time;
    while (unsent_->load(std::memory_order_relaxed) >= options_.limits.unsent_bytes) {
      const auto slowest = table_.longest_unsent(before);
      if (slowest == nullptr) return;
      slowest->cut(Cut::kUnsent);
    }
  }

  // --- Metrics ---------------------------------------------------------------------------------

  // Those who ask while metrics are being written out share the next exposition: however many ask,
  // one is made after another, and everybody gets one that is newer than the question.
  struct Scrape {
    std::uint64_t connection = 0;
    bool accepts_gzip = false;
  };
  using Scrapes = std::vector<Scrape>;
  using Expositions = std::array<std::optional<HttpReply>, 2>;  // plain, and by gzip

  void ask_for_metrics(const Scrape& scrape) {
    scrapes_.push_back(scrape);
    if (!is_exposing_) expose();
  }

  void expose() {
    is_exposing_ = true;
    asio::post(metrics_, [this, scrapes = std::exchange(scrapes_, {})]() mutable {
      const HttpReply reply = router_.metrics();
      Expositions made;
      for (const Scrape& scrape : scrapes) {
        std::optional<HttpReply>& wanted = made[scrape.accepts_gzip ? 1 : 0];
        if (wanted) continue;
        wanted = reply;
        compress(scrape.accepts_gzip, &*wanted);
        count_body(unsent_, &*wanted);
      }
      asio::post(io_, [this, scrapes = std::move(scrapes), made = std::move(made)] {
        answer_scrapes(scrapes, made);
      });
    });
  }

  void answer_scrapes(const Scrapes& scrapes, const Expositions& made) {
    is_exposing_ = false;
    relieve();
    if (!scrapes_.empty()) expose();
    for (const Scrape& scrape : scrapes) {
      const auto asker = table_.find(scrape.connection);
      if (asker != nullptr) asker->answer(*made[scrape.accepts_gzip ? 1 : 0]);
    }
  }

  // --- Streams ---------------------------------------------------------------------------------

  void start_pump() {
    pump_ = std::make_unique<StreamPump>(
        options_.alerts, options_.heartbeat,
        [this](std::uint64_t id, EventStream::Batch batch) {
          asio::post(io_, [this, id, batch = std::move(batch)] { deliver(id, batch); });
        },
        [this] { asio::post(io_, [this] { end_streams(); }); });
  }

  void open_stream(HttpConnection& connection, std::unique_ptr<EventStream> stream) {
    if (streams_are_over_) return connection.answer(busy_reply("the service is stopping"));
    const auto admission = stream_slots_.take(table_.peer(connection.id()));
    if (admission != PeerSlots::Admission::kAdmitted) {
      const bool of_peer = admission == PeerSlots::Admission::kFullOfPeer;
      meters_.stream_refused(of_peer);
      return connection.answer(
          too_many("streams", "open", of_peer,
                   of_peer ? options_.limits.streams_per_peer : options_.limits.streams));
    }
    table_.exempt(connection.id());
    meters_.add_streams(1);
    connection.begin_stream();
    pump_->open(connection.id(), std::move(stream));
  }

  void deliver(std::uint64_t id, const EventStream::Batch& batch) {
    const auto connection = table_.find(id);
    if (connection == nullptr) return;
    meters_.add_responses(batch.responses);
    if (batch.fell_behind) meters_.stream_fell_behind();
    connection->send(batch.text, batch.ends);
  }

  // The client comes back by itself, here or to another gateway.
  void end_streams() {
    streams_are_over_ = true;
    for (const auto& connection : table_.all()) {
      if (connection->is_streaming()) connection->close();
    }
  }

  // --- The end ---------------------------------------------------------------------------------

  void drain() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (const auto& connection : table_.all()) connection->drain();
    if (table_.size() == 0) return io_.stop();
    pause_.expires_after(options_.limits.stop_time);
    pause_.async_wait([this](const error_code& error) {
      if (!error) io_.stop();
    });
  }

  const Options options_;
  const Router router_;
  HttpMeters meters_;
  HttpConnection::Events events_;
  // Written by stop(), read by query threads; nothing else hangs on it, acquire/release for
  // plainness.
  std::atomic<bool> stopping_{false};
  const ByteCount unsent_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::unique_ptr<StreamPump> pump_;
  int port_ = 0;

  // The I/O thread's own, once it runs.
  ConnectionTable table_;
  PeerSlots query_slots_;
  PeerSlots stream_slots_;
  std::uint64_t last_id_ = 0;
  Scrapes scrapes_;
  bool is_exposing_ = false;
  bool streams_are_over_ = false;

  asio::io_context io_{1};
  tcp::acceptor acceptor_{io_};
  tcp::endpoint newcomer_;
  asio::steady_timer pause_{io_};  // of accepting; or until the end
  asio::thread_pool queries_;
  asio::thread_pool metrics_{1};
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::start(const Options& options) {
  try {
    auto server = std::make_unique<HttpServerImpl>(options);
    SW_RETURN_IF_ERROR(server->listen());
    return server;
  } catch (const std::exception& e) {  // Asio's, where the system has no descriptors or threads
    return failed_precondition("HTTP cannot be served: {}; raise the limits of the process",
                               e.what());
  }
}

}  // namespace surgewatch::serve
