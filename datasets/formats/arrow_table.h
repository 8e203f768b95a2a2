#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace windtunnel::datasets {

/// Rows of Arrow IPC files, mapped into memory: opening reads the metadata only, and a value is a view into
/// its file, so that using a part of it reads that part only.
///
/// Both containers are read: the stream format (message after message, closed by the end-of-stream marker
/// FF FF FF FF 00 00 00 00) and the file format (magic ARROW1, footer); any number of record batches; binary
/// and string columns with 32- or 64-bit offsets. A missing, foreign, damaged or truncated file is a data
/// error that names it. Reading is safe from several threads.
class ArrowTable {
 public:
  /// The rows of all files, in this order.
  explicit ArrowTable(const std::vector<std::filesystem::path>& files);
  /// A folder in the layout of `save_to_disk`: the files that its state.json lists under _data_files.
  static ArrowTable open_folder(const std::filesystem::path& folder);
  ~ArrowTable();
  ArrowTable(ArrowTable&&) noexcept;

  int64_t rows() const;
  /// Columns of the first file, in order.
  std::vector<std::string> columns() const;
  /// The file that holds a row.
  const std::string& file(int64_t row) const;
  /// True if the row's file has such a column, whatever its values.
  bool has(int64_t row, const std::string& column) const;

  /// Text that the row's file keeps in its schema under `name`; nothing if there is none.
  std::optional<std::string> note(int64_t row, const std::string& name) const;
  /// True if it has one of binary or text values.
  bool has_bytes(int64_t row, const std::string& column) const;

  /// Data errors: no such column, another type; for text also a null.
  std::string text(int64_t row, const std::string& column) const;
  /// Nothing if the value is null.
  std::optional<int64_t> integer(int64_t row, const std::string& column) const;
  std::optional<std::string_view> bytes(int64_t row, const std::string& column) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace windtunnel::datasets
