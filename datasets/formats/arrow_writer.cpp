#include "datasets/formats/arrow_writer.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

void check(const arrow::Status& status, const fs::path& path) {
  if (!status.ok())
    throw environment_error("cannot write " + path.string() + ": " + status.message(),
                            "a folder with free space and write permission");
}

template <class T>
T value_of(arrow::Result<T> result, const fs::path& path) {
  check(result.status(), path);
  return result.MoveValueUnsafe();
}

constexpr ArrowType kTypes[] = {ArrowType::text, ArrowType::int32, ArrowType::binary,
                                ArrowType::large_binary};

struct TypeFacts {
  std::shared_ptr<arrow::DataType> type;
  const char* python;  ///< name in dataset_info.json
};

TypeFacts facts(ArrowType type) {
  switch (type) {
    case ArrowType::text:
      return {arrow::utf8(), "string"};
    case ArrowType::int32:
      return {arrow::int32(), "int32"};
    case ArrowType::binary:
      return {arrow::binary(), "binary"};
    case ArrowType::large_binary:
      break;
  }
  return {arrow::large_binary(), "large_binary"};
}

/// A cell as an array of one value. Bytes are not copied: the cell must outlive the array.
std::shared_ptr<arrow::Array> one_value(const ArrowField& field, const ArrowValue& value) {
  const auto type = facts(field.type).type;
  const bool null = std::holds_alternative<std::monostate>(value);
  const auto validity = null ? arrow::Buffer::FromString(std::string(1, '\0')) : nullptr;
  const auto plain = [&](const auto& numbers) {
    return arrow::Buffer::FromString(std::string(reinterpret_cast<const char*>(&numbers), sizeof numbers));
  };
  if (field.type == ArrowType::int32) {
    const auto number = null ? int32_t{0} : static_cast<int32_t>(std::get<int64_t>(value));
    return arrow::MakeArray(arrow::ArrayData::Make(type, 1, {validity, plain(number)}, null ? 1 : 0));
  }
  static const std::string nothing;
  const std::string& bytes = null ? nothing : std::get<std::string>(value);
  const auto size = static_cast<int64_t>(bytes.size());
  if (field.type != ArrowType::large_binary && size > std::numeric_limits<int32_t>::max())
    throw usage_error("a value of column '" + field.name + "' has " + std::to_string(size) + " bytes",
                      "at most 2147483647, or the type large_binary");
  struct Narrow {
    int32_t begin, end;
  };
  struct Wide {
    int64_t begin, end;
  };
  const auto offsets = field.type == ArrowType::large_binary ? plain(Wide{0, size})
                                                             : plain(Narrow{0, static_cast<int32_t>(size)});
  return arrow::MakeArray(arrow::ArrayData::Make(
      type, 1, {validity, offsets, arrow::Buffer::Wrap(bytes.data(), bytes.size())}, null ? 1 : 0));
}

}  // namespace

std::string arrow_file_name(int64_t file, int64_t files) {
  char name[64];
  std::snprintf(name, sizeof name, "data-%05lld-of-%05lld.arrow", static_cast<long long>(file),
                static_cast<long long>(files));
  return name;
}

void write_arrow_file(const fs::path& path, const std::vector<ArrowField>& fields, int64_t begin, int64_t end,
                      const ArrowRow& row, const ArrowNotes& notes) {
  arrow::FieldVector columns;
  for (const auto& field : fields) columns.push_back(arrow::field(field.name, facts(field.type).type));
  std::vector<std::string> keys, texts;
  for (const auto& [key, text] : notes) {
    keys.push_back(key);
    texts.push_back(text);
  }
  const auto schema = arrow::schema(columns, keys.empty() ? nullptr : arrow::key_value_metadata(keys, texts));
  const auto file = value_of(arrow::io::FileOutputStream::Open(path.string()), path);
  const auto writer = value_of(arrow::ipc::MakeStreamWriter(file.get(), schema), path);
  for (int64_t i = begin; i < end; ++i) {
    const auto cells = row(i);
    arrow::ArrayVector arrays;
    for (size_t c = 0; c < fields.size(); ++c) arrays.push_back(one_value(fields[c], cells.at(c)));
    check(writer->WriteRecordBatch(*arrow::RecordBatch::Make(schema, 1, arrays)), path);
  }
  check(writer->Close(), path);
  ::fsync(file->file_descriptor());
  check(file->Close(), path);
}

std::vector<ArrowField> arrow_file_fields(const fs::path& path) {
  const auto unknown = [&](const std::string& reason) {
    return data_error(path.string() + " has other columns: " + reason, "a file that this program wrote");
  };
  const auto file = arrow::io::ReadableFile::Open(path.string());
  if (!file.ok()) throw unknown(file.status().message());
  const auto reader = arrow::ipc::RecordBatchStreamReader::Open(*file);
  if (!reader.ok()) throw unknown(reader.status().message());
  std::vector<ArrowField> fields;
  for (const auto& column : (*reader)->schema()->fields()) {
    const auto same = [&](ArrowType type) { return facts(type).type->Equals(column->type()); };
    const auto it = std::find_if(std::begin(kTypes), std::end(kTypes), same);
    if (it == std::end(kTypes)) throw unknown(column->ToString());
    fields.push_back({column->name(), *it});
  }
  return fields;
}

void write_arrow_state(const fs::path& folder, const std::vector<ArrowField>& fields,
                       const std::vector<std::string>& files) {
  core::Json list = core::Json::array();
  std::string names;
  for (const auto& name : files) {
    list.push_back({{"filename", name}});
    names += name + "\n";
  }
  // In column order, which sorted JSON would lose.
  std::string listed;
  for (const auto& field : fields)
    listed += (listed.empty() ? "" : ", ") + core::Json(field.name).dump() + R"(: {"dtype": ")" +
              facts(field.type).python + R"(", "_type": "Value"})";
  core::write_file_atomic(folder / "dataset_info.json", "{\"features\": {" + listed + "}}\n");
  const core::Json state = {{"_data_files", list},        {"_fingerprint", core::sha256(names).substr(0, 16)},
                            {"_format_columns", nullptr}, {"_format_kwargs", core::Json::object()},
                            {"_format_type", nullptr},    {"_output_all_columns", false},
                            {"_split", "train"}};
  core::write_file_atomic(folder / "state.json", state.dump(2) + "\n");
}

int64_t arrow_shards(int64_t total_bytes, int64_t shard_bytes, int64_t rows) {
  return std::max<int64_t>(1, std::min(total_bytes / std::max<int64_t>(1, shard_bytes) + 1, rows));
}

void write_arrow_folder(const fs::path& folder, const std::vector<ArrowField>& fields, int64_t rows,
                        int64_t shards, const ArrowRow& row,
                        const std::function<ArrowNotes(int64_t begin, int64_t end)>& notes) {
  std::error_code ignored;
  if (fs::exists(folder, ignored))
    throw usage_error(folder.string() + " exists already", "a folder that does not exist",
                      "remove it or choose another one");
  const fs::path fresh = folder.string() + ".part";
  fs::remove_all(fresh, ignored);
  core::make_folder(fresh);
  try {
    std::vector<std::string> files;
    int64_t begin = 0;
    for (int64_t k = 0; k < shards; ++k) {
      const int64_t end = begin + rows / shards + (k < rows % shards ? 1 : 0);
      files.push_back(arrow_file_name(k, shards));
      write_arrow_file(fresh / files.back(), fields, begin, end, row,
                       notes ? notes(begin, end) : ArrowNotes());
      begin = end;
    }
    write_arrow_state(fresh, fields, files);
    fs::rename(fresh, folder);
  } catch (...) {
    fs::remove_all(fresh, ignored);
    throw;
  }
}

}  // namespace windtunnel::datasets
