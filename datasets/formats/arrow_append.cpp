#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "core/error.h"
#include "core/file.h"
#include "datasets/formats/arrow_rows.h"

namespace windtunnel::datasets {

namespace fs = std::filesystem;

namespace {

/// Trajectories whose attributes the schema of a file keeps: name -> attribute "key". The rows are not
/// touched; a file that is none, or not whole, has none.
std::map<std::string, std::string> keys_of(const fs::path& path) {
  const auto file = arrow::io::ReadableFile::Open(path.string());
  if (!file.ok()) return {};
  const auto reader = arrow::ipc::RecordBatchStreamReader::Open(*file);
  if (!reader.ok()) return {};
  const auto notes = (*reader)->schema()->metadata();
  const std::string prefix = arrow_note_name("");
  std::map<std::string, std::string> keys;
  for (int64_t i = 0; notes && i < notes->size(); ++i) {
    if (notes->key(i).rfind(prefix, 0) != 0) continue;
    const core::Json attributes = core::Json::parse(notes->value(i), nullptr, false);
    if (attributes.is_object() && attributes.contains("key") && attributes["key"].is_string())
      keys[notes->key(i).substr(prefix.size())] = attributes["key"];
  }
  return keys;
}

/// "1800.h5" -> "1800.arrow"
fs::path own_name(const std::string& name) { return fs::path(name).stem().string() + ".arrow"; }

class ArrowAppender : public Appender {
 public:
  ArrowAppender(const Scenario& to, const fs::path& root, Side side)
      : to_(to), side_(side), folder_(to.folder(root, "hf_dataset") / to_string(side)) {
    for (const auto& path : arrow_files()) {
      const auto keys = keys_of(path);
      if (keys.size() != 1)
        throw usage_error(path.string() + " was not made here", "a folder without other Arrow data",
                          "choose another folder");
      known_[keys.begin()->first] = {path, keys.begin()->second};
    }
  }

  bool has(const std::string& name, const std::string& key) const override {
    const std::lock_guard lock(mutex_);
    const auto it = known_.find(name);
    return it != known_.end() && it->second.key == key;
  }

  void add(const std::string& name, const Trajectory& t) override {
    core::make_folder(folder_);
    std::error_code ignored;
    fs::remove(folder_ / "state.json", ignored);
    ArrowRows table(to_, side_);
    table.survey(t);
    const core::Json attributes = t.attributes();
    const fs::path path = folder_ / own_name(name);
    core::write_atomic(path, [&](const fs::path& part) {
      write_arrow_file(part, table.fields(), 0, 1, [&](int64_t) { return table.row(t, name); },
                       {{arrow_note_name(name), core::canonical(attributes)}});
    });
    const std::lock_guard lock(mutex_);
    if (const auto it = known_.find(name); it != known_.end() && it->second.path != path)
      fs::remove(it->second.path, ignored);
    known_[name] = {path, attributes.value("key", "")};
  }

  void finish(const std::vector<std::string>& names) override {
    std::vector<std::string> sorted = names, files;
    std::sort(sorted.begin(), sorted.end());
    const auto count = static_cast<int64_t>(sorted.size());
    for (int64_t k = 0; k < count; ++k) files.push_back(arrow_file_name(k, count));
    for (const auto& [name, known] : known_)
      if (!std::binary_search(sorted.begin(), sorted.end(), name)) fs::remove(known.path);
    // Two rounds, so that no file takes a name that another still has.
    for (size_t k = 0; k < sorted.size(); ++k)
      if (known_.at(sorted[k]).path.filename() != files[k]) move(sorted[k], own_name(sorted[k]));
    for (size_t k = 0; k < sorted.size(); ++k) move(sorted[k], files[k]);
    write_arrow_state(folder_, arrow_file_fields(folder_ / files.at(0)), files);
  }

 private:
  struct Known {
    fs::path path;
    std::string key;
  };

  std::vector<fs::path> arrow_files() const {
    std::vector<fs::path> list;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error))
      if (entry.path().extension() == ".arrow") list.push_back(entry.path());
    return list;
  }
  void move(const std::string& name, const fs::path& to) {
    Known& known = known_.at(name);
    if (known.path.filename() == to) return;
    fs::rename(known.path, folder_ / to);
    known.path = folder_ / to;
  }

  const Scenario to_;
  const Side side_;
  const fs::path folder_;
  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace

std::unique_ptr<Appender> append_realpdebench_arrow(const Scenario& to, const fs::path& root, Side side) {
  return std::make_unique<ArrowAppender>(to, root, side);
}

}  // namespace windtunnel::datasets
