#include "aggregate/document_filter.h"

#include <bit>

namespace surgewatch::aggregate {

void DocumentFilter::insert(std::uint64_t hash, std::size_t bucket) {
  Block& block = blocks_[block_of(hash)];
  for (unsigned which = 0; which < 4; ++which) {
    Mask& mask = block[word(hash, which)];
    mask = static_cast<Mask>(mask | (1u << bucket));
  }
}

void DocumentFilter::clear(std::size_t bucket) {
  const auto keep = static_cast<Mask>(~(1u << bucket));
  for (Block& block : blocks_) {
    for (Mask& mask : block) mask = static_cast<Mask>(mask & keep);
  }
}

void DocumentFilter::reset_for(std::size_t documents_of_bucket) {
  const std::size_t blocks = std::bit_ceil(documents_of_bucket / kDocumentsPerBlock + 1) * 2;
  blocks_.assign(blocks, Block{});
}

}  // namespace surgewatch::aggregate
