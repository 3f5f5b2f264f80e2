// What a source's documents mean for their orders, written down: for who reads the two halves of a
// pair by two threads and puts them together afterwards, in the order of a file.
//
// Threads: a source's writer writes and takes; another may play what was taken at the same time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregate/source.h"
#include "observe/reference_index.h"
#include "orders/document.h"
#include "orders/pair.h"

namespace surgewatch::aggregate {

// Straight to the pair: for who reads both halves by one thread.
class PairFeeder : public DocumentSink {
 public:
  PairFeeder(Topic topic, const observe::ReferenceIndex* index, orders::Pair* pair)
      : topic_(topic), index_(*index), pair_(*pair) {}

  void put(const observe::Observation& event, bool is_new, std::int64_t offset) override;
  void take_out(std::string_view document_id, std::int64_t offset) override;
  void advance(Micros watermark, std::int64_t offset) override;
  void look_ahead(const observe::Observation& event, Ahead step) const override;

 private:
  const Topic topic_;
  const observe::ReferenceIndex& index_;
  orders::Pair& pair_;
  orders::Document document_;  // reused
};

class OrderLog : public DocumentSink {
 public:
  struct Entry {
    std::int64_t offset = 0;
    Micros watermark = 0;  // of kAdvance
    enum class Kind : std::uint8_t { kAdvance, kPut, kTakeOut } kind = Kind::kAdvance;
    bool is_new = false;   // of kPut
    std::string order_id;  // of kPut
    std::string bytes;     // packed document, or the id of one that is taken out
  };

  OrderLog(Topic topic, const observe::ReferenceIndex* index, orders::Serials serials)
      : topic_(topic), index_(*index), serials_(serials) {}

  void put(const observe::Observation& event, bool is_new, std::int64_t offset) override;
  void take_out(std::string_view document_id, std::int64_t offset) override;
  void advance(Micros watermark, std::int64_t offset) override;

  // What was written since the last call; in the order of offsets.
  std::vector<Entry> take();
  // Does to the pair what the entry says.
  void play(const Entry& entry, orders::Pair* pair);

 private:
  const Topic topic_;
  const observe::ReferenceIndex& index_;
  const orders::Serials serials_;
  std::vector<Entry> entries_;
  orders::Document written_, played_;  // reused, each by its thread
};

}  // namespace surgewatch::aggregate
