#include "config/csv.h"

#include <algorithm>
#include <array>

#include "base/numbers.h"
#include "base/printable.h"
#include "base/utf8.h"
#include "config/text.h"

namespace surgewatch::config {
namespace {

constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

bool begins_formula(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \""), text.size()));
  constexpr std::array<std::string_view, 8> kStarts{"=", "+", "-", "@", "＝", "＋", "－", "＠"};
  return std::ranges::any_of(kStarts,
                             [&](std::string_view start) { return text.starts_with(start); });
}

}  // namespace

CsvTable::CsvTable(std::string_view text, std::string_view file, std::vector<Column> columns,
                   Problems* problems)
    : text_(text), file_(file), columns_(std::move(columns)), problems_(*problems) {
  if (const auto invalid = first_invalid_utf8(text)) {
    problems_.add(file_, *invalid, "not UTF-8 text; save the table as UTF-8");
    return;
  }
  if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  read_header();
}

void CsvTable::read_header() {
  const std::size_t problems_before = problems_.count();
  if (!read_record()) {
    if (problems_.count() == problems_before) {
      std::vector<std::string> names;
      for (const Column& column : columns_) {
        if (column.required) names.emplace_back(column.name);
      }
      problems_.add(file_, {}, "the table is empty; its first line must name {}", enumerate(names));
    }
    return;
  }
  header_count_ = field_count_;
  usable_ = true;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < field_count_; ++i) {
    if (std::find(names.begin(), names.end(), fields_[i].text) != names.end()) {
      problems_.add(file_, fields_[i].at, "column '{}' is there twice", fields_[i].text);
      usable_ = false;
    }
    names.push_back(fields_[i].text);
  }
  for (const Column& column : columns_) {
    const auto found = std::find(names.begin(), names.end(), column.name);
    if (found != names.end()) {
      field_of_column_.push_back(static_cast<std::size_t>(found - names.begin()));
      continue;
    }
    field_of_column_.push_back(kAbsent);
    if (column.required) {
      problems_.add(file_, record_at_, "no column '{}'{}", column.name,
                    suggestion(column.name, names, "the header has"));
      usable_ = false;
    }
  }
}

bool CsvTable::next() {
  while (usable_ && !at_end()) {
    if (!read_record()) continue;
    if (field_count_ == header_count_) return true;
    problems_.add(file_, record_at_, "the row has {} fields, the header {}{}", field_count_,
                  header_count_,
                  field_count_ > header_count_ ? "; quote a field that holds a comma" : "");
  }
  return false;
}

std::string_view CsvTable::operator[](std::size_t column) const {
  const std::size_t field = field_of_column_[column];
  return field == kAbsent ? std::string_view{} : std::string_view(fields_[field].text);
}

bool CsvTable::has(std::size_t column) const {
  return column < field_of_column_.size() && field_of_column_[column] != kAbsent;
}

Position CsvTable::place(std::size_t column) const {
  const std::size_t field = field_of_column_[column];
  return field == kAbsent ? record_at_ : fields_[field].at;
}

// False at the end of the text, and behind a record that can't be read.
bool CsvTable::read_record() {
  while (!at_end() && (text_[next_] == '\n' || text_.substr(next_).starts_with("\r\n"))) take();
  field_count_ = 0;
  record_at_ = at_;
  if (at_end()) return false;
  do {
    Field* field = add_field();
    const bool quoted = !at_end() && text_[next_] == '"';
    if (!(quoted ? read_quoted(field) : read_plain(field))) {
      skip_line();
      return false;
    }
  } while (at_separator());
  return true;
}

bool CsvTable::read_quoted(Field* field) {
  take();
  while (!at_end()) {
    const char c = take();
    if (c != '"') {
      field->text += c;
    } else if (!at_end() && text_[next_] == '"') {
      field->text += take();
    } else {
      const std::string_view rest = text_.substr(next_);
      if (rest.empty() || rest[0] == ',' || rest[0] == '\n' || rest.starts_with("\r\n"))
        return true;
      problems_.add(file_, at_, "text behind a closing quote; double a quote that is part of it");
      return false;
    }
  }
  problems_.add(file_, field->at, "a quote opens here and is never closed");
  return false;
}

bool CsvTable::read_plain(Field* field) {
  const std::size_t start = next_;
  std::size_t end = text_.find_first_of(",\n\"", start);
  if (end == std::string_view::npos) end = text_.size();
  at_.column += static_cast<int>(end - start);
  next_ = end;
  if (!at_end() && text_[next_] == '"') {
    problems_.add(file_, at_, "a quote inside an unquoted field; quote the whole field");
    return false;
  }
  std::string_view text = text_.substr(start, end - start);
  const bool last = at_end() || text_[next_] == '\n';
  if (last && text.ends_with('\r')) text.remove_suffix(1);
  field->text.assign(text);
  return true;
}

bool CsvTable::at_separator() {
  if (at_end()) return false;
  const char c = take();
  if (c == '\r') take();
  return c == ',';
}

void CsvTable::skip_line() {
  while (!at_end() && take() != '\n') {
  }
}

char CsvTable::take() {
  const char c = text_[next_++];
  at_ = c == '\n' ? Position{at_.line + 1, 1} : Position{at_.line, at_.column + 1};
  return c;
}

CsvTable::Field* CsvTable::add_field() {
  if (field_count_ == fields_.size()) fields_.emplace_back();
  Field* field = &fields_[field_count_++];
  field->text.clear();
  field->at = at_;
  return field;
}

std::string csv_field(std::string text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string field = "\"";
  for (const char c : text) field.append(c == '"' ? 2 : 1, c);
  return field + '"';
}

std::string csv_text(std::string_view text) {
  const std::string shown = printable(text, kUncut);
  const bool is_guarded =
      shown.starts_with('\'') || (begins_formula(shown) && !parse_finite(shown));
  std::string guarded = is_guarded ? "'" : "";
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const bool begins_cell =
        shown[i] == ';' && begins_formula(std::string_view(shown).substr(i + 1));
    if (begins_cell) {
      guarded += "\\x3b";
    } else {
      guarded += shown[i];
    }
  }
  return csv_field(std::move(guarded));
}

}  // namespace surgewatch::config
