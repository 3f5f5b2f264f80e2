// Bytes to Document. Plain protobuf and the Confluent wire format are told apart message by
// message.
//
// Confluent's framing: a zero byte, four bytes of schema id, and the path of the message in its
// schema: a count and that many indexes, zigzag varints; a lone zero stands for the path [0]. No
// protobuf message starts with a zero byte (field 0 does not exist), so there is nothing to
// configure. The schema id and the path are not looked at: the topic says what its records are.
//
// Errors: false, as generated code would for the same bytes. Neither throws nor allocates, save for
// growing the vectors of lines and serial numbers.
// Source: protobuf.dev/programming-guides/encoding; Confluent Schema Registry, "Wire format".
#pragma once

#include <optional>
#include <string_view>

#include "base/source.h"
#include "base/time.h"
#include "observe/document.h"

namespace surgewatch::observe {

// The message within its framing, if any; nullopt if the framing is broken.
std::optional<std::string_view> unframe(std::string_view payload);

// `message` is plain protobuf: v1::Invoice or v1::Shipment.
bool decode(Topic topic, std::string_view message, Document* document);

// Microseconds of a protobuf timestamp; nullopt outside 0101-01-01 to 9899-12-31.
std::optional<Micros> event_time(std::int64_t seconds, std::int32_t nanos);

}  // namespace surgewatch::observe
