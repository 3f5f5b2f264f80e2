#include "orders/order_table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace surgewatch::orders {
namespace {

// What the allocator adds to a piece.
constexpr std::size_t kPieceOverhead = 16;

constexpr Micros kDueSpan = 60 * kMicrosPerSecond;

bool comes_before(const Finding& a, const Finding& b) {
  return std::tie(a.rule, a.key, a.first_time) < std::tie(b.rule, b.key, b.first_time);
}

std::uint64_t hash_of(Topic topic, std::string_view id) {
  return XXH3_64bits_withSeed(id.data(), id.size(), static_cast<XXH64_hash_t>(topic));
}

std::uint32_t tag_of(std::string_view order_id) {
  return static_cast<std::uint32_t>(XXH3_64bits(order_id.data(), order_id.size()));
}

}  // namespace

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
      by_id_(0, PlaceHash{}, PlaceEqual{this}) {}

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

OrderTable::Number OrderTable::order_of(std::string_view order_id) {
  const Named named{order_id, tag_of(order_id)};
  if (const auto found = by_id_.find(named); found != by_id_.end()) return found->number;
  auto number = static_cast<Number>(orders_.size());
  if (free_.empty()) {
    orders_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  scratch_.clear();
  write_text(order_id, &scratch_);
  replace_bytes(number, scratch_);
  by_id_.insert({number, named.tag});
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
  const Number number = order_of(order_id);
  if (former != kNone && former != number) remove(former, document.topic, document.id, hash);
  const bool is_known = former == number;
  const std::string_view old = is_known
                                   ? find_in(text_of(orders_[number]), document.topic, document.id)
                                   : std::string_view();
  if (!has_room(number, document, packed_.size(), old)) {
    ++stats_.over_order_limit;
    if (is_known) {
      // Its former revision does not stand any more, either.
      remove(number, document.topic, document.id, hash);
    } else if (find_documents(orders_[number]).empty()) {
      forget(number);
    }
    return;
  }
  if (!is_known) {
    whereabouts_.insert(hash, number);
    ++stats_.documents;
  }
  rewrite(number, old, &packed_);
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
  rewrite(number, find_in(text_of(orders_[number]), topic, id), nullptr);
}

// Which documents count for it is a function of their topic's prefix: those that are forgotten lie
// further back.
bool OrderTable::has_room(Number number, const Document& document, std::size_t bytes,
                          std::string_view replaced) {
  const Order& order = orders_[number];
  if (order.size + bytes <= kHalfBytes) return true;
  std::size_t taken = bytes;
  for (std::string_view rest = find_documents(order); !rest.empty();) {
    const std::string_view one = read_text(&rest);
    if (unpack_topic(one) != document.topic || one.data() == replaced.data()) continue;
    const Micros distance = unpack_time(one) - document.time;
    if (distance <= gap_ && distance >= -gap_) taken += one.size();
  }
  return taken <= kHalfBytes;
}

void OrderTable::rewrite(Number number, std::string_view removed, const std::string* added) {
  Order& order = orders_[number];
  const bool had_findings = order.has_findings;
  // What was said is of bytes that stay until it has been compared.
  const std::unique_ptr<char[]> old = std::move(order.bytes);
  std::string_view rest(old.get(), order.size);
  if (had_findings) evaluate(rest, watermark_, &before_);

  scratch_.clear();
  write_text(read_text(&rest), &scratch_);
  const std::size_t head = scratch_.size();
  while (!rest.empty()) {
    const std::string_view document = read_text(&rest);
    if (removed.empty() || document.data() != removed.data()) write_text(document, &scratch_);
  }
  if (added != nullptr) write_text(*added, &scratch_);
  const bool is_empty = scratch_.size() == head;
  block_bytes_ -= order.size + kPieceOverhead;
  replace_bytes(number, scratch_);
  compare(number, had_findings, before_);
  if (is_empty) forget(number);
}

void OrderTable::replace_bytes(Number number, std::string_view bytes) {
  Order& order = orders_[number];
  order.bytes = std::make_unique_for_overwrite<char[]>(bytes.size());
  std::memcpy(order.bytes.get(), bytes.data(), bytes.size());
  order.size = static_cast<std::uint32_t>(bytes.size());
  block_bytes_ += bytes.size() + kPieceOverhead;
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
  const std::int64_t span = floor_div(order.due, kDueSpan);
  if (span < order.noted) {
    order.noted = span;
    due_[span].push_back(number);
  }
  next_due_ = std::min(next_due_, order.due);
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
  const std::int64_t now = floor_div(watermark, kDueSpan);
  std::vector<Number> later;  // within the span that time is in
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::int64_t span = due_.begin()->first;
    const std::vector<Number> numbers = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    for (const Number number : numbers) {
      Order& order = orders_[number];
      if (order.noted != span) continue;
      order.noted = INT64_MAX;
      if (order.due <= watermark) {
        look_again(number, former);
      } else if (order.due != INT64_MAX) {
        later.push_back(number);
      }
    }
  }
  next_due_ = due_.empty() ? INT64_MAX : due_.begin()->first * kDueSpan;
  for (const Number number : later) note(number);
}

void OrderTable::forget_to(Micros watermark) {
  certain_watermark_ = std::max(certain_watermark_, watermark);
  if (watermark < next_forgetting_) return;
  // Now and then: then every order is looked at.
  next_forgetting_ = watermark + std::max<Micros>(gap_ / 14, 1);
  forget_before(watermark - kept_);
}

Micros OrderTable::newest_of(const Order& order) {
  std::string_view text = find_documents(order);
  Micros newest = INT64_MIN;
  while (!text.empty()) newest = std::max(newest, unpack_latest_time(read_text(&text)));
  return newest;
}

void OrderTable::forget_before(Micros time) {
  Micros oldest = INT64_MAX;
  for (Number number = 0; number < orders_.size(); ++number) {
    if (orders_[number].bytes == nullptr) continue;
    if (newest_of(orders_[number]) < time) {
      forget(number);
      continue;
    }
    std::string_view text = find_documents(orders_[number]);
    while (!text.empty()) oldest = std::min(oldest, unpack_time(read_text(&text)));
  }
  if (certain_watermark_ == INT64_MIN) return;  // anything may come
  listener_.nothing_before(std::min(oldest, certain_watermark_ - lateness_));
}

// Half of the orders, those whose newest document is oldest.
void OrderTable::make_room() {
  std::vector<Micros> newest;
  for (const Order& order : orders_) {
    if (order.bytes != nullptr) newest.push_back(newest_of(order));
  }
  const auto middle = newest.begin() + static_cast<std::ptrdiff_t>(newest.size() / 2);
  std::nth_element(newest.begin(), middle, newest.end());
  const std::uint64_t before = stats_.orders;
  forget_before(*middle);
  // All of one time.
  if (stats_.orders == before) forget_before(*middle + 1);
  stats_.forgotten += before - stats_.orders;
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
  block_bytes_ -= order.size + kPieceOverhead;
  order = {};
  free_.push_back(number);
  --stats_.orders;
}

std::size_t OrderTable::bytes() const {
  return block_bytes_ + orders_.size() * sizeof(Order) + free_.capacity() * sizeof(Number) +
         by_id_.capacity() * (sizeof(Place) + 1) + whereabouts_.bytes() +
         stats_.orders * sizeof(Number);  // in due_
}

OrderTable::Stats OrderTable::stats() const {
  Stats stats = stats_;
  stats.bytes = bytes();
  return stats;
}

}  // namespace surgewatch::orders
