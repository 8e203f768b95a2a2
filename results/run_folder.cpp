#include "results/run_folder.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "core/text.h"

namespace windtunnel::results {
namespace {

const std::vector<std::string> kKeys = {"sample_id", "subset", "rounds"};

std::string value_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return core::number(value);
}

bool parse_value(const std::string& text, double& value) {
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

}  // namespace

void RunFolder::create() const {
  core::make_folder(root);
  core::make_folder(checkpoint());
  core::make_folder(pictures());
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::vector<std::vector<std::string>> parse_csv(const std::string& text, const std::string& origin) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false, any = false;
  const auto close_cell = [&] { row.push_back(std::move(cell)), cell.clear(); };
  const auto close_row = [&] {
    if (!any && row.empty() && cell.empty()) return;  // empty line
    close_cell();
    rows.push_back(std::move(row));
    row.clear();
    any = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"')
        cell += c;
      else if (i + 1 < text.size() && text[i + 1] == '"')
        cell += text[++i];
      else
        quoted = false;
    } else if (c == '"') {
      quoted = any = true;
    } else if (c == ',') {
      any = true;
      close_cell();
    } else if (c == '\n') {
      close_row();
    } else if (c != '\r') {
      cell += c;
    }
  }
  if (quoted) throw data_error(origin + ": a quoted cell is not closed", "CSV with matching quotes");
  close_row();
  return rows;
}

void write_per_sample(const std::filesystem::path& path, const PerSampleTable& table) {
  std::vector<std::string> header = kKeys;
  header.insert(header.end(), table.metrics.begin(), table.metrics.end());
  std::string text = core::join(header, ",") + "\n";
  for (const auto& row : table.rows) {
    if (row.values.size() != table.metrics.size())
      throw data_error("sample " + row.sample_id + ": " + std::to_string(row.values.size()) + " values",
                       std::to_string(table.metrics.size()) + ", one per metric");
    text += csv_cell(row.sample_id) + "," + csv_cell(row.subset) + "," + std::to_string(row.rounds);
    for (double value : row.values) text += "," + value_text(value);
    text += "\n";
  }
  core::write_file_atomic(path, text);
}

PerSampleTable read_per_sample(const std::filesystem::path& path) {
  const auto lines = parse_csv(core::read_file(path), path.string());
  const std::string expected = core::join(kKeys, ",") + ",<metrics>";
  if (lines.empty() || lines[0].size() < kKeys.size() ||
      !std::equal(kKeys.begin(), kKeys.end(), lines[0].begin()))
    throw data_error(path.string() + ":1: not the header of a per-sample file", expected);
  PerSampleTable table;
  table.metrics.assign(lines[0].begin() + static_cast<std::ptrdiff_t>(kKeys.size()), lines[0].end());
  std::set<std::pair<std::string, int64_t>> seen;
  for (size_t i = 1; i < lines.size(); ++i) {
    const auto& line = lines[i];
    const std::string where = path.string() + ":" + std::to_string(i + 1);
    if (line.size() != lines[0].size())
      throw data_error(where + ": " + std::to_string(line.size()) + " cells",
                       std::to_string(lines[0].size()));
    PerSampleTable::Row row{line[0], line[1], 0, {}};
    double rounds = 0;
    if (!parse_value(line[2], rounds) || rounds < 1 || rounds != std::floor(rounds) || rounds > 1e9)
      throw data_error(where + ": rounds is '" + line[2] + "'", "a whole number from 1");
    row.rounds = static_cast<int64_t>(rounds);
    if (!seen.emplace(row.sample_id, row.rounds).second)
      throw data_error(where + ": sample '" + row.sample_id + "' appears twice",
                       "each sample once per rounds");
    for (size_t c = kKeys.size(); c < line.size(); ++c) {
      double value = 0;
      if (!parse_value(line[c], value))
        throw data_error(where + ": column " + lines[0][c] + " is '" + line[c] + "'",
                         "a number, nan, inf or -inf");
      row.values.push_back(value);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

core::Json per_sample_block(const std::filesystem::path& path) {
  const PerSampleTable table = read_per_sample(path);
  std::vector<std::string> columns = kKeys;
  columns.insert(columns.end(), table.metrics.begin(), table.metrics.end());
  return {{"file", path.filename().string()},
          {"sha256", core::sha256_file(path)},
          {"rows", table.rows.size()},
          {"columns", columns}};
}

}  // namespace windtunnel::results
