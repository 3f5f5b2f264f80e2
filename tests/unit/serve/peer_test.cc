#include "serve/peer.h"

#include <gtest/gtest.h>

namespace surgewatch::serve {
namespace {

TEST(Peer, IsTheAddressOfIPv4) {
  EXPECT_EQ(peer_of("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(peer_of("::ffff:10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(peer_of("::ffff:a01:203"), "10.1.2.3");
}

TEST(Peer, IsTheNetworkOfIPv6) {
  EXPECT_EQ(peer_of("::1"), "::/64");
  EXPECT_EQ(peer_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(peer_of("2001:0DB8:0001:0002::9"), "2001:db8:1:2::/64");
  EXPECT_NE(peer_of("2001:db8:1:3::9"), peer_of("2001:db8:1:2::9"));
  EXPECT_EQ(peer_of("fe80::1%eth0"), "fe80::/64");
}

TEST(Peer, OfAnotherKindIsItself) {
  EXPECT_EQ(peer_of("/run/proxy.sock"), "/run/proxy.sock");
  EXPECT_EQ(peer_of(""), "");
}

TEST(Peer, IsThatOfTheAddressInAUri) {
  EXPECT_EQ(peer_of_uri("ipv4:127.0.0.1:4711"), "127.0.0.1");
  EXPECT_EQ(peer_of_uri("ipv6:%5B::1%5D:4711"), "::/64");
  EXPECT_EQ(peer_of_uri("ipv6:%5B::ffff:10.1.2.3%5D:4711"), "10.1.2.3");
  EXPECT_EQ(peer_of_uri("ipv6:%5Bfe80::1%25eth0%5D:4711"), "fe80::/64");
  EXPECT_EQ(peer_of_uri("unix:/run/proxy.sock"), "unix:/run/proxy.sock");
  EXPECT_EQ(peer_of_uri("ipv6:%5B"), "");
  EXPECT_EQ(peer_of_uri("ipv4:"), "");
}

TEST(PeerSlots, AreLimitedInAllAndByPeer) {
  using enum PeerSlots::Admission;
  PeerSlots slots(3, 2);
  EXPECT_EQ(slots.take("a"), kAdmitted);
  EXPECT_EQ(slots.take("a"), kAdmitted);
  EXPECT_EQ(slots.take("a"), kFullOfPeer);
  EXPECT_EQ(slots.take("b"), kAdmitted);
  EXPECT_EQ(slots.take("b"), kFull);
  slots.give_back("a");
  EXPECT_EQ(slots.take("b"), kAdmitted);
  EXPECT_EQ(slots.take("a"), kFull);
  slots.give_back("b");
  slots.give_back("b");
  EXPECT_EQ(slots.take("a"), kAdmitted);
  EXPECT_EQ(slots.take("a"), kFullOfPeer);
}

}  // namespace
}  // namespace surgewatch::serve
