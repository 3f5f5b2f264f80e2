// Asks grpc.health.v1.Health of a server.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <string>

namespace surgewatch::test {

// "serving", "not serving", or why there is no such answer; `service` may be empty: the server.
// Debian ships no generated code for the health service; the two messages are one field each.
inline std::string health_of(const std::string& target, const std::string& service) {
  const grpc::Slice request(
      service.empty() ? "" : std::string("\x0a") + static_cast<char>(service.size()) + service);
  grpc::GenericStub stub(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                          grpc::ByteBuffer(&request, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, &queue);
  void* tag = nullptr;
  bool ok = false;
  if (!queue.Next(&tag, &ok) || !status.ok()) return status.error_message();
  grpc::Slice bytes;
  if (!answer.DumpToSingleSlice(&bytes).ok()) return "no answer";
  const std::string text(bytes.begin(), bytes.end());
  return text == "\x08\x01" ? "serving" : text == "\x08\x02" ? "not serving" : "unknown";
}

}  // namespace surgewatch::test
