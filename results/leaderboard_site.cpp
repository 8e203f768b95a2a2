#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "results/check.h"
#include "results/leaderboard.h"

namespace windtunnel::results {

namespace fs = std::filesystem;

namespace {

/// A derived page need not be written again: a rebuild of a large site touches only what changed.
void write_if_changed(const fs::path& path, const std::string& text) {
  std::error_code ignored;
  if (fs::file_size(path, ignored) == text.size() && !ignored && core::read_file(path) == text) return;
  core::write_file_atomic(path, text);
}

/// Removes copies of records that are no longer on the board.
void remove_stale(const fs::path& folder, const std::set<std::string>& ids) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string stem = entry.path().stem().string();
    if (is_record_id(stem) && !ids.count(stem)) fs::remove(entry.path());
  }
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path relative = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

Leaderboard read_leaderboard(const fs::path& folder, const LeaderboardOptions& options,
                             const fs::path& except) {
  std::vector<std::string> refused;
  std::vector<RecordFile> replaced, good, confirming;
  std::vector<RecordFile> found = find_records(folder, &refused, &replaced);
  const auto generated = [&](const RecordFile& file) {
    return !except.empty() && is_inside(file.path, except);
  };
  std::erase_if(found, generated);
  std::erase_if(replaced, generated);
  std::map<std::string, std::vector<const core::Json*>> confirmed;
  for (auto& file : found) {
    Verification verified = verify_record(file.path, options.checks);
    file.level = verified.level;
    file.next = verified.next;
    if (file.level == Level::none)
      refused.push_back(describe(verified.findings));
    else
      (file.record.value("confirms", core::Json::array()).empty() ? good : confirming)
          .push_back(std::move(file));
  }
  for (const auto& file : confirming)
    for (const auto& id : file.record.at("confirms"))
      confirmed[id.get<std::string>()].push_back(&file.record);
  for (auto& file : good) {
    const Level before = file.level;
    if (const auto it = confirmed.find(file.record.at("record_id")); it != confirmed.end())
      file.level = confirmed_level(file.level, file.record, it->second);
    if (file.level != before) file.next.clear();
  }
  Leaderboard board = make_leaderboard(std::move(good), options.published);
  board.replaced = std::move(replaced);
  for (auto& file : confirming) board.replaced.push_back(std::move(file));
  board.refused = std::move(refused);
  return board;
}

fs::path build_leaderboard(const fs::path& folder, const fs::path& site, const LeaderboardOptions& options) {
  const Leaderboard board = read_leaderboard(folder, options, site);
  if (board.records.empty())
    throw data_error("no " + std::string(board.refused.empty() ? "" : "acceptable ") + "records under " +
                         folder.string() + (board.refused.empty() ? "" : ": " + board.refused.front()),
                     "run folders with record.json", "`windtunnel run` makes one");
  for (const char* name : {"records", "reports", "runs", "models"}) core::make_folder(site / name);
  std::set<std::string> ids, reported, models;
  for (const auto* list : {&board.records, &board.replaced})
    for (const auto& file : *list) {
      const std::string id = file.record.at("record_id");
      ids.insert(id);
      write_if_changed(site / "records" / (id + ".json"), core::canonical(file.record) + "\n");
      write_if_changed(site / "runs" / (id + ".html"), record_page(board, file));
      if (!file.has_report) continue;
      reported.insert(id);
      write_if_changed(site / "reports" / (id + ".html"),
                       core::read_file(file.path.parent_path() / "report.html"));
    }
  for (const auto& view : board.views)
    for (const auto& row : view.rows)
      if (models.insert(board_name(row.model)).second)
        write_if_changed(site / "models" / (board_name(row.model) + ".html"), model_page(board, row.model));
  remove_stale(site / "records", ids);
  remove_stale(site / "runs", ids);
  remove_stale(site / "reports", reported);
  for (const auto& entry : fs::directory_iterator(site / "models"))
    if (!models.count(entry.path().stem().string())) fs::remove(entry.path());
  write_if_changed(site / "feed.xml", leaderboard_feed(board, options.title));
  write_if_changed(site / "leaderboard.csv", leaderboard_csv(board));
  write_if_changed(site / "leaderboard.json", leaderboard_json(board).dump(1) + "\n");
  write_if_changed(site / "leaderboard.md", leaderboard_markdown(board));
  write_if_changed(site / "index.html", leaderboard_page(board, options.title));
  return site / "index.html";
}

}  // namespace windtunnel::results
