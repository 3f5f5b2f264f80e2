#include "common/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace surgewatch::services {
namespace {

TEST(BoundedQueue, GivesWhatItWasGivenInOrder) {
  BoundedQueue<std::unique_ptr<int>> queue(3);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(queue.push(std::make_unique<int>(i)));
  for (int i = 0; i < 3; ++i) ASSERT_EQ(**queue.pop(), i);
}

TEST(BoundedQueue, NeverHoldsMoreThanItsLimit) {
  BoundedQueue<int> queue(2);
  std::atomic<int> in = 0, out = 0;
  std::thread producer([&] {
    for (int i = 0; i < 10'000; ++i) {
      ASSERT_TRUE(queue.push(i));
      ++in;
    }
    queue.close();
  });
  int expected = 0;
  while (true) {
    ASSERT_LE(in - out, 3);  // two in the queue, and one that we have taken and not yet counted
    const auto item = queue.pop();
    if (!item) break;
    ASSERT_EQ(*item, expected++);
    ++out;
  }
  producer.join();
  EXPECT_EQ(expected, 10'000);
}

TEST(BoundedQueue, GivesWhatIsLeftAfterItWasClosedAndTakesNothing) {
  BoundedQueue<int> queue(2);
  queue.push(1);
  queue.close();
  EXPECT_FALSE(queue.push(2));
  EXPECT_EQ(queue.pop(), 1);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueue, ClosingWakesWhoeverWaits) {
  BoundedQueue<int> full(1), empty(1);
  full.push(1);
  std::thread pusher([&] { EXPECT_FALSE(full.push(2)); });
  std::thread popper([&] { EXPECT_EQ(empty.pop(), std::nullopt); });
  full.close();
  empty.close();
  pusher.join();
  popper.join();
}

}  // namespace
}  // namespace surgewatch::services
