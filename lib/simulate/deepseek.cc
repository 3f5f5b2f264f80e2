#include "simulate/deepseek.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "base/status.h"
#include "simulate/deepseek_orders.h"
#include "simulate/deepseek_plan.h"
#include "simulate/documents.h"
#include "simulate/random.h"

namespace surgewatch::simulate {
namespace {

// One document in sixteen is sent up to 30 minutes after its time, the others at their time.
constexpr std::uint64_t kOneInDelayed = 16;
constexpr Micros kMaxDelay = 30 * 60 * kMicrosPerSecond;

// Documents of a day of sending are known once all orders up to this many days on are: a shipment
// leaves at most five days before its invoice. And one may be sent on the sixth day after.
constexpr int kLookAhead = 5;
constexpr std::size_t kRing = 16;  // days; above kLookAhead + 6, a power of two

class DeepSeek : public Scenario {
 public:
  DeepSeek(Plan plan, std::uint64_t events, std::uint64_t seed)
      : book_(std::move(plan), seed), seed_(seed), total_(events) {}

  std::uint64_t total() const override { return total_; }

  bool next(v1::Event* event) override {
    while (position_ == today().size()) {
      if (day_ > kDays) return false;  // the last documents are sent on the day after the last
      start_day();
    }
    const Document& document = today()[position_++];
    if (document.part < 0) {
      book_.write_invoice(document.order, spare_.invoice(event));
    } else {
      book_.write_shipment(document.order, document.part, spare_.shipment(event));
    }
    return true;
  }

 private:
  struct Document {
    Micros sent;
    OrderKey order;
    int part;  // of the shipment; -1 for the invoice

    auto place() const { return std::tuple(sent, order.day, order.route, order.index, part); }
  };

  std::vector<Document>& sent_on(std::int64_t day) {
    return ring_[static_cast<std::size_t>(day) % kRing];
  }
  // While the stream is within day d, day_ is d + 1.
  std::vector<Document>& today() { return sent_on(day_ == 0 ? kRing - 1 : day_ - 1); }

  void start_day() {
    today().clear();
    position_ = 0;
    for (; planned_ < kDays && planned_ <= day_ + kLookAhead; ++planned_) plan_day(planned_);
    ++day_;
    std::sort(today().begin(), today().end(),
              [](const Document& a, const Document& b) { return a.place() < b.place(); });
  }

  void plan_day(int day) {
    for (int r = 0; r < kOrdinaryRoutes; ++r) {
      const auto route = static_cast<Route>(r);
      for (std::int64_t i = 0; i < book_.plan().orders(day, route); ++i) {
        plan_order({day, route, i});
      }
    }
    const auto& diversions = book_.plan().diversions();
    for (; next_diversion_ < diversions.size() && diversions[next_diversion_].day == day;
         ++next_diversion_) {
      plan_order({day, Route::kDiverted, static_cast<std::int64_t>(next_diversion_)});
    }
  }

  void plan_order(const OrderKey& order) {
    const Schedule schedule = book_.schedule(order);
    plan_document(schedule.invoice, order, -1);
    for (int part = 0; part < schedule.shipment_count; ++part) {
      plan_document(schedule.shipments[static_cast<std::size_t>(part)], order, part);
    }
  }

  void plan_document(Micros time, const OrderKey& order, int part) {
    const std::uint64_t bits =
        hash(seed_, static_cast<std::uint64_t>(time), static_cast<std::uint64_t>(order.route),
             static_cast<std::uint64_t>(order.index), static_cast<std::uint64_t>(part));
    if (bits % kOneInDelayed == 0) time += static_cast<Micros>(scale(bits, kMaxDelay));
    sent_on((time - kFirstDay) / kMicrosPerDay).push_back({time, order, part});
  }

  const OrderBook book_;
  SpareDocuments spare_;
  const std::uint64_t seed_;
  const std::uint64_t total_;
  std::array<std::vector<Document>, kRing> ring_;
  std::size_t position_ = 0;  // in today()
  std::int64_t day_ = 0;      // next day to start
  int planned_ = 0;           // days whose orders are in the ring
  std::size_t next_diversion_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Scenario>> make_deepseek(std::uint64_t events, std::uint64_t seed) {
  SW_ASSIGN_OR_RETURN(Plan plan, Plan::make(events));
  return std::make_unique<DeepSeek>(std::move(plan), events, seed);
}

}  // namespace surgewatch::simulate
