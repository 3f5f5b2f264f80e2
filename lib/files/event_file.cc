#include "files/event_file.h"

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
#include "base/utf8.h"
#include "json/event_transcoder.h"

namespace surgewatch::files {
namespace {

// Of a record of either format; in a binary file a length beyond it is taken for damage.
constexpr std::uint64_t kLongestRecord = 64 << 20;
constexpr std::size_t kShown =
    64;  // bytes of what can't be read, where all of it would be too much

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
  static absl::StatusOr<File> open(const std::string& path, std::size_t block) {
    if (path == "-") return File(stdin, path, block, std::nullopt);
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) return open_error(path, errno, "to read events from");
    struct stat info {};
    std::optional<std::uint64_t> size;
    if (fstat(fileno(file), &info) == 0 && S_ISREG(info.st_mode)) {
      size = static_cast<std::uint64_t>(info.st_size);
    }
    return File(file, path, block, size);
  }
  File(File&& other) noexcept
      : file_(std::exchange(other.file_, nullptr)),
        path_(std::move(other.path_)),
        block_(other.block_),
        size_(other.size_) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (file_ != nullptr && file_ != stdin) std::fclose(file_);
  }

  // Appends up to a block; false at the end.
  absl::StatusOr<bool> read_more(std::string* buffer) {
    const std::size_t before = buffer->size();
    buffer->resize(before + block_);
    const std::size_t got = std::fread(buffer->data() + before, 1, block_, file_);
    buffer->resize(before + got);
    bytes_ += got;
    if (got < block_ && std::ferror(file_) != 0) {
      return absl::DataLossError(fmt::format("reading {} failed: {}", path_, std::strerror(errno)));
    }
    return got > 0;
  }
  std::uint64_t bytes() const { return bytes_; }
  std::optional<std::uint64_t> size() const { return size_; }

 private:
  File(std::FILE* file, std::string path, std::size_t block, std::optional<std::uint64_t> size)
      : file_(file), path_(std::move(path)), block_(block), size_(size) {}
  std::FILE* file_;
  std::string path_;
  std::size_t block_;
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
      if (frame == Frame::kDamaged || length > kLongestRecord) {
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
    batch->unreadable.push_back({offset(), std::string_view(batch->bytes).substr(position, kShown),
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
      if (idle_.empty()) idle_.push_back(std::make_unique<Job>());
      Job& job = *idle_.back();
      SW_RETURN_IF_ERROR(read_lines(&job.batch.bytes));
      if (job.batch.bytes.empty()) break;
      parsing_.push_back(std::async(std::launch::async, [job = std::move(idle_.back())]() mutable {
        job->parse();
        return std::move(job);
      }));
      idle_.pop_back();
    }
    if (parsing_.empty()) return false;
    std::unique_ptr<Job> job = parsing_.front().get();
    parsing_.pop_front();
    std::swap(*batch, job->batch);
    idle_.push_back(std::move(job));
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
  // A stretch of lines and what parses them; both are used again and again, by one thread at a
  // time.
  struct Job {
    EventBatch batch;
    json::EventTranscoder transcoder;

    void parse() {
      std::string lines = std::exchange(batch.bytes, {});
      batch.clear();
      batch.bytes = std::move(lines);
      const std::size_t size = batch.bytes.size();
      batch.bytes.append(json::EventTranscoder::kPadding, '\0');
      std::string_view rest(batch.bytes.data(), size);
      while (!rest.empty()) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
        if (line.find_first_not_of(" \t") != std::string_view::npos) parse_line(line);
      }
    }

    void parse_line(std::string_view line) {
      const auto offset = static_cast<std::int64_t>(batch.end++);
      if (line.size() > kLongestRecord) {
        batch.unreadable.push_back(
            {offset, line.substr(0, kShown), v1::REJECT_REASON_TOO_LARGE,
             fmt::format("the line is longer than {} bytes, the limit", kLongestRecord)});
        return;
      }
      json::EventTranscoder::Event event;
      observe::Rejection rejection;
      if (transcoder.transcode(line, &event, &rejection)) {
        batch.add(event.topic, offset, keep(event.payload));
      } else {
        batch.unreadable.push_back({offset, line, rejection.reason, std::move(rejection.detail)});
      }
    }

    // Where it stays as long as the batch does: hardly ever is it longer than its line.
    std::string_view keep(std::string_view payload) {
      if (batch.copies.empty() ||
          batch.copies.back().capacity() - batch.copies.back().size() < payload.size()) {
        batch.copies.emplace_back().reserve(std::max(batch.bytes.size(), payload.size()));
      }
      std::string& kept = batch.copies.back();
      const std::size_t begin = kept.size();
      kept += payload;
      return std::string_view(kept).substr(begin);
    }
  };

  // Whole lines, about a block of them; none at the end. Of a line that is too long the beginning
  // is kept, enough to see that it is.
  absl::Status read_lines(std::string* lines) {
    lines->assign(rest_);
    rest_.clear();
    while (true) {
      const std::size_t before = lines->size();
      SW_ASSIGN_OR_RETURN(const bool more, file_.read_more(lines));
      if (!more) {
        ended_ = true;
        return absl::OkStatus();
      }
      const std::size_t newline = std::string_view(*lines).substr(before).rfind('\n');
      if (newline != std::string_view::npos) {
        rest_.assign(*lines, before + newline + 1);
        lines->resize(before + newline + 1);
        return absl::OkStatus();
      }
      if (before > kLongestRecord) lines->resize(before);
    }
  }

  File file_;
  std::size_t ahead_;
  std::string rest_;  // the begin of a line whose end was not read yet
  bool ended_ = false;
  std::uint64_t end_ = 0;
  std::vector<std::unique_ptr<Job>> idle_;
  std::deque<std::future<std::unique_ptr<Job>>> parsing_;
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
                                                               EventFormat format,
                                                               std::size_t block) {
  SW_ASSIGN_OR_RETURN(File file, File::open(path, block));
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

}  // namespace surgewatch::files
