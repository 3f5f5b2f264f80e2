#include "common/event_file.h"

#include <google/protobuf/io/coded_stream.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <future>
#include <thread>
#include <vector>

#include "base/proto_json.h"
#include "base/status.h"

namespace surgewatch::services {
namespace {

constexpr std::size_t kReadBlock = 1 << 18;
constexpr std::size_t kLinesPerBatch = 1'000;
constexpr std::uint64_t kLongestFrame = 64 << 20;  // beyond it a length is taken for damage

absl::Status open_error(const std::string& path, int error, std::string_view purpose) {
  const std::string text = fmt::format("can't open {} {}: {}", path, purpose, std::strerror(error));
  return error == EACCES ? absl::PermissionDeniedError(text) : absl::NotFoundError(text);
}

// What an Event holds, as the bytes of the inner message.
struct Peeled {
  std::optional<Topic> topic;
  std::string error;
  v1::RejectReason reason = v1::REJECT_REASON_UNSPECIFIED;
};

Peeled unreadable(v1::RejectReason reason, std::string error) {
  return {std::nullopt, std::move(error), reason};
}

Peeled peel(const v1::Event& event, std::string* payload) {
  switch (event.kind_case()) {
    case v1::Event::kInvoice:
      event.invoice().SerializeToString(payload);
      return {Topic::kInvoices, {}, {}};
    case v1::Event::kShipment:
      event.shipment().SerializeToString(payload);
      return {Topic::kShipments, {}, {}};
    case v1::Event::KIND_NOT_SET:
      break;
  }
  return unreadable(v1::REJECT_REASON_UNKNOWN_TYPE,
                    "the event is neither an invoice nor a shipment");
}

class File {
 public:
  static absl::StatusOr<File> open(const std::string& path) {
    if (path == "-") return File(stdin, path, std::nullopt);
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) return open_error(path, errno, "to read events from");
    struct stat info {};
    std::optional<std::uint64_t> size;
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode)) {
      size = static_cast<std::uint64_t>(info.st_size);
    }
    return File(file, path, size);
  }
  File(File&& other) noexcept
      : file_(std::exchange(other.file_, nullptr)),
        path_(std::move(other.path_)),
        size_(other.size_) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (file_ != nullptr && file_ != stdin) std::fclose(file_);
  }

  // Appends up to a block; false at the end.
  absl::StatusOr<bool> read_more(std::string* buffer) {
    const std::size_t before = buffer->size();
    buffer->resize(before + kReadBlock);
    const std::size_t got = std::fread(buffer->data() + before, 1, kReadBlock, file_);
    buffer->resize(before + got);
    bytes_ += got;
    if (got < kReadBlock && std::ferror(file_) != 0) {
      return absl::DataLossError(fmt::format("reading {} failed: {}", path_, std::strerror(errno)));
    }
    return got > 0;
  }
  std::uint64_t bytes() const { return bytes_; }
  std::optional<std::uint64_t> size() const { return size_; }

 private:
  File(std::FILE* file, std::string path, std::optional<std::uint64_t> size)
      : file_(file), path_(std::move(path)), size_(size) {}
  std::FILE* file_;
  std::string path_;
  std::optional<std::uint64_t> size_;
  std::uint64_t bytes_ = 0;
};

class BinpbReader final : public EventReader {
 public:
  explicit BinpbReader(File file) : file_(std::move(file)) {}

  absl::StatusOr<bool> next(EventRecord* record) override {
    *record = {};
    std::uint64_t length = 0;
    std::size_t header = 0;
    while (true) {
      const Frame frame = read_length(&length, &header);
      if (frame == Frame::kWhole && length <= kLongestFrame &&
          buffer_.size() - position_ - header >= length) {
        break;
      }
      if (frame == Frame::kDamaged || length > kLongestFrame) {
        return give_up(record, "the length before a record makes no sense; the rest can't be read");
      }
      buffer_.erase(0, position_);
      position_ = 0;
      SW_ASSIGN_OR_RETURN(const bool more, file_.read_more(&buffer_));
      if (more) continue;
      if (buffer_.empty()) return false;
      return give_up(record, fmt::format("the file ends inside a record: {} bytes are left of it",
                                         buffer_.size()));
    }
    const std::string_view bytes(buffer_.data() + position_ + header, length);
    position_ += header + length;
    unwrap(bytes, record);
    return true;
  }
  std::uint64_t bytes_read() const override { return file_.bytes(); }
  std::optional<std::uint64_t> bytes_total() const override { return file_.size(); }

 private:
  enum class Frame { kWhole, kShort, kDamaged };

  Frame read_length(std::uint64_t* length, std::size_t* header) const {
    *length = 0;
    for (std::size_t i = 0; i < 10; ++i) {
      if (position_ + i >= buffer_.size()) return Frame::kShort;
      const auto byte = static_cast<std::uint8_t>(buffer_[position_ + i]);
      *length |= static_cast<std::uint64_t>(byte & 0x7F) << (7 * i);
      if (byte < 0x80) {
        *header = i + 1;
        return Frame::kWhole;
      }
    }
    return Frame::kDamaged;
  }

  bool give_up(EventRecord* record, std::string why) {
    remains_ = buffer_.substr(position_, 64);
    buffer_.clear();
    position_ = 0;
    record->payload = remains_;
    record->reason = v1::REJECT_REASON_UNDECODABLE;
    record->error = std::move(why);
    return true;
  }

  // The usual event is one field that fills it; everything else takes protobuf's own way.
  void unwrap(std::string_view bytes, EventRecord* record) {
    if (!bytes.empty() && (bytes[0] == 0x0A || bytes[0] == 0x12)) {
      google::protobuf::io::CodedInputStream input(
          reinterpret_cast<const std::uint8_t*>(bytes.data()) + 1,
          static_cast<int>(bytes.size() - 1));
      std::uint32_t inner = 0;
      if (input.ReadVarint32(&inner)) {
        const std::size_t start = 1 + static_cast<std::size_t>(input.CurrentPosition());
        if (bytes.size() - start == inner) {
          record->topic = bytes[0] == 0x0A ? Topic::kInvoices : Topic::kShipments;
          record->payload = bytes.substr(start);
          return;
        }
      }
    }
    record->payload = bytes;
    if (!event_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      record->reason = v1::REJECT_REASON_UNDECODABLE;
      record->error = "not a protobuf Event";
      return;
    }
    Peeled peeled = peel(event_, &peeled_payload_);
    record->topic = peeled.topic;
    record->error = std::move(peeled.error);
    record->reason = peeled.reason;
    if (record->topic) record->payload = peeled_payload_;
  }

  File file_;
  std::string buffer_, peeled_payload_, remains_;
  std::size_t position_ = 0;
  v1::Event event_;
};

class NdjsonReader final : public EventReader {
 public:
  explicit NdjsonReader(File file)
      : file_(std::move(file)), ahead_(std::max(2u, std::thread::hardware_concurrency())) {}

  absl::StatusOr<bool> next(EventRecord* record) override {
    while (position_ >= batch_.size()) {
      while (!ended_ && parsing_.size() < ahead_) {
        SW_ASSIGN_OR_RETURN(std::string lines, read_lines());
        if (!lines.empty())
          parsing_.push_back(std::async(std::launch::async, parse, std::move(lines)));
      }
      if (parsing_.empty()) return false;
      batch_ = parsing_.front().get();
      parsing_.pop_front();
      position_ = 0;
    }
    Line& line = batch_[position_++];
    record->topic = line.peeled.topic;
    record->payload = line.payload;
    record->error = std::move(line.peeled.error);
    record->reason = line.peeled.reason;
    return true;
  }
  std::uint64_t bytes_read() const override { return file_.bytes(); }
  std::optional<std::uint64_t> bytes_total() const override { return file_.size(); }

 private:
  struct Line {
    std::string payload;
    Peeled peeled;
  };

  // Whole lines, about a batch of them; empty at the end.
  absl::StatusOr<std::string> read_lines() {
    std::size_t lines = 0;
    std::size_t scanned = 0;
    while (lines < kLinesPerBatch) {
      const std::size_t newline = rest_.find('\n', scanned);
      if (newline != std::string::npos) {
        ++lines;
        scanned = newline + 1;
        continue;
      }
      SW_ASSIGN_OR_RETURN(const bool more, file_.read_more(&rest_));
      if (!more) {
        ended_ = true;
        return std::exchange(rest_, {});
      }
    }
    std::string whole = rest_.substr(0, scanned);
    rest_.erase(0, scanned);
    return whole;
  }

  static std::vector<Line> parse(std::string lines) {
    std::vector<Line> batch;
    batch.reserve(kLinesPerBatch);
    v1::Event event;
    for (std::size_t start = 0; start < lines.size();) {
      const std::size_t newline = std::min(lines.find('\n', start), lines.size());
      std::string_view text(lines.data() + start, newline - start);
      start = newline + 1;
      if (text.ends_with('\r')) text.remove_suffix(1);
      if (text.find_first_not_of(" \t") == std::string_view::npos) continue;
      Line& line = batch.emplace_back();
      event.Clear();
      if (const absl::Status status = from_json(text, &event); status.ok()) {
        line.peeled = peel(event, &line.payload);
      } else {
        line.peeled = unreadable(v1::REJECT_REASON_UNDECODABLE, message_of(status));
      }
      if (!line.peeled.topic) line.payload = text;
    }
    return batch;
  }

  File file_;
  std::size_t ahead_;
  std::string rest_;
  bool ended_ = false;
  std::deque<std::future<std::vector<Line>>> parsing_;
  std::vector<Line> batch_;
  std::size_t position_ = 0;
};

}  // namespace

EventFormat format_of(std::string_view path) {
  for (const std::string_view ending : {".binpb", ".pb", ".bin"}) {
    if (path.ends_with(ending)) return EventFormat::kBinpb;
  }
  return EventFormat::kNdjson;
}

absl::StatusOr<std::unique_ptr<EventReader>> EventReader::open(const std::string& path,
                                                               EventFormat format) {
  SW_ASSIGN_OR_RETURN(File file, File::open(path));
  if (format == EventFormat::kBinpb) return std::make_unique<BinpbReader>(std::move(file));
  return std::make_unique<NdjsonReader>(std::move(file));
}

EventWriter::EventWriter(std::FILE* file, std::string path, EventFormat format)
    : file_(file), path_(std::move(path)), format_(format) {}

absl::StatusOr<std::unique_ptr<EventWriter>> EventWriter::open(const std::string& path,
                                                               EventFormat format) {
  std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
  if (file == nullptr) return open_error(path, errno, "to write events to");
  return std::unique_ptr<EventWriter>(new EventWriter(file, path, format));
}

EventWriter::~EventWriter() { (void)close(); }

absl::Status EventWriter::write(const v1::Event& event) {
  if (format_ == EventFormat::kNdjson) {
    buffer_ = to_json(event);
    buffer_ += '\n';
  } else {
    buffer_.clear();
    const std::size_t size = event.ByteSizeLong();
    std::array<std::uint8_t, 10> length{};
    const auto* end =
        google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(size, length.data());
    buffer_.append(reinterpret_cast<const char*>(length.data()),
                   static_cast<std::size_t>(end - length.data()));
    event.AppendToString(&buffer_);
  }
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size()) {
    return absl::DataLossError(fmt::format("writing {} failed: {}", path_, std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status EventWriter::close() {
  if (file_ == nullptr) return absl::OkStatus();
  std::FILE* file = std::exchange(file_, nullptr);
  const int failed = file == stdout ? std::fflush(file) : std::fclose(file);
  if (failed != 0) {
    return absl::DataLossError(fmt::format("writing {} failed: {}", path_, std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace surgewatch::services
