#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace windtunnel::results {

/// Append-only log of a run, journal.jsonl. Grammar: one JSON object per line, closed by "\n";
///   {"event":"start"|"resume", "time":UTC, ...}             a process begins or goes on
///   {"event":"update", "stage":S, "update":N, "loss":x, "learning_rate":x, "time":UTC}
///   {"event":"validation", "stage":S, "update":N, "metrics":{id: number}, "best":bool, "time":UTC}
///   {"event":"checkpoint", "stage":S, "update":N, "time":UTC}
///   {"event":"loader", "stage":S, "update":N, "bytes_per_second":x, "stall_seconds_per_batch":x,
///    "mean_queue":x, ...}                                 data loading since the process began, at
///    checkpoints
///   {"event":"test"|"finish", ..., "time":UTC}
/// S names a training stage ("pretrain", "train"); N counts updates of the stage from 1. A number that is not
/// finite is written as null. A kill can leave one torn last line: opening the journal drops it.
class Journal {
 public:
  explicit Journal(std::filesystem::path path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Appends `fields` with "event" and "time"; one write call, so a line is whole unless the process dies
  /// within it.
  void append(const std::string& event, core::Json fields = core::Json::object());
  void update(const std::string& stage, int64_t update, double loss, double learning_rate);
  void validation(const std::string& stage, int64_t update, const std::map<std::string, double>& metrics,
                  bool best);
  void checkpoint(const std::string& stage, int64_t update);

  /// Cuts the file after the state "update N of stage S is done": the first line of a later update or stage,
  /// and all that follows, goes. Call it on resume before the updates are run again. (S, 0): before the
  /// stage.
  void rewind(const std::string& stage, int64_t update);

  const std::filesystem::path& path() const { return path_; }

 private:
  void open();
  std::filesystem::path path_;
  int fd_ = -1;
};

/// Every whole line; a torn last line is left out, a bad line elsewhere is a data error with its number.
std::vector<core::Json> read_journal(const std::filesystem::path& path);

/// Training curves of one stage: (update, value), in order.
struct Curves {
  std::string stage;
  std::vector<std::pair<int64_t, double>> loss;
  std::map<std::string, std::vector<std::pair<int64_t, double>>> validation;
  int64_t best_update = 0;  ///< update of the last validation marked best; 0: none
};
std::vector<Curves> curves(const std::vector<core::Json>& journal);

/// SHA-256 over the update and validation lines without times: equal for equal training, however often
/// resumed.
std::string curve_sha256(const std::vector<core::Json>& journal);

}  // namespace windtunnel::results
