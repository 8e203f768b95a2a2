#include "results/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"
#include "results/record.h"

namespace windtunnel::results {
namespace {

using core::Json;

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

/// Calls `visit(line, begin)` for each line that is closed by "\n"; stops when it returns false.
template <class Visit>
void for_each_line(const std::string& text, const std::string& origin, Visit visit) {
  size_t begin = 0, number = 1;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1, ++number) {
    const Json line = core::parse_json(std::string_view(text).substr(begin, end - begin),
                                       origin + ":" + std::to_string(number));
    if (!line.is_object() || !line.contains("event"))
      throw data_error(origin + ":" + std::to_string(number) + ": not an event",
                       "an object with the key 'event'");
    if (!visit(line, begin)) return;
  }
}

}  // namespace

Journal::Journal(std::filesystem::path path) : path_(std::move(path)) { open(); }

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

void Journal::open() {
  fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0)
    throw environment_error("cannot write " + path_.string() + ": " + std::strerror(errno),
                            "a folder with write permission");
  const std::string text = core::read_file(path_);
  const size_t last = text.rfind('\n');
  const size_t whole = last == std::string::npos ? 0 : last + 1;
  if (whole != text.size() && ::ftruncate(fd_, static_cast<off_t>(whole)) != 0)
    throw environment_error("cannot repair " + path_.string() + ": " + std::strerror(errno));
}

void Journal::append(const std::string& event, Json fields) {
  fields["event"] = event;
  fields["time"] = utc_now();
  const std::string line = core::canonical(fields) + "\n";
  struct stat before {};
  ::fstat(fd_, &before);
  ssize_t written;
  do written = ::write(fd_, line.data(), line.size());
  while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(line.size())) return;
  const std::string reason = written < 0 ? std::strerror(errno) : "disk full";
  if (::ftruncate(fd_, before.st_size) != 0) {
    // The half line stays; the next start drops it.
  }
  throw environment_error("cannot write " + path_.string() + ": " + reason, "room and write permission",
                          "free disk space, then start the same command again: it resumes");
}

void Journal::update(const std::string& stage, int64_t update, double loss, double learning_rate) {
  append("update", {{"stage", stage},
                    {"update", update},
                    {"loss", finite_or_null(loss)},
                    {"learning_rate", finite_or_null(learning_rate)}});
}

void Journal::validation(const std::string& stage, int64_t update,
                         const std::map<std::string, double>& metrics, bool best) {
  Json values = Json::object();
  for (const auto& [id, value] : metrics) values[id] = finite_or_null(value);
  append("validation", {{"stage", stage}, {"update", update}, {"metrics", values}, {"best", best}});
}

void Journal::checkpoint(const std::string& stage, int64_t update) {
  append("checkpoint", {{"stage", stage}, {"update", update}});
}

void Journal::rewind(const std::string& stage, int64_t update) {
  const std::string text = core::read_file(path_);
  size_t cut = text.size();
  bool reached = false;  // the stage itself was seen: any other stage after it is later
  for_each_line(text, path_.string(), [&](const Json& line, size_t begin) {
    const std::string event = line.at("event");
    bool later = event == "test" || event == "finish";
    if (line.contains("stage")) {
      const bool same = line.at("stage") == stage;
      later = same ? update == 0 || line.value("update", int64_t{0}) > update : reached;
      reached = reached || same;
    }
    if (later) cut = begin;
    return !later;
  });
  if (cut != text.size() && ::ftruncate(fd_, static_cast<off_t>(cut)) != 0)
    throw environment_error("cannot shorten " + path_.string() + ": " + std::strerror(errno));
}

std::vector<Json> read_journal(const std::filesystem::path& path) {
  std::vector<Json> lines;
  for_each_line(core::read_file(path), path.string(), [&](const Json& line, size_t) {
    lines.push_back(line);
    return true;
  });
  return lines;
}

std::vector<Curves> curves(const std::vector<Json>& journal) {
  std::vector<Curves> stages;
  auto stage_of = [&](const Json& line) -> Curves& {
    const std::string name = line.value("stage", "train");
    for (auto& stage : stages)
      if (stage.stage == name) return stage;
    stages.push_back({name, {}, {}, 0});
    return stages.back();
  };
  for (const auto& line : journal) {
    const auto number = [](const Json& v) { return v.is_number() ? v.get<double>() : std::nan(""); };
    const std::string event = line.at("event");
    if (event == "update") {
      stage_of(line).loss.emplace_back(line.at("update").get<int64_t>(), number(line.at("loss")));
    } else if (event == "validation") {
      Curves& stage = stage_of(line);
      const auto update = line.at("update").get<int64_t>();
      for (const auto& [id, value] : line.at("metrics").items())
        stage.validation[id].emplace_back(update, number(value));
      if (line.value("best", false)) stage.best_update = update;
    }
  }
  return stages;
}

std::string curve_sha256(const std::vector<Json>& journal) {
  core::Sha256 hash;
  for (const auto& line : journal) {
    if (line.at("event") != "update" && line.at("event") != "validation") continue;
    Json content = line;
    content.erase("time");
    const std::string text = core::canonical(content) + "\n";
    hash.update(text.data(), text.size());
  }
  return hash.hex();
}

}  // namespace windtunnel::results
