// CSV tables as RFC 4180 has them: quoted fields may hold commas, quotes (doubled) and newlines; a
// byte order mark and CRLF are taken; empty lines are passed over. Columns are found by the names
// in the header, in any order; further columns are ignored.
//
// Threads: one. Errors: each problem has its line and column; a bad row is passed over.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.h"

namespace surgewatch::config {

class CsvTable {
 public:
  struct Column {
    std::string_view name;
    bool required = true;
  };

  // Reads the header. `text`, `file` and `problems` must outlive the table.
  CsvTable(std::string_view text, std::string_view file, std::vector<Column> columns,
           Problems* problems);

  // Goes to the next sound row; false at the end, or if the header was bad.
  bool next();

  // By the column's position in the list given; empty where an optional column is absent. Valid
  // until next().
  std::string_view operator[](std::size_t column) const;

  // False for an optional column that is absent.
  bool has(std::size_t column) const;

  // Where that field stands; the row's own place if the column is absent.
  Position place(std::size_t column) const;

  template <typename... Args>
  void problem(std::size_t column, fmt::format_string<Args...> format, Args&&... args) {
    problems_.add(file_, place(column), format, std::forward<Args>(args)...);
  }

 private:
  struct Field {
    std::string text;
    Position at;
  };

  bool read_record();
  bool read_quoted(Field* field);
  bool read_plain(Field* field);
  // Behind the field: true if another follows in the same record.
  bool at_separator();
  void skip_line();
  char take();
  bool at_end() const { return next_ == text_.size(); }
  Field* add_field();
  void read_header();

  std::string_view text_;
  std::string_view file_;
  std::vector<Column> columns_;
  Problems& problems_;

  std::size_t next_ = 0;
  Position at_;
  Position record_at_;
  std::vector<Field> fields_;  // the first field_count_ are the record; the rest are spare
  std::size_t field_count_ = 0;
  std::size_t header_count_ = 0;
  std::vector<std::size_t> field_of_column_;
  bool usable_ = false;
};

// `text` as a field that is written: in quotes where it needs them (RFC 4180).
std::string csv_field(std::string text);

// The same of a text that others wrote, which no spreadsheet takes for a formula: printable()
// without a cut, then with `'` before it if it begins with `'`, or, behind blanks and quotes, with
// one of = + - @ (also in full width), unless all of it is a number. A `;` before such a character
// is \x3b, since in many countries it ends a cell. Whoever takes one `'` off the front and undoes
// the escapes has the text again.
std::string csv_text(std::string_view text);

}  // namespace surgewatch::config
