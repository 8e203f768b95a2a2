#include "datasets/fetch/fetch.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "datasets/fetch/manifest.h"
#include "datasets/fetch/reduce.h"
#include "datasets/fetch/transfer.h"
#include "datasets/scenario.h"

namespace windtunnel::datasets::fetch {

namespace fs = std::filesystem;
using core::Json;

namespace {

constexpr const char* kReaderVersion = "0.2.0";  // code version whose data layout is read
constexpr double kSpareRoom = 0.05;

std::string megabytes(int64_t bytes) {
  char text[32];
  if (bytes >= 10'000'000'000)
    std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
  else
    std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

/// "cylinder real", or "small files" for those of the root.
std::string group_of(const std::string& path) {
  const auto parts = core::split(path, '/');
  if (parts.size() < 2) return "root";
  for (const char* side : {"real", "numerical", "surrogate"})
    if (is_data(path) && std::find(parts.begin(), parts.end(), side) != parts.end())
      return parts[0] + " " + side;
  return parts[0] + (is_data(path) ? " other data" : " small files");
}

/// Content of a small file, checked, into memory.
std::string small_text(Hub& hub, const HttpPolicy& policy, const std::string& commit,
                       const RemoteFile& file) {
  for (int64_t failures = 0;;) {
    const auto answer = hub.get(commit, file, 0, {});
    if (answer.failure.empty() && answer.status == 200 &&
        static_cast<int64_t>(answer.body.size()) == file.size) {
      ContentHash hash(file);
      hash.update(answer.body.data(), answer.body.size());
      if (hash.hex() == file.digest()) return answer.body;
    }
    const bool success = answer.failure.empty() && answer.status == 200;
    if (!answer.transient() && !success) throw hub.refusal(answer, file.path);
    if (++failures >= policy.attempts) {
      if (!success) throw hub.refusal(answer, file.path);
      throw data_error(file.path + ": the content is not what the repository lists", file.digest());
    }
    policy.sleep(policy.wait_after(failures, answer.retry_after));
  }
}

std::vector<int> version_numbers(const std::string& text) {
  std::vector<int> out;
  for (const auto& part : core::split(text, '.')) {
    if (part.empty() || part.size() > 6 || part.find_first_not_of("0123456789") != std::string::npos)
      return {};
    out.push_back(std::stoi(part));
  }
  out.resize(3);
  return out;
}

/// No file, no JSON, no version: no check (dataset specification 4.9).
void check_version(const fs::path& path) {
  std::string needed;
  try {
    needed = core::read_json(path.string()).value("min_code_version", "0.0.0");
  } catch (const std::exception&) {
    return;
  }
  const auto numbers = version_numbers(needed);
  if (!numbers.empty() && numbers > version_numbers(kReaderVersion))
    throw data_error(path.string() + " asks for a reader of version " + needed,
                     std::string("at most ") + kReaderVersion,
                     "use a newer windtunnel, or an older --revision");
}

/// The transfers: threads take one file after the other, small ones first; the calling thread shows progress.
class Workers {
 public:
  Workers(const FetchOptions& options, const FetchPlan& plan, const HttpPolicy& policy, Manifest& manifest)
      : options_(options), plan_(plan), policy_(policy), manifest_(manifest) {}

  void run(bool quiet) {
    core::Progress progress("fetching (kB)", std::max<int64_t>(1, plan_.bytes / 1000));
    {
      std::vector<std::jthread> threads;
      for (int64_t i = 0; i < std::max<int64_t>(1, options_.workers); ++i)
        threads.emplace_back([this] { work(); });
      std::unique_lock lock(mutex_);
      running_ = static_cast<int64_t>(threads.size());
      started_.notify_all();
      while (!idle_.wait_for(lock, std::chrono::milliseconds(200), [&] { return running_ == 0; }))
        if (!quiet)
          progress.update(std::clamp<int64_t>(arrived_ / 1000, 0, plan_.bytes / 1000),
                          std::to_string(done_) + " of " + std::to_string(plan_.files.size()) + " files");
    }
    if (fatal_) std::rethrow_exception(fatal_);
    if (failed_.empty()) return;
    std::string list;
    for (size_t i = 0; i < std::min<size_t>(failed_.size(), 5); ++i) list += "\n    " + failed_[i];
    if (failed_.size() > 5) list += "\n    ...";
    throw data_error(std::to_string(failed_.size()) + " of " + std::to_string(plan_.files.size()) +
                         " files could not be fetched:" + list,
                     "all files", "what has arrived is kept: the same command fetches the rest");
  }

 private:
  void work() {
    {
      std::unique_lock lock(mutex_);
      started_.wait(lock, [&] { return running_ > 0; });
    }
    try {
      Hub hub(options_.hub, policy_);
      while (const RemoteFile* file = next()) one(hub, *file);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!fatal_) fatal_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    --running_;
    idle_.notify_all();
  }

  const RemoteFile* next() {
    const std::lock_guard lock(mutex_);
    if (fatal_ || next_ == plan_.files.size()) return nullptr;
    return &plan_.files[next_++];
  }

  void one(Hub& hub, const RemoteFile& file) {
    try {
      const fs::path target = place_below(options_.out, file.path);
      std::error_code ignored;
      const bool there = fs::exists(target, ignored);
      const bool known =
          there && manifest_.has(file) && static_cast<int64_t>(fs::file_size(target, ignored)) == file.size;
      if (known || (there && has_content(target, file))) {
        arrived_ += file.size;
      } else {
        transfer(hub, policy_, plan_.commit, file, target, arrived_);
      }
      if (!known) manifest_.record(options_.hub.repository, plan_.commit, file);
      ++done_;
    } catch (const core::Error& e) {
      if (e.kind() != ErrorKind::data) throw;  // meets every other file too
      const std::lock_guard lock(mutex_);
      failed_.push_back(e.found());
    }
  }

  const FetchOptions& options_;
  const FetchPlan& plan_;
  const HttpPolicy& policy_;
  Manifest& manifest_;
  std::mutex mutex_;
  std::condition_variable started_, idle_;
  int64_t running_ = 0;
  size_t next_ = 0;
  std::atomic<int64_t> arrived_{0}, done_{0};
  std::exception_ptr fatal_;
  std::vector<std::string> failed_;
};

}  // namespace

std::string FetchPlan::text() const {
  struct Sum {
    int64_t files = 0, bytes = 0, present = 0;
  };
  std::map<std::string, Sum> groups;
  for (size_t i = 0; i < files.size(); ++i) {
    Sum& sum = groups[group_of(files[i].path)];
    ++sum.files;
    sum.bytes += files[i].size;
    sum.present += present[i] ? files[i].size : 0;
  }
  std::string out;
  char line[160];
  std::snprintf(line, sizeof line, "%-40s %6s %12s %12s\n", "", "files", "size", "present");
  out += line;
  for (const auto& [name, sum] : groups) {
    std::snprintf(line, sizeof line, "%-40s %6lld %12s %12s\n", name.c_str(),
                  static_cast<long long>(sum.files), megabytes(sum.bytes).c_str(),
                  megabytes(sum.present).c_str());
    out += line;
  }
  std::snprintf(line, sizeof line, "%-40s %6zu %12s %12s\n", "all", files.size(), megabytes(bytes).c_str(),
                megabytes(present_bytes).c_str());
  out += line;
  for (const auto& r : reductions)
    out += r.scenario + " " + r.side + ": " + std::to_string(r.ids.size()) + " trajectories\n";
  return out + "revision " + commit + "; to fetch: " + megabytes(missing_bytes()) + "\n";
}

FetchPlan plan_fetch(const FetchOptions& options, const HttpPolicy& policy) {
  for (const auto& side : options.selection.sides) parse_side(side);
  Hub hub(options.hub, policy);
  FetchPlan plan;
  plan.commit = hub.pin();
  const auto listing = hub.list(plan.commit);
  auto chosen = choose(listing, options.selection,
                       [&](const RemoteFile& file) { return small_text(hub, policy, plan.commit, file); });
  plan.files = std::move(chosen.files);
  plan.reductions = std::move(chosen.reductions);
  const Manifest manifest(options.out);
  for (const auto& file : plan.files) {
    std::error_code code;
    const auto size = fs::file_size(options.out / file.path, code);
    const bool there = !code && static_cast<int64_t>(size) == file.size && manifest.has(file);
    plan.present.push_back(there);
    plan.bytes += file.size;
    if (there) {
      plan.present_bytes += file.size;
      continue;
    }
    const auto part = fs::file_size((options.out / file.path).string() + ".part", code);
    if (!code) plan.partial_bytes += std::min(static_cast<int64_t>(part), file.size);
  }
  return plan;
}

void run_fetch(const FetchOptions& options, const FetchPlan& plan, const HttpPolicy& policy, bool quiet) {
  core::make_folder(options.out);
  std::error_code code;
  const auto space = fs::space(options.out, code);
  const auto needed = static_cast<double>(plan.missing_bytes()) * (1 + kSpareRoom);
  if (!code && static_cast<double>(space.available) < needed)
    throw environment_error(
        options.out.string() + " has " + megabytes(static_cast<int64_t>(space.available)) + " free",
        megabytes(static_cast<int64_t>(needed)) + " for the files that are missing",
        "choose another folder, or fewer --trajectories");
  Manifest manifest(options.out);
  if (!plan.files.empty() && plan.files.front().path == "version.json") {
    // Alone and first: data that this program cannot read need not come.
    FetchPlan first = plan;
    first.files.resize(1);
    first.bytes = first.files[0].size;
    Workers(options, first, policy, manifest).run(true);
    check_version(options.out / "version.json");
  }
  Workers(options, plan, policy, manifest).run(quiet);
  reduce(options.out, plan.files, plan.reductions, manifest);
}

std::vector<std::string> verify_fetched(const fs::path& out) {
  const Manifest manifest(out);
  if (!manifest.exists())
    throw data_error("no " + (out / kManifestName).string(), "a folder filled by `windtunnel data fetch`",
                     "give --endpoint to check against the repository instead");
  std::vector<std::string> problems;
  const auto files = manifest.files();
  core::Progress progress("hashing", static_cast<int64_t>(files.size()));
  int64_t done = 0;
  for (const auto& [path, file] : files) {
    std::error_code ignored;
    if (!fs::exists(out / path, ignored))
      problems.push_back(path + ": missing");
    else if (!has_content(out / path, file))
      problems.push_back(path + ": differs from what was fetched");
    progress.update(++done);
  }
  return problems;
}

std::vector<std::string> verify_against(const FetchPlan& plan, const fs::path& out) {
  std::vector<std::string> problems;
  int64_t there = 0;
  for (const auto& file : plan.files) {
    std::error_code ignored;
    if (!fs::exists(out / file.path, ignored)) continue;
    ++there;
    if (!has_content(out / file.path, file)) problems.push_back(file.path + ": differs from the repository");
  }
  if (there == 0) throw data_error("no file of the repository is in " + out.string());
  return problems;
}

}  // namespace windtunnel::datasets::fetch
