#include "results/submission.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "results/record.h"

namespace windtunnel::results {
namespace {

using core::Json;
namespace fs = std::filesystem;

constexpr uintmax_t kLargestReport = 8u << 20;

/// The staging folder: removed unless kept.
class Staging {
 public:
  explicit Staging(fs::path path) : path_(std::move(path)) {
    fs::remove_all(path_);
    core::make_folder(path_);
  }
  ~Staging() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(path_, ignored);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  const fs::path& path() const { return path_; }
  void move_to(const fs::path& place) {
    core::make_folder(place.parent_path());
    fs::rename(path_, place);
    kept_ = true;
  }

 private:
  fs::path path_;
  bool kept_ = false;
};

void take_along(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::copy_file(from, to, failed);
  if (failed)
    throw environment_error("cannot copy " + from.string() + " to " + to.string(), failed.message());
}

void set_if(Json& block, const char* key, const std::string& value) {
  if (!value.empty()) block[key] = value;
}

}  // namespace

Submission add_to_board(const fs::path& run, const fs::path& board, const CheckOptions& options,
                        const Submitter& submitter, const std::vector<std::string>& supersedes) {
  const fs::path source = fs::is_directory(run) ? run / "record.json" : run;
  Submission result;
  result.findings = check_record(source, options);
  if (!passed(result.findings)) return result;

  Json record = core::read_json(source.string());
  Json& who = record["submission"];
  set_if(who, "submitter", submitter.name);
  set_if(who, "organisation", submitter.organisation);
  set_if(who, "relationship", submitter.relationship);
  set_if(who, "licence", submitter.licence);
  set_if(who, "code_url", submitter.code_url);
  for (const auto& id : supersedes) record["supersedes"].push_back(id);
  record["record_id"] = result.record_id = record_id(record);

  const fs::path home = source.parent_path();
  const fs::path place = board / board_name(record.at("task").at("scenario")) /
                         board_name(record.at("task").at("setting")) /
                         board_name(record.at("model").at("name")) / result.record_id.substr(0, 16);
  if (fs::exists(place))
    throw usage_error(place.string() + " exists: this record is on the board already", "a new record",
                      "corrections are new records with --supersedes ID");
  // Three folders deep, as the place itself, so that the folder's checks see it as it will be.
  Staging staging(place.parent_path() / (".adding-" + result.record_id.substr(0, 16)));
  write_record(staging.path() / (result.record_id + ".json"), record);
  std::vector<std::string> files = {"config.yaml"};
  if (record.at("per_sample").is_object()) files.push_back(record.at("per_sample").at("file"));
  if (record.at("predictions").is_object() &&
      record.at("predictions").value("probe_file", Json()).is_string())
    files.push_back(record.at("predictions").at("probe_file"));
  if (fs::exists(home / "report.html") && fs::file_size(home / "report.html") <= kLargestReport)
    files.push_back("report.html");
  for (const auto& name : files)
    if (fs::exists(home / name)) take_along(home / name, staging.path() / name);

  CheckOptions as_board = options;
  as_board.board = true;
  const std::string mine = staging.path().string();
  result.findings.clear();
  bool refused = false;
  for (auto& finding : check_folder(board, as_board)) {
    const bool about_mine =
        finding.place.find(mine) != std::string::npos || finding.reason.find(mine) != std::string::npos;
    if (!about_mine) continue;  // what the board held before is not this submission's doing
    for (std::string* text : {&finding.place, &finding.reason})
      for (size_t at; (at = text->find(mine)) != std::string::npos;)
        text->replace(at, mine.size(), place.string());
    refused = refused || finding.severity == Severity::error;
    result.findings.push_back(std::move(finding));
  }
  if (refused) return result;
  staging.move_to(place);
  result.folder = place;
  return result;
}

}  // namespace windtunnel::results
