#include "orders/order_table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace surgewatch::orders {
namespace {

constexpr Micros kDueSpan = 3'600 * kMicrosPerSecond;
// In a horizon: how promptly what is old is forgotten, and told of.
constexpr int kForgettings = 14, kTellings = 2;

bool comes_before(const Finding& a, const Finding& b) {
  return std::tie(a.rule, a.key, a.first_time) < std::tie(b.rule, b.key, b.first_time);
}

std::uint64_t hash_of(Topic topic, std::string_view id) {
  return XXH3_64bits_withSeed(id.data(), id.size(), static_cast<XXH64_hash_t>(topic));
}

std::uint32_t tag_of(std::string_view order_id) {
  return static_cast<std::uint32_t>(XXH3_64bits(order_id.data(), order_id.size()));
}

// A length, as it stands in front of a text.
using LengthBuffer = std::array<char, kMaxVarint>;
std::string_view length_of(std::string_view text, LengthBuffer* buffer) {
  const char* const end = write_varint(text.size(), buffer->data());
  return {buffer->data(), static_cast<std::size_t>(end - buffer->data())};
}

}  // namespace

Micros OrderTable::Spans::begin_of(Micros time) const { return floor_div(time, length_) * length_; }

void OrderTable::Spans::push(Micros time, Number number) {
  if (last_ == nullptr || time < last_begin_ || time - last_begin_ >= length_) {
    last_begin_ = begin_of(time);
    last_ = &by_begin_[last_begin_];
  }
  last_->push_back(number);
}

std::vector<OrderTable::Number> OrderTable::Spans::take_first() {
  const auto first = by_begin_.begin();
  if (&first->second == last_) last_ = nullptr;
  std::vector<Number> numbers = std::move(first->second);
  by_begin_.erase(first);
  return numbers;
}

void OrderTable::Spans::clear() {
  by_begin_.clear();
  last_ = nullptr;
}

OrderTable::Number OrderTable::Whereabouts::find(std::uint64_t hash) const {
  const auto found = by_tag_.find(tag_of(hash));
  return found == by_tag_.end() ? kNone : found->second;
}

void OrderTable::Whereabouts::prefetch(std::uint64_t hash) const { by_tag_.prefetch(tag_of(hash)); }

OrderTable::Number OrderTable::Whereabouts::find_crowded(std::uint64_t hash) const {
  if (crowded_.empty()) return kNone;
  const auto found = crowded_.find(hash);
  return found == crowded_.end() ? kNone : found->second;
}

// Of several documents of one id the newest is found: where one is among the crowded, it is there.
void OrderTable::Whereabouts::insert(std::uint64_t hash, Number number) {
  if (const auto exact = crowded_.find(hash); exact != crowded_.end()) {
    exact->second = number;
    return;
  }
  const bool is_new = by_tag_.try_emplace(tag_of(hash), number).second;
  if (!is_new) crowded_.emplace(hash, number);
}

void OrderTable::Whereabouts::erase(std::uint64_t hash, Number number) {
  if (const auto exact = crowded_.find(hash); exact != crowded_.end() && exact->second == number) {
    crowded_.erase(exact);
    return;
  }
  const auto found = by_tag_.find(tag_of(hash));
  if (found != by_tag_.end() && found->second == number) by_tag_.erase(found);
}

std::size_t OrderTable::Whereabouts::bytes() const {
  return by_tag_.capacity() * (sizeof(*by_tag_.begin()) + 1) +
         crowded_.capacity() * (sizeof(*crowded_.begin()) + 1);
}

OrderTable::OrderTable(const config::Config& config, const observe::ReferenceIndex& index,
                       std::span<const std::unique_ptr<Finder>> finders, Listener* listener)
    : index_(index),
      finders_(finders),
      listener_(*listener),
      gap_(config.event_time.correction_horizon),
      // A source knows a document for the horizon and a fourteenth of it, and takes in what is late
      // by no more than the lateness: whatever it may still say of an order comes before that.
      kept_(gap_ + gap_ / 7 + config.event_time.allowed_lateness),
      lateness_(config.event_time.allowed_lateness),
      most_bytes_(static_cast<std::size_t>(config.limits.order_memory)),
      by_age_(std::max<Micros>(gap_ / kForgettings, 1)),
      by_id_(0, PlaceHash{}, PlaceEqual{this}),
      due_later_(kDueSpan) {}

std::string_view OrderTable::id_of(Number number) const {
  std::string_view text = text_of(orders_[number]);
  return read_text(&text);
}

// ---- documents ---------------------------------------------------------------------------------

std::string_view OrderTable::find_in(std::string_view order, Topic topic, std::string_view id) {
  std::string_view found;
  read_text(&order);
  while (!order.empty()) {
    const std::string_view document = read_text(&order);
    if (unpack_topic(document) == topic && unpack_id(document) == id) found = document;
  }
  return found;
}

std::string_view OrderTable::find_documents(const Order& order) {
  std::string_view text = text_of(order);
  read_text(&text);
  return text;
}

OrderTable::Number OrderTable::find_order_of(Topic topic, std::string_view id,
                                             std::uint64_t hash) const {
  // Of two of one id the later one is there.
  if (const Number exact = whereabouts_.find_crowded(hash); exact != kNone) return exact;
  const Number candidate = whereabouts_.find(hash);
  if (candidate == kNone) return kNone;
  return find_in(text_of(orders_[candidate]), topic, id).empty() ? kNone : candidate;
}

OrderTable::Number OrderTable::begin_order(std::string_view order_id, std::uint32_t tag,
                                           const Document& document) {
  auto number = static_cast<Number>(orders_.size());
  if (free_.empty()) {
    orders_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  LengthBuffer before_id, before_document;
  // Most orders have a second document, about as long.
  const auto room =
      static_cast<std::uint16_t>(packed_.size() - serial_bytes(document.serials.size()) + 1);
  replace_bytes(
      number,
      {length_of(order_id, &before_id), order_id, length_of(packed_, &before_document), packed_},
      room);
  by_id_.insert({number, tag});
  by_age_.push(document.latest_time, number);
  ++stats_.orders;
  return number;
}

void OrderTable::put(std::string_view order_id, const Document& document, bool is_new) {
  const std::uint64_t hash = hash_of(document.topic, document.id);
  const Number former = is_new ? kNone : find_order_of(document.topic, document.id, hash);
  packed_.clear();
  if (former == kNone) {
    pack(document, &packed_);
  } else {
    Document replaced, successor = document;
    unpack(find_in(text_of(orders_[former]), document.topic, document.id), index_, &replaced);
    succeed(replaced, &successor);
    pack(successor, &packed_);
  }
  const Named named{order_id, tag_of(order_id)};
  const auto found = by_id_.find(named);
  const Number number = found == by_id_.end() ? kNone : found->number;
  if (former != kNone && former != number) remove(former, document.topic, document.id, hash);
  if (number == kNone) {
    if (packed_.size() - serial_bytes(document.serials.size()) > kHalfBytes) {
      ++stats_.over_order_limit;
      return;
    }
    const Number begun = begin_order(order_id, named.tag, document);
    whereabouts_.insert(hash, begun);
    ++stats_.documents;
    compare(begun, /*had_findings=*/false, before_);
  } else {
    const bool is_known = former == number;
    const std::string_view old =
        is_known ? find_in(text_of(orders_[number]), document.topic, document.id)
                 : std::string_view();
    if (!has_room(number, document, packed_.size(), old)) {
      ++stats_.over_order_limit;
      // Its former revision does not stand any more, either.
      if (is_known) remove(number, document.topic, document.id, hash);
      return;
    }
    if (!is_known) {
      whereabouts_.insert(hash, number);
      ++stats_.documents;
    }
    rewrite(number, old, packed_);
  }
  if (bytes() > most_bytes_) make_room();
}

void OrderTable::look_ahead(std::string_view order_id, Topic topic, std::string_view id,
                            Ahead step) const {
  const Guess guess{tag_of(order_id)};
  if (step == Ahead::kTables) {
    by_id_.prefetch(guess);
    whereabouts_.prefetch(hash_of(topic, id));
    return;
  }
  const auto found = by_id_.find(guess);
  if (found == by_id_.end()) return;
  const Order& order = orders_[found->number];
  if (step == Ahead::kOrder) {
    __builtin_prefetch(&order);
    return;
  }
  // Its id and the first of its documents.
  constexpr std::ptrdiff_t kLine = 64;
  __builtin_prefetch(order.bytes.get());
  __builtin_prefetch(order.bytes.get() + kLine);
}

void OrderTable::take_out(Topic topic, std::string_view id) {
  const std::uint64_t hash = hash_of(topic, id);
  if (const Number number = find_order_of(topic, id, hash); number != kNone) {
    remove(number, topic, id, hash);
  }
}

void OrderTable::remove(Number number, Topic topic, std::string_view id, std::uint64_t hash) {
  whereabouts_.erase(hash, number);
  --stats_.documents;
  rewrite(number, find_in(text_of(orders_[number]), topic, id), {});
}

// Which documents count for it is a function of their topic's prefix: those that are forgotten lie
// further back.
bool OrderTable::has_room(Number number, const Document& document, std::size_t bytes,
                          std::string_view replaced) {
  const Order& order = orders_[number];
  if (order.size + bytes <= kHalfBytes) return true;
  std::size_t taken = bytes - serial_bytes(document.serials.size());
  for (std::string_view rest = find_documents(order); !rest.empty();) {
    const std::string_view one = read_text(&rest);
    if (unpack_topic(one) != document.topic || one.data() == replaced.data()) continue;
    const Micros distance = unpack_time(one) - document.time;
    if (distance > gap_ || distance < -gap_) continue;
    taken += one.size() - serial_bytes(unpack_serial_count(one));
  }
  return taken <= kHalfBytes;
}

// Where an order's documents have more serial numbers than are kept, half as many are from now on.
// Which is a function of the shipments' prefix, as the others have none. Returns the former bytes.
std::unique_ptr<char[]> OrderTable::thin_serials(Number number) {
  Order& order = orders_[number];
  if (order.size <= serial_bytes(kMaxSerials)) return nullptr;
  std::size_t count = 0;
  for (std::string_view rest = find_documents(order); !rest.empty();) {
    count += unpack_serial_count(read_text(&rest));
  }
  if (count <= kMaxSerials) return nullptr;
  read_documents(text_of(order));
  const std::span documents(documents_.data(), document_count_);
  std::vector<std::uint64_t> hashes;
  for (const Document& document : documents) {
    for (const Serial& serial : document.serials) hashes.push_back(serial.hash);
  }
  const auto last = hashes.begin() + kMaxSerials / 2;
  std::nth_element(hashes.begin(), last, hashes.end());
  std::string thinned;
  for (Document& document : documents) {
    const auto beyond = std::ranges::upper_bound(document.serials, *last, {}, &Serial::hash);
    if (beyond != document.serials.end()) {
      document.serials.erase(beyond, document.serials.end());
      document.serials_known_to = std::min(document.serials_known_to, *last);
    }
    packed_.clear();
    pack(document, &packed_);
    LengthBuffer before;
    thinned += length_of(packed_, &before);
    thinned += packed_;
  }
  LengthBuffer before_id;
  const std::string_view id = id_of(number);
  block_bytes_ -= bytes_of(order);
  std::unique_ptr<char[]> former = std::move(order.bytes);
  replace_bytes(number, {length_of(id, &before_id), id, thinned});
  return former;
}

void OrderTable::rewrite(Number number, std::string_view removed, std::string_view added) {
  Order& order = orders_[number];
  const bool had_findings = order.has_findings;
  const std::string_view all = text_of(order);
  if (had_findings) evaluate(all, watermark_, &before_);
  LengthBuffer before_added, before_removed;
  const std::string_view length =
      added.empty() ? std::string_view() : length_of(added, &before_added);
  std::unique_ptr<char[]> old;  // what was said is of bytes that stay until it has been compared
  if (removed.empty() && length.size() + added.size() <= order.room) {
    char* const end = order.bytes.get() + order.size;
    length.copy(end, length.size());
    added.copy(end + length.size(), added.size());
    order.size += static_cast<std::uint32_t>(length.size() + added.size());
    order.room -= static_cast<std::uint16_t>(length.size() + added.size());
  } else {
    std::string_view head = all, tail;
    if (!removed.empty()) {
      const auto end = static_cast<std::size_t>(removed.data() - all.data()) + removed.size();
      tail = all.substr(end);
      head = all.substr(0, end - removed.size() - length_of(removed, &before_removed).size());
    }
    old = std::move(order.bytes);
    block_bytes_ -= bytes_of(order);
    replace_bytes(number, {head, tail, length, added});
  }
  const std::unique_ptr<char[]> unthinned = thin_serials(number);
  compare(number, had_findings, before_);
  if (find_documents(order).empty()) forget(number);
}

void OrderTable::replace_bytes(Number number, std::initializer_list<std::string_view> parts,
                               std::uint16_t room) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  Order& order = orders_[number];
  order.bytes = std::make_unique_for_overwrite<char[]>(size + room);
  char* to = order.bytes.get();
  for (const std::string_view part : parts) to += part.copy(to, part.size());
  order.size = static_cast<std::uint32_t>(size);
  order.room = room;
  block_bytes_ += bytes_of(order);
}

// ---- what an order says ------------------------------------------------------------------------

void OrderTable::read_documents(std::string_view text) {
  read_text(&text);
  document_count_ = 0;
  while (!text.empty()) {
    if (document_count_ == documents_.size()) documents_.emplace_back();
    unpack(read_text(&text), index_, &documents_[document_count_++]);
  }
}

void OrderTable::evaluate(std::string_view text, Micros watermark, Findings* findings) {
  findings->clear();
  read_documents(text);
  const std::span all(documents_.data(), document_count_);
  const auto place = [](const Document& document) {
    return std::tuple(document.time, document.topic, document.id);
  };
  const auto comes_earlier = [&](const Document& a, const Document& b) {
    return place(a) < place(b);
  };
  // Two of one topic, time and id stay in the order in which they came there. Most orders' have
  // come in this order.
  if (!std::is_sorted(all.begin(), all.end(), comes_earlier)) {
    std::stable_sort(all.begin(), all.end(), comes_earlier);
  }
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin + 1;
    while (end < all.size() && all[end].time - all[end - 1].time <= gap_) ++end;
    look_at(all.subspan(begin, end - begin), watermark, findings);
    begin = end;
  }
  std::sort(findings->all().begin(), findings->all().end(), comes_before);
}

void OrderTable::look_at(std::span<const Document> documents, Micros watermark,
                         Findings* findings) const {
  OrderView order;
  order.documents = documents;
  order.index = &index_;
  order.watermark = watermark;
  const Document* first = nullptr;
  const Document* first_shipment = nullptr;
  for (const Document& document : documents) {
    if (!document.is_invoice()) {
      if (first_shipment == nullptr || document.id < first_shipment->id) first_shipment = &document;
      continue;
    }
    if (first == nullptr || document.id < first->id) first = &document;
    if (!document.subtracts && is_stated(document.ship_to)) {
      order.declared.push_back(document.ship_to);
    }
  }
  if (first != nullptr) {
    order.bill_to = first->bill_to;
    order.bill_to_party = first->bill_to_party;
  }
  if (first_shipment != nullptr) {
    order.first_destination = first_shipment->ship_to;
    order.first_consignee = first_shipment->ship_to_party;
  }
  std::sort(order.declared.begin(), order.declared.end());
  order.declared.erase(std::unique(order.declared.begin(), order.declared.end()),
                       order.declared.end());
  const std::size_t before = findings->all().size();
  for (const std::unique_ptr<Finder>& finder : finders_) finder->find(order, findings);
  if (findings->all().size() == before) return;
  std::vector<std::string_view> ids;
  for (const Document& document : documents) ids.push_back(document.id);
  std::sort(ids.begin(), ids.end());
  if (ids.size() > kMaxDocumentsNamed) ids.resize(kMaxDocumentsNamed);
  for (std::size_t i = before; i < findings->all().size(); ++i) findings->all()[i].documents = ids;
}

void OrderTable::compare(Number number, bool had_findings, const Findings& before) {
  evaluate(text_of(orders_[number]), watermark_, &after_);
  Order& order = orders_[number];
  order.has_findings = !after_.all().empty();
  if (after_.is_inconclusive() != order.is_inconclusive) {
    order.is_inconclusive = !order.is_inconclusive;
    if (order.is_inconclusive) {
      ++stats_.inconclusive;
    } else {
      --stats_.inconclusive;
    }
  }
  set_due(number, after_.due());
  if (!had_findings && !order.has_findings) return;
  // What stays as it was is not spoken of.
  static const std::vector<Finding> kNothing;
  const std::vector<Finding>& was = had_findings ? before.all() : kNothing;
  const std::vector<Finding>& is = after_.all();
  std::vector<Finding> ended, begun;
  const auto but = [](const std::vector<Finding>& all, const std::vector<Finding>& others,
                      std::vector<Finding>* left) {
    for (const Finding& one : all) {
      const auto same = std::lower_bound(others.begin(), others.end(), one, comes_before);
      if (same == others.end() || *same != one) left->push_back(one);
    }
  };
  but(was, is, &ended);
  but(is, was, &begun);
  if (!ended.empty() || !begun.empty()) listener_.changed(id_of(number), ended, begun);
}

// ---- time --------------------------------------------------------------------------------------

void OrderTable::set_due(Number number, Micros due) {
  orders_[number].due = due;
  if (due != INT64_MAX) note(number);
}

void OrderTable::note(Number number) {
  Order& order = orders_[number];
  if (order.due >= order.noted) return;
  if (order.due < soon_end_) {
    order.noted = order.due;
    due_soon_.push({order.due, number});
  } else {
    order.noted = due_later_.begin_of(order.due);
    due_later_.push(order.due, number);
  }
  next_due_ = std::min(next_due_, order.noted);
}

void OrderTable::look_again(Number number, Micros former_watermark) {
  Order& order = orders_[number];
  order.due = INT64_MAX;
  const bool had_findings = order.has_findings;
  if (had_findings) evaluate(text_of(order), former_watermark, &before_);
  compare(number, had_findings, before_);
}

void OrderTable::advance(Micros watermark) {
  if (watermark <= watermark_) return;
  const Micros former = watermark_;
  watermark_ = watermark;
  if (watermark < next_due_) return;
  while (!due_later_.empty() && due_later_.begin() <= watermark) {
    const Micros begin = due_later_.begin();
    soon_end_ = due_later_.end();
    for (const Number number : due_later_.take_first()) {
      Order& order = orders_[number];
      if (order.noted != begin) continue;
      order.noted = INT64_MAX;
      note(number);
    }
  }
  while (!due_soon_.empty() && due_soon_.top().time <= watermark) {
    const auto [time, number] = due_soon_.top();
    due_soon_.pop();
    Order& order = orders_[number];
    if (order.noted != time) continue;
    order.noted = INT64_MAX;
    if (order.due <= watermark) {
      look_again(number, former);
    } else {
      note(number);
    }
  }
  next_due_ = std::min(due_soon_.empty() ? INT64_MAX : due_soon_.top().time,
                       due_later_.empty() ? INT64_MAX : due_later_.begin());
}

void OrderTable::forget_to(Micros watermark) {
  certain_watermark_ = std::max(certain_watermark_, watermark);
  // Now and then.
  if (watermark < next_forgetting_) return;
  next_forgetting_ = watermark + by_age_.length();
  forget_old();
  if (watermark < next_telling_) return;
  next_telling_ = watermark + std::max<Micros>(gap_ / kTellings, 1);
  tell_oldest();
}

Micros OrderTable::newest_of(const Order& order) {
  std::string_view text = find_documents(order);
  Micros newest = INT64_MIN;
  while (!text.empty()) newest = std::max(newest, unpack_latest_time(read_text(&text)));
  return newest;
}

void OrderTable::forget_old() {
  const Micros time = certain_watermark_ - kept_;
  while (!by_age_.empty() && by_age_.end() <= time) {
    for (const Number number : by_age_.take_first()) {
      const Order& order = orders_[number];
      if (order.bytes != nullptr) {
        const Micros newest = newest_of(order);
        if (newest >= time) {
          by_age_.push(newest, number);
          continue;
        }
        forget(number);
      }
      free_.push_back(number);
    }
  }
}

// Looks at every order.
void OrderTable::tell_oldest() {
  Micros oldest = certain_watermark_ - lateness_;
  for (const Order& order : orders_) {
    if (order.bytes == nullptr) continue;
    for (std::string_view text = find_documents(order); !text.empty();) {
      oldest = std::min(oldest, unpack_time(read_text(&text)));
    }
  }
  listener_.nothing_before(oldest);
}

// Half of the orders, those whose newest document is oldest.
void OrderTable::make_room() {
  std::vector<std::pair<Micros, Number>> newest;
  for (Number number = 0; number < orders_.size(); ++number) {
    if (orders_[number].bytes != nullptr) newest.emplace_back(newest_of(orders_[number]), number);
  }
  const auto middle = newest.begin() + static_cast<std::ptrdiff_t>(newest.size() / 2);
  std::nth_element(newest.begin(), middle, newest.end());
  // Those of one time all go or stay; if they are all, they go.
  const Micros time = middle->first;
  const bool are_all =
      std::all_of(newest.begin(), middle, [&](const auto& one) { return one.first == time; });
  by_age_.clear();
  free_.clear();
  for (const auto& [at, number] : newest) {
    if (at < time || (are_all && at == time)) {
      forget(number);
      ++stats_.forgotten;
    } else {
      by_age_.push(at, number);
    }
  }
  for (Number number = 0; number < orders_.size(); ++number) {
    if (orders_[number].bytes == nullptr) free_.push_back(number);
  }
  if (certain_watermark_ != INT64_MIN) tell_oldest();  // otherwise anything may come
}

void OrderTable::forget(Number number) {
  Order& order = orders_[number];
  if (order.has_findings) {
    evaluate(text_of(order), watermark_, &before_);
    listener_.forgotten(before_.all());
  }
  if (order.is_inconclusive) --stats_.inconclusive;
  std::string_view text = find_documents(order);
  while (!text.empty()) {
    const std::string_view document = read_text(&text);
    whereabouts_.erase(hash_of(unpack_topic(document), unpack_id(document)), number);
    --stats_.documents;
  }
  by_id_.erase(Place{number, tag_of(id_of(number))});
  block_bytes_ -= bytes_of(order);
  order = {};
  --stats_.orders;
}

std::size_t OrderTable::bytes() const {
  return block_bytes_ + orders_.size() * sizeof(Order) + free_.capacity() * sizeof(Number) +
         by_id_.capacity() * (sizeof(Place) + 1) + whereabouts_.bytes() +
         2 * orders_.size() * sizeof(Number);  // by age, and by due
}

OrderTable::Stats OrderTable::stats() const {
  Stats stats = stats_;
  stats.bytes = bytes();
  return stats;
}

}  // namespace surgewatch::orders
