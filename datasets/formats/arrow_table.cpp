#include "datasets/formats/arrow_table.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/util/key_value_metadata.h>

#include <cstring>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFileMagic = "ARROW1";
constexpr std::string_view kEndOfStream("\xff\xff\xff\xff\0\0\0\0", 8);

/// A mapped file as a buffer. (Arrow's own mapped file asks the system to read every range that is touched,
/// whole record batches of gigabytes; this one leaves that to the pages that are used.)
class MappedBuffer : public arrow::Buffer {
 public:
  explicit MappedBuffer(std::shared_ptr<const core::MappedFile> file)
      : Buffer(reinterpret_cast<const uint8_t*>(file->data()), static_cast<int64_t>(file->size())),
        file_(std::move(file)) {}

 private:
  std::shared_ptr<const core::MappedFile> file_;
};

core::Error damaged(const std::string& path, const std::string& reason) {
  return data_error(path + " is not a whole Arrow file: " + reason, "an Arrow IPC stream or file",
                    "the file is damaged or incomplete: copy it again");
}

template <class T>
T value_of(arrow::Result<T> result, const std::string& path) {
  if (!result.ok()) throw damaged(path, result.status().message());
  return result.MoveValueUnsafe();
}

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

Batches read_batches(const std::string& path, const std::shared_ptr<MappedBuffer>& buffer) {
  const std::string_view bytes(reinterpret_cast<const char*>(buffer->data()),
                               static_cast<size_t>(buffer->size()));
  const auto source = std::make_shared<arrow::io::BufferReader>(buffer);
  Batches batches;
  if (bytes.substr(0, kFileMagic.size()) == kFileMagic) {
    const auto reader = value_of(arrow::ipc::RecordBatchFileReader::Open(source), path);
    for (int i = 0; i < reader->num_record_batches(); ++i)
      batches.push_back(value_of(reader->ReadRecordBatch(i), path));
    return batches;
  }
  // The library takes the end of the bytes for the end of the stream.
  if (bytes.size() < kEndOfStream.size() || bytes.substr(bytes.size() - kEndOfStream.size()) != kEndOfStream)
    throw damaged(path, "it does not end with the end-of-stream marker");
  const auto reader = value_of(arrow::ipc::RecordBatchStreamReader::Open(source), path);
  while (true) {
    auto batch = value_of(reader->Next(), path);
    if (!batch) break;
    batches.push_back(std::move(batch));
  }
  if (source->Tell().ValueOr(-1) != buffer->size()) throw damaged(path, "it ends before the bytes do");
  return batches;
}

}  // namespace

struct ArrowTable::Data {
  struct Batch {
    std::shared_ptr<arrow::RecordBatch> values;
    size_t file = 0;
  };
  struct Row {
    size_t batch = 0;
    int64_t index = 0;
  };

  const Row& row(int64_t number) const { return rows.at(static_cast<size_t>(number)); }
  const Batch& batch(int64_t number) const { return batches[row(number).batch]; }

  std::string place(int64_t number, const std::string& column) const {
    return files[batch(number).file] + ", row " + std::to_string(row(number).index) + ": column '" + column +
           "'";
  }

  const arrow::Array& column(int64_t number, const std::string& name) const {
    const auto& values = *batch(number).values;
    const int index = values.schema()->GetFieldIndex(name);
    if (index < 0)
      throw data_error(files[batch(number).file] + " has no column '" + name + "'",
                       "one of " + core::join(values.schema()->field_names(), ", "),
                       core::suggestion(name, values.schema()->field_names()));
    return *columns[row(number).batch][static_cast<size_t>(index)];
  }

  std::vector<std::string> files;
  std::vector<Batch> batches;
  std::vector<arrow::ArrayVector> columns;  ///< by batch
  std::vector<Row> rows;
};

ArrowTable::~ArrowTable() = default;
ArrowTable::ArrowTable(ArrowTable&&) noexcept = default;

ArrowTable::ArrowTable(const std::vector<fs::path>& files) : data_(std::make_unique<Data>()) {
  for (const auto& path : files) {
    const std::string name = path.string();
    const auto file = std::make_shared<core::MappedFile>(path);
    if (file->size() == 0) throw damaged(name, "it is empty");
    for (auto& values : read_batches(name, std::make_shared<MappedBuffer>(file))) {
      // Reads lengths and offsets, and of the values the text only.
      if (const auto status = values->ValidateFull(); !status.ok()) throw damaged(name, status.message());
      for (int64_t i = 0; i < values->num_rows(); ++i) data_->rows.push_back({data_->batches.size(), i});
      data_->columns.push_back(values->columns());
      data_->batches.push_back({std::move(values), data_->files.size()});
    }
    data_->files.push_back(name);
  }
}

ArrowTable ArrowTable::open_folder(const fs::path& folder) {
  const fs::path state = folder / "state.json";
  std::error_code ignored;
  if (!fs::exists(state, ignored))
    throw data_error(state.string() + " does not exist", "the list of the folder's Arrow files",
                     "copy the whole folder, with state.json and dataset_info.json");
  const core::Json values = core::read_json(state.string());
  const auto list = values.find("_data_files");
  if (!values.is_object() || list == values.end() || !list->is_array())
    throw data_error(state.string() + " has no list '_data_files'",
                     R"({"_data_files": [{"filename": text}]})");
  std::vector<fs::path> files;
  for (const auto& entry : *list) {
    const auto name = entry.is_object() ? entry.find("filename") : entry.end();
    if (!entry.is_object() || name == entry.end() || !name->is_string())
      throw data_error(state.string() + ": entry " + entry.dump() + " of '_data_files'",
                       R"({"filename": text})");
    const fs::path file(name->get<std::string>());
    if (file.empty() || file != file.filename() || file == "..")
      throw data_error(state.string() + ": file '" + file.string() + "'", "the name of a file in the folder");
    files.push_back(folder / file);
  }
  return ArrowTable(files);
}

int64_t ArrowTable::rows() const { return static_cast<int64_t>(data_->rows.size()); }

std::vector<std::string> ArrowTable::columns() const {
  if (data_->batches.empty()) return {};
  return data_->batches.front().values->schema()->field_names();
}

const std::string& ArrowTable::file(int64_t row) const { return data_->files[data_->batch(row).file]; }

bool ArrowTable::has(int64_t row, const std::string& column) const {
  return data_->batch(row).values->schema()->GetFieldIndex(column) >= 0;
}

std::optional<std::string> ArrowTable::note(int64_t row, const std::string& name) const {
  const auto notes = data_->batch(row).values->schema()->metadata();
  const int index = notes ? notes->FindKey(name) : -1;
  return index < 0 ? std::nullopt : std::optional(notes->value(index));
}

std::string ArrowTable::text(int64_t row, const std::string& column) const {
  const auto value = bytes(row, column);
  if (!value) throw data_error(data_->place(row, column) + " is null", "text");
  return std::string(*value);
}

std::optional<int64_t> ArrowTable::integer(int64_t row, const std::string& column) const {
  const arrow::Array& array = data_->column(row, column);
  const int64_t i = data_->row(row).index;
  if (array.type_id() != arrow::Type::INT32 && array.type_id() != arrow::Type::INT64)
    throw data_error(data_->place(row, column) + " has type " + array.type()->ToString(), "int32 or int64");
  if (array.IsNull(i)) return std::nullopt;
  if (array.type_id() == arrow::Type::INT32) return static_cast<const arrow::Int32Array&>(array).Value(i);
  return static_cast<const arrow::Int64Array&>(array).Value(i);
}

bool ArrowTable::has_bytes(int64_t row, const std::string& column) const {
  if (!has(row, column)) return false;
  const auto type = data_->column(row, column).type_id();
  return arrow::is_base_binary_like(type);
}

std::optional<std::string_view> ArrowTable::bytes(int64_t row, const std::string& column) const {
  const arrow::Array& array = data_->column(row, column);
  const int64_t i = data_->row(row).index;
  switch (array.type_id()) {
    case arrow::Type::BINARY:
    case arrow::Type::STRING:
      if (array.IsNull(i)) return std::nullopt;
      return static_cast<const arrow::BinaryArray&>(array).GetView(i);
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::LARGE_STRING:
      if (array.IsNull(i)) return std::nullopt;
      return static_cast<const arrow::LargeBinaryArray&>(array).GetView(i);
    default:
      throw data_error(data_->place(row, column) + " has type " + array.type()->ToString(),
                       "binary, large_binary or string");
  }
}

}  // namespace windtunnel::datasets
