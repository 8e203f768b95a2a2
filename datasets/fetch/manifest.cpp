#include "datasets/fetch/manifest.h"

#include <chrono>
#include <ctime>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"

namespace windtunnel::datasets::fetch {

using core::Json;

namespace {

std::string now_text() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

Manifest::Manifest(std::filesystem::path folder) : path_(std::move(folder) / kManifestName) {
  std::error_code ignored;
  exists_ = std::filesystem::exists(path_, ignored);
  if (!exists_) return;
  try {
    const Json value = core::read_json(path_.string());
    repository_ = value.value("repository", "");
    for (const auto& [name, entry] : value.at("files").items()) {
      check_remote_path(name);
      RemoteFile file{name, entry.at("bytes").get<int64_t>(), entry.value("sha256", ""),
                      entry.value("git_blob", "")};
      entries_[name] = {file, entry.value("commit", ""), entry.value("time", "")};
    }
    for (const auto& name : value.value("made", Json::array())) {
      check_remote_path(name.get<std::string>());
      made_.insert(name.get<std::string>());
    }
  } catch (const Json::exception& e) {
    throw data_error(path_.string() + " is damaged: " + e.what(),
                     "the manifest that `windtunnel data fetch` wrote",
                     "remove it; files that are there are checked again by hash");
  }
}

std::map<std::string, RemoteFile> Manifest::files() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, RemoteFile> out;
  for (const auto& [name, entry] : entries_) out[name] = entry.file;
  return out;
}

std::set<std::string> Manifest::made() const {
  const std::lock_guard lock(mutex_);
  return made_;
}

bool Manifest::has(const RemoteFile& file) const {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(file.path);
  return it != entries_.end() && !made_.count(file.path) && it->second.file.size == file.size &&
         it->second.file.digest() == file.digest();
}

void Manifest::record(const std::string& repository, const std::string& commit, const RemoteFile& file) {
  const std::lock_guard lock(mutex_);
  repository_ = repository;
  entries_[file.path] = {file, commit, now_text()};
  made_.erase(file.path);
  write();
}

void Manifest::record_made(const std::string& path) {
  const std::lock_guard lock(mutex_);
  made_.insert(path);
  entries_.erase(path);
  write();
}

void Manifest::forget_made(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (made_.erase(path)) write();
}

void Manifest::write() {
  Json files = Json::object();
  for (const auto& [name, entry] : entries_) {
    Json item = {{"bytes", entry.file.size}, {"commit", entry.commit}, {"time", entry.time}};
    item[entry.file.sha256.empty() ? "git_blob" : "sha256"] = entry.file.digest();
    files[name] = item;
  }
  core::write_file_atomic(
      path_, Json{{"repository", repository_}, {"files", files}, {"made", made_}}.dump(1) + "\n");
  exists_ = true;
}

}  // namespace windtunnel::datasets::fetch
