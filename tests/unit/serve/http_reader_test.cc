#include "serve/http_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace surgewatch::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Progress = RequestReader::Progress;

// Everything that reading these bytes, `step` at a time, gives.
std::vector<std::string> read_by(std::string_view bytes, std::size_t step) {
  RequestReader reader;
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < bytes.size(); i += step) {
    Progress progress = reader.feed(bytes.substr(i, step));
    while (progress == Progress::kRequest) {
      const HttpRequest request = reader.take();
      std::string text = request.method + " " + request.path;
      for (const auto& [name, value] : request.params) text += " " + name + "=" + value;
      text += request.keep_alive ? " keeps" : " closes";
      seen.push_back(text);
      progress = reader.feed({});
    }
    if (progress == Progress::kRefused) {
      seen.push_back(std::to_string(reader.refusal().status));
      return seen;
    }
  }
  if (reader.has_begun()) seen.push_back("more");
  return seen;
}

TEST(RequestReaderTest, ReadsTheSameHoweverTheBytesAreCut) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"GET / HTTP/1.1\r\n\r\n", {"GET / keeps"}},
      {"GET / HTTP/1.0\r\n\r\n", {"GET / closes"}},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {"GET / keeps"}},
      {"HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n", {"HEAD /a closes"}},
      {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", {"GET / keeps"}},
      {"GET /a?x=1&y=%20b HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
       {"GET /a x=1 y= b keeps", "GET /b keeps"}},
      {"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /GET /b HTTP/1.1\r\n\r\n",
       {"POST /a keeps", "GET /b keeps"}},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc", {"more"}},
      {"GET / HTTP/1.1\r\nx: y", {"more"}},
      {"GET / HTTP/1.1\r\nx", {"more"}},
      {"\r\n", {}},
      {"GET http://host:80/a?b=c HTTP/1.1\r\n\r\n", {"GET /a b=c keeps"}},
      {"OPTIONS * HTTP/1.1\r\n\r\n", {"OPTIONS * keeps"}},
      {"BREW /pot HTTP/1.1\r\n\r\n", {"BREW /pot keeps"}},
      {"GET /%2 HTTP/1.1\r\n\r\n", {"400"}},
      {"GET /%zz HTTP/1.1\r\n\r\n", {"400"}},
      {"GET /?a=%+1 HTTP/1.1\r\n\r\n", {"400"}},
      {"GET / HTTP/2.0\r\n\r\n", {"400"}},
      {"GET /\r\n\r\n", {"400"}},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {"400"}},
      {"G\x01T / HTTP/1.1\r\n\r\n", {"400"}},
      {"GET / HTTP/1.1\r\nno colon\r\n\r\n", {"400"}},
      {"GET / HTTP/1.1\r\na b: c\r\n\r\n", {"400"}},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", {"400"}},
      {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", {"400"}},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       {"400"}},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {"411"}},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", {"411"}},
      {"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", {"413"}},
      {"POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n", {"413"}},
      {"GET /" + std::string(8'191, 'a') + " HTTP/1.1\r\n\r\n",
       {"GET /" + std::string(8'191, 'a') + " keeps"}},
      {"GET /" + std::string(8'192, 'a') + " HTTP/1.1\r\n\r\n", {"414"}},
      {"GET /" + std::string(20'000, 'a'), {"414"}},
      {"GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n", {"414"}},
      {"GET / HTTP/1.1\r\nx: " + std::string(16'000, 'a') + "\r\n\r\n", {"GET / keeps"}},
      {"GET / HTTP/1.1\r\nx: " + std::string(17'000, 'a') + "\r\n\r\n", {"431"}},
      {"GET / HTTP/1.1\r\nx: " + std::string(17'000, 'a'), {"431"}},
  };
  for (const auto& [bytes, expected] : cases) {
    for (const std::size_t step : {bytes.size(), std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
      EXPECT_EQ(read_by(bytes, step), expected) << bytes.substr(0, 100) << " by " << step;
    }
  }
}

TEST(RequestReaderTest, AHeadOfManyShortFieldsHasTheSameLimit) {
  std::string bytes = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 6'000; ++i) bytes += "a: b\r\n";
  EXPECT_THAT(read_by(bytes, 100), ElementsAre("431"));
}

TEST(RequestReaderTest, ABodyOfTheGreatestLengthIsPassedOver) {
  const std::string bytes = "POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n" +
                            std::string(65'536, 'x') + "GET /next HTTP/1.1\r\n\r\n";
  EXPECT_THAT(read_by(bytes, 4'096), ElementsAre("POST / keeps", "GET /next keeps"));
}

TEST(RequestReaderTest, KeepsWhatIsAskedFor) {
  RequestReader reader;
  ASSERT_EQ(reader.feed("GET / HTTP/1.1\r\nlast-event-id: abc\r\nIf-None-Match: \"1\"\r\n"
                        "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n\r\n"),
            Progress::kRequest);
  const HttpRequest request = reader.take();
  EXPECT_EQ(request.last_event_id, "abc");
  EXPECT_EQ(request.if_none_match, "\"1\"");
  EXPECT_TRUE(request.accepts_gzip);
  EXPECT_TRUE(request.takes_chunks);
  ASSERT_EQ(reader.feed("GET / HTTP/1.0\r\n\r\n"), Progress::kRequest);
  const HttpRequest next = reader.take();
  EXPECT_EQ(next.last_event_id, "") << "nothing of a request stays for the next";
  EXPECT_FALSE(next.accepts_gzip);
  EXPECT_FALSE(next.takes_chunks);
}

TEST(RequestReaderTest, SaysOnceThatTheClientWaitsForContinue) {
  RequestReader reader;
  ASSERT_EQ(reader.feed("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
            Progress::kContinue);
  ASSERT_EQ(reader.feed("x"), Progress::kMore);
  ASSERT_EQ(reader.feed("x"), Progress::kRequest);
}

TEST(RequestReaderTest, ARefusalIsTheEnd) {
  RequestReader reader;
  ASSERT_EQ(reader.feed("nonsense\r\n\r\n"), Progress::kRefused);
  ASSERT_EQ(reader.feed("GET / HTTP/1.1\r\n\r\n"), Progress::kRefused);
  EXPECT_FALSE(reader.refusal().reason.empty());
}

TEST(AcceptsGzipTest, ReadsTheListAndItsWeights) {
  for (const char* yes : {"gzip", "GZIP", "br, gzip", "deflate;q=1, gzip ;q=0.5", "gzip;q=0.001"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* no :
       {"", "br", "gzip;q=0", "gzip; q=0.0", "x-gzip", "gzipped", "gzip;q=x", ","}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

TEST(ParseTargetTest, TellsPathAndParametersApart) {
  const auto plain = api::parse_target("/a%20b+c?x=1&x=a+b%2B&&y&=z&w=1=2#fragment");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->path, "/a b+c");
  EXPECT_THAT(plain->params, UnorderedElementsAre(Pair("x", "1"), Pair("x", "a b+"), Pair("y", ""),
                                                  Pair("", "z"), Pair("w", "1=2")));
  EXPECT_EQ(api::parse_target("http://host")->path, "/");
  EXPECT_EQ(api::parse_target("http://host?a=b")->params.begin()->second, "b");
  EXPECT_EQ(api::parse_target("/a?u=http://host/b")->path, "/a");
  EXPECT_EQ(api::parse_target("//host/a")->path, "//host/a");
  EXPECT_EQ(api::parse_target("/%00")->path, std::string("/\0", 2));
  EXPECT_THAT(std::string(api::parse_target("/%").status().message()), HasSubstr("%25"));
}

}  // namespace
}  // namespace surgewatch::serve
