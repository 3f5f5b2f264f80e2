#include "aggregate/order_log.h"

#include <utility>

#include "observe/observer.h"

namespace surgewatch::aggregate {

void PairFeeder::put(const observe::Observation& event, bool is_new, std::int64_t) {
  orders::describe(event, topic_, index_, pair_.serials(), &document_);
  pair_.put(event.document.order_id, document_, is_new);
}

void PairFeeder::take_out(std::string_view document_id, std::int64_t) {
  pair_.take_out(topic_, document_id);
}

void PairFeeder::advance(Micros watermark, std::int64_t) { pair_.advance(topic_, watermark); }

void PairFeeder::look_ahead(const observe::Observation& event, Ahead step) const {
  using To = orders::OrderTable::Ahead;
  const To to = step == Ahead::kFar ? To::kTables : step == Ahead::kNear ? To::kOrder : To::kBytes;
  pair_.look_ahead(event.document.order_id, topic_, event.document.id, to);
}

void OrderLog::put(const observe::Observation& event, bool is_new, std::int64_t offset) {
  orders::describe(event, topic_, index_, serials_, &written_);
  Entry& entry = entries_.emplace_back();
  entry.offset = offset;
  entry.kind = Entry::Kind::kPut;
  entry.is_new = is_new;
  entry.order_id = event.document.order_id;
  orders::pack(written_, &entry.bytes);
}

void OrderLog::take_out(std::string_view document_id, std::int64_t offset) {
  Entry& entry = entries_.emplace_back();
  entry.offset = offset;
  entry.kind = Entry::Kind::kTakeOut;
  entry.bytes = document_id;
}

void OrderLog::advance(Micros watermark, std::int64_t offset) {
  Entry& entry = entries_.emplace_back();
  entry.offset = offset;
  entry.watermark = watermark;
}

std::vector<OrderLog::Entry> OrderLog::take() { return std::exchange(entries_, {}); }

void OrderLog::play(const Entry& entry, orders::Pair* pair) {
  switch (entry.kind) {
    case Entry::Kind::kAdvance:
      pair->advance(topic_, entry.watermark);
      break;
    case Entry::Kind::kPut:
      orders::unpack(entry.bytes, index_, &played_);
      pair->put(entry.order_id, played_, entry.is_new);
      break;
    case Entry::Kind::kTakeOut:
      pair->take_out(topic_, entry.bytes);
      break;
  }
}

}  // namespace surgewatch::aggregate
