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

constexpr std::size_t kReadBlock = 1 << 20;
constexpr std::size_t kLinesPerBatch = 1'000;
constexpr std::uint64_t kLongestFrame = 64 << 20;  // beyond it a length is taken for damage

absl::Status open_error(const std::string& path, int error, std::string_view purpose) {
  const std::string text = fmt::format("can't open {} {}: {}", path, purpose, std::strerror(error));
  return error == EACCES ? absl::PermissionDeniedError(text) : absl::NotFoundError(text);
}

// What an Event holds, as the bytes of the inner message; nullopt if it is neither kind.
std::optional<Topic> peel(const v1::Event& event, std::string* payload) {
  switch (event.kind_case()) {
    case v1::Event::kInvoice:
      event.invoice().AppendToString(payload);
      return Topic::kInvoices;
    case v1::Event::kShipment:
      event.shipment().AppendToString(payload);
      return Topic::kShipments;
    case v1::Event::KIND_NOT_SET:
      break;
  }
  return std::nullopt;
}
constexpr std::string_view kNoKind = "the event is neither an invoice nor a shipment";

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

  absl::StatusOr<bool> next(EventBatch* batch) override {
    batch->clear();
    batch->bytes.assign(rest_);
    rest_.clear();
    bool more = !damaged_;
    while (more) {
      SW_ASSIGN_OR_RETURN(more, file_.read_more(&batch->bytes));
      const std::size_t used = deal(batch);
      if (more && batch->empty()) continue;  // not one whole record yet
      if (!damaged_ && more) {
        rest_.assign(batch->bytes, used);
      } else if (!damaged_ && used < batch->bytes.size()) {
        give_up(batch, used,
                fmt::format("the file ends inside a record: {} bytes are left of it",
                            batch->bytes.size() - used));
      }
      break;
    }
    batch->end = end_;
    batch->bytes_read = file_.bytes();
    return more || !batch->empty();
  }
  std::optional<std::uint64_t> bytes_total() const override { return file_.size(); }

 private:
  enum class Frame { kWhole, kShort, kDamaged };

  // Deals the whole records of the batch's bytes; returns how many bytes they take.
  std::size_t deal(EventBatch* batch) {
    const std::string_view bytes = batch->bytes;
    std::size_t position = 0;
    while (true) {
      std::uint64_t length = 0;
      std::size_t header = 0;
      const Frame frame = read_length(bytes.substr(position), &length, &header);
      if (frame == Frame::kDamaged || length > kLongestFrame) {
        give_up(batch, position,
                "the length before a record makes no sense; the rest can't be read");
        return position;
      }
      if (frame == Frame::kShort || bytes.size() - position - header < length) return position;
      unwrap(bytes.substr(position + header, length), batch);
      position += header + length;
    }
  }

  static Frame read_length(std::string_view bytes, std::uint64_t* length, std::size_t* header) {
    for (std::size_t i = 0; i < 10; ++i) {
      if (i >= bytes.size()) return Frame::kShort;
      const auto byte = static_cast<std::uint8_t>(bytes[i]);
      *length |= static_cast<std::uint64_t>(byte & 0x7F) << (7 * i);
      if (byte < 0x80) {
        *header = i + 1;
        return Frame::kWhole;
      }
    }
    return Frame::kDamaged;
  }

  void give_up(EventBatch* batch, std::size_t position, std::string why) {
    damaged_ = true;
    batch->unreadable.push_back({offset(), std::string_view(batch->bytes).substr(position, 64),
                                 v1::REJECT_REASON_UNDECODABLE, std::move(why)});
  }

  // The usual event is one field that fills it; everything else takes protobuf's own way.
  void unwrap(std::string_view bytes, EventBatch* batch) {
    if (!bytes.empty() && (bytes[0] == 0x0A || bytes[0] == 0x12)) {
      std::uint64_t inner = 0;
      std::size_t header = 0;
      if (read_length(bytes.substr(1), &inner, &header) == Frame::kWhole &&
          bytes.size() - 1 - header == inner) {
        batch->add(bytes[0] == 0x0A ? Topic::kInvoices : Topic::kShipments, offset(),
                   bytes.substr(1 + header));
        return;
      }
    }
    if (!event_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      batch->unreadable.push_back(
          {offset(), bytes, v1::REJECT_REASON_UNDECODABLE, "not a protobuf Event"});
      return;
    }
    std::string& payload = batch->copies.emplace_back();
    if (const auto topic = peel(event_, &payload)) {
      batch->add(*topic, offset(), payload);
    } else {
      batch->unreadable.push_back(
          {offset(), bytes, v1::REJECT_REASON_UNKNOWN_TYPE, std::string(kNoKind)});
    }
  }

  std::int64_t offset() { return static_cast<std::int64_t>(end_++); }

  File file_;
  std::string rest_;  // the begin of a record whose end was not read yet
  std::uint64_t end_ = 0;
  bool damaged_ = false;  // or at an end that is none: nothing more can be read
  v1::Event event_;
};

class NdjsonReader final : public EventReader {
 public:
  explicit NdjsonReader(File file)
      : file_(std::move(file)), ahead_(std::max(2u, std::thread::hardware_concurrency())) {}

  absl::StatusOr<bool> next(EventBatch* batch) override {
    while (!ended_ && parsing_.size() < ahead_) {
      SW_ASSIGN_OR_RETURN(std::string lines, read_lines());
      if (!lines.empty()) {
        parsing_.push_back(std::async(std::launch::async, parse, std::move(lines)));
      }
    }
    if (parsing_.empty()) return false;
    *batch = parsing_.front().get();
    parsing_.pop_front();
    // They were numbered within their batch.
    const auto first = static_cast<std::int64_t>(end_);
    for (auto& records : batch->by_topic) {
      for (aggregate::Record& record : records) record.offset += first;
    }
    for (EventBatch::Unreadable& one : batch->unreadable) one.offset += first;
    end_ = batch->end += end_;
    batch->bytes_read = file_.bytes();
    return true;
  }
  std::optional<std::uint64_t> bytes_total() const override { return file_.size(); }

 private:
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

  static EventBatch parse(std::string lines) {
    EventBatch batch;
    v1::Event event;
    for (std::size_t start = 0; start < lines.size();) {
      const std::size_t newline = std::min(lines.find('\n', start), lines.size());
      std::string_view text(lines.data() + start, newline - start);
      start = newline + 1;
      if (text.ends_with('\r')) text.remove_suffix(1);
      if (text.find_first_not_of(" \t") == std::string_view::npos) continue;
      const auto offset = static_cast<std::int64_t>(batch.end++);
      std::string& bytes = batch.copies.emplace_back();
      event.Clear();
      const absl::Status status = from_json(text, &event);
      if (const auto topic = status.ok() ? peel(event, &bytes) : std::nullopt) {
        batch.add(*topic, offset, bytes);
        continue;
      }
      bytes = text;
      batch.unreadable.push_back(
          {offset, bytes,
           status.ok() ? v1::REJECT_REASON_UNKNOWN_TYPE : v1::REJECT_REASON_UNDECODABLE,
           status.ok() ? std::string(kNoKind) : message_of(status)});
    }
    return batch;
  }

  File file_;
  std::size_t ahead_;
  std::string rest_;
  bool ended_ = false;
  std::uint64_t end_ = 0;
  std::deque<std::future<EventBatch>> parsing_;
};

}  // namespace

void EventBatch::clear() {
  for (auto& records : by_topic) records.clear();
  unreadable.clear();
  copies.clear();
  bytes.clear();
  end = 0;
}

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
