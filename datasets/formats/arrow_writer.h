#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace windtunnel::datasets {

/// 64-bit offsets (large_binary) are needed where one value passes 2^31 - 1 bytes.
enum class ArrowType { text, int32, binary, large_binary };

struct ArrowField {
  std::string name;
  ArrowType type = ArrowType::binary;
};

/// A cell: null, a number, or text or bytes.
using ArrowValue = std::variant<std::monostate, int64_t, std::string>;

using ArrowRow = std::function<std::vector<ArrowValue>(int64_t row)>;
/// Text kept in the schema of a file, by name.
using ArrowNotes = std::map<std::string, std::string>;

/// One Arrow IPC stream with rows [begin, end), one record batch per row, and the notes in its schema.
void write_arrow_file(const std::filesystem::path& path, const std::vector<ArrowField>& fields, int64_t begin,
                      int64_t end, const ArrowRow& row, const ArrowNotes& notes);

/// Columns of a file that write_arrow_file() wrote; a data error if it is none.
std::vector<ArrowField> arrow_file_fields(const std::filesystem::path& path);

/// data-SSSSS-of-NNNNN.arrow
std::string arrow_file_name(int64_t file, int64_t files);

/// dataset_info.json and state.json of a folder that holds `files`, in this order.
void write_arrow_state(const std::filesystem::path& folder, const std::vector<ArrowField>& fields,
                       const std::vector<std::string>& files);

/// Writes a folder that `datasets.load_from_disk` opens: data-SSSSS-of-NNNNN.arrow (IPC stream, one record
/// batch per row, so that no column passes 2^31 - 1 bytes in a batch), state.json and dataset_info.json.
/// Shard k holds a contiguous run of the rows; the first rows mod `shards` shards have one more. `row` is
/// called once per row, in order, and is the only thing kept in memory. `notes(begin, end)`, where given,
/// are those of the file with these rows. The folder appears whole or not at
/// all; an existing one is a usage error.
void write_arrow_folder(const std::filesystem::path& folder, const std::vector<ArrowField>& fields,
                        int64_t rows, int64_t shards, const ArrowRow& row,
                        const std::function<ArrowNotes(int64_t begin, int64_t end)>& notes = {});

/// Number of shards for a table of `total_bytes` and shards of about `shard_bytes`: floor(total / shard) + 1,
/// at most one per row.
int64_t arrow_shards(int64_t total_bytes, int64_t shard_bytes, int64_t rows);

}  // namespace windtunnel::datasets
