#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "datasets/lab/board.h"
#include "datasets/lab/dataset_files.h"
#include "datasets/lab/flow.h"
#include "datasets/lab/lab.h"
#include "datasets/lab/made_format.h"
#include "datasets/lab/recording.h"
#include "datasets/lab/trajectory_writer.h"

namespace windtunnel::datasets::lab {
namespace {

namespace fs = std::filesystem;
using core::Json;

/// One side of one trajectory to make.
struct Task {
  Configuration configuration;
  bool real = false;
  std::vector<fs::path> paths;  ///< in the order of Recording::files()
  std::vector<fs::path> kept;   ///< those of them that stay as they are
  std::string key;              ///< of the options that its bytes depend on
  double work = 0;
};

std::string key_of(const LabOptions& options, const LabSettings& settings, const Task& task) {
  Json values = data_options(options);
  // These decide which trajectories and windows exist, not what is in one of them.
  for (const char* k : {"trajectories", "in_step", "out_step", "interval", "format"}) values.erase(k);
  for (const auto& k : unused_options(options, settings, task.real)) values.erase(k);
  values["sim_id"] = task.configuration.sim_id;
  values["side"] = task.real ? "real" : "numerical";
  values["version"] = kLabVersion;
  return core::sha256(core::canonical(values));
}

Side side_of(bool real) { return real ? Side::real : Side::numerical; }

/// Without `format` the tasks have no paths: enough to tell what they cost.
std::vector<Task> tasks_of(const LabOptions& options, const LabSettings& settings,
                           const MadeFormat* format = nullptr) {
  const fs::path home = fs::path(options.out) / options.scenario;
  std::vector<Task> tasks;
  for (const bool real : {true, false})
    for (const auto& c : configurations(settings, options.trajectories)) {
      Task task{c, real, {}, {}, {}, 0};
      const auto recording = make_recording({options, settings, c, real, {}});
      for (const auto& file : recording->files()) {
        if (!format) continue;
        const fs::path folder = file.aside ? home : format->folder(side_of(real), c.sim_id);
        task.paths.push_back(folder / file.folder / c.sim_id);
        if (file.aside || format->native()) task.kept.push_back(task.paths.back());
      }
      task.key = key_of(options, settings, task);
      task.work = recording->work();
      tasks.push_back(std::move(task));
    }
  return tasks;
}

/// Frames are handed to the file in groups: memory stays bounded whatever the length.
class Stream {
 public:
  Stream(const fs::path& path, const StoredFile& file, const LabOptions& options, const Recording& run)
      : writer_(path, file, options.frames, run.height(), run.width()), buffers_(file.arrays.size()) {
    int64_t values = 0;
    for (const auto& array : file.arrays)
      values = std::max(values, run.height() * run.width() * std::max<int64_t>(1, array.channels));
    group_ = std::max<int64_t>(1, (1 << 20) / values);
  }
  /// Takes the arrays of this file from frame[first], frame[first + 1], ...
  void add(const Frame& frame, size_t first) {
    for (size_t a = 0; a < buffers_.size(); ++a)
      buffers_[a].insert(buffers_[a].end(), frame[first + a].begin(), frame[first + a].end());
    if (++held_ == group_) flush();
  }
  void finish(const Recording& run, const Json& attributes) {
    flush();
    writer_.write_coordinates(run.coordinates());
    writer_.write_attributes(attributes);
    writer_.close();
  }
  size_t arrays() const { return buffers_.size(); }

 private:
  void flush() {
    if (held_ == 0) return;
    for (size_t a = 0; a < buffers_.size(); ++a) {
      writer_.write_frames(a, written_, held_, buffers_[a].data());
      buffers_[a].clear();
    }
    written_ += held_;
    held_ = 0;
  }
  TrajectoryWriter writer_;
  int64_t group_ = 1, held_ = 0, written_ = 0;
  std::vector<std::vector<float>> buffers_;
};

void require_finite(const Frame& frame, const Task& task, int64_t index) {
  for (const auto& field : frame)
    for (const float value : field)
      if (!std::isfinite(value))
        throw core::data_error("the flow of " + task.configuration.sim_id + " (" +
                                   (task.real ? "real" : "numerical") + " side) diverged at frame " +
                                   std::to_string(index),
                               "finite values", "use more cells per D, or a larger closure constant");
}

void make(const LabOptions& options, const LabSettings& settings, const Task& task, const MadeFormat& format,
          Board& board) {
  for (const auto& path : task.paths) core::make_folder(path.parent_path());
  const std::string note = task.configuration.sim_id + (task.real ? " real" : " numerical");
  const auto run = make_recording(
      {options, settings, task.configuration, task.real, [&](double work) { board.add(work, note); }});
  run->spin_up();

  const auto files = run->files();
  std::vector<std::unique_ptr<Stream>> streams(files.size());
  const auto compute = [&] {
    Frame frame;
    for (int64_t k = 0; k < options.frames; ++k) {
      run->next(frame);
      require_finite(frame, task, k);
      size_t first = 0;
      for (const auto& stream : streams) {
        stream->add(frame, first);
        first += stream->arrays();
      }
    }
  };
  // The file that makes the trajectory is renamed last.
  const std::function<void(size_t)> write = [&](size_t left) {
    if (left == 0) return compute();
    const size_t k = files.size() - left;
    core::write_atomic(task.paths[k], [&](const fs::path& part) {
      streams[k] = std::make_unique<Stream>(part, files[k], options, *run);
      write(left - 1);
      Json attributes = run->attributes();
      attributes["version"] = kLabVersion;
      attributes["key"] = task.key;
      streams[k]->finish(*run, attributes);
    });
  };
  try {
    write(files.size());
    format.take(side_of(task.real), task.configuration.sim_id);
  } catch (...) {
    streams.clear();
    throw;
  }
}

int64_t stored_bytes(const LabOptions& o, const LabSettings& settings) {
  const Configuration any = configurations(settings, o.trajectories)[0];
  int64_t bytes = 0;
  for (const bool real : {true, false}) {
    const auto run = make_recording({o, settings, any, real, {}});
    const int64_t grid = run->height() * run->width();
    for (const auto& file : run->files()) {
      bytes += 16 * grid + 32768;
      for (const auto& array : file.arrays)
        bytes += 4 * o.frames * grid * std::max<int64_t>(1, array.channels);
    }
  }
  return bytes * o.trajectories;
}

/// Cell updates per second of one thread here and now.
double kernel_speed(const LabOptions& options) {
  FlowOptions flow;
  flow.cells = 16;
  flow.smagorinsky = options.smagorinsky;
  flow.kernels = options.kernels;
  Flow probe(flow, {{std::make_shared<Circle>(1.0), {}, nullptr}});
  probe.start();
  const auto begin = std::chrono::steady_clock::now();
  int64_t steps = 0;
  double seconds = 0;
  for (; seconds < 0.04 || steps < 4;
       seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()) {
    probe.step();
    ++steps;
  }
  return static_cast<double>(steps) * probe.width() * probe.height() / seconds;
}

int64_t thread_count(const LabOptions& options, size_t tasks) { return threads_for(options.threads, tasks); }

}  // namespace

LabEstimate estimate(const LabOptions& options) {
  const LabSettings settings = lab_settings(options.scenario);
  const auto tasks = tasks_of(options, settings);
  LabEstimate e;
  double work = 0;
  for (const auto& task : tasks) work += task.work;
  // Pictures, turbulence and instrument: seconds per frame and point of the stored real grid, measured.
  const double per_vector = (options.turbulence == "off" ? 0.2e-6 : 0.6e-6) +
                            (options.instrument.rfind("piv", 0) == 0 ? 8e-6 : 0.3e-6);
  const double vectors =
      static_cast<double>(options.height * options.width * options.real_stride * options.real_stride);
  e.core_seconds = work / kernel_speed(options) +
                   static_cast<double>(options.trajectories * options.frames) * vectors * per_vector;
  e.seconds = e.core_seconds / static_cast<double>(thread_count(options, tasks.size()));
  e.bytes = stored_bytes(options, settings);
  e.text = std::to_string(options.trajectories) + " pairs of " + std::to_string(options.frames) +
           " frames of " + options.scenario + ": about " + readable_seconds(e.seconds) + " on " +
           std::to_string(thread_count(options, tasks.size())) + " threads, " +
           readable_bytes(static_cast<double>(e.bytes)) + " on disk";
  return e;
}

LabReport make_dataset(const LabOptions& options, const LabControl& control) {
  const auto begin = std::chrono::steady_clock::now();
  if (options.out.empty()) throw core::usage_error("no folder for the data", "option out");
  const LabSettings settings = lab_settings(options.scenario);
  const MadeFormat format(options, settings);
  auto tasks = tasks_of(options, settings, &format);
  LabReport report;
  report.folder = fs::path(options.out) / options.scenario;
  core::make_folder(report.folder);
  write_scenario(options, settings, format.written());
  check_index(options, settings);
  format.clean();
  const auto finished = [&](const Task& task) {
    return (format.native() || format.has(side_of(task.real), task.configuration.sim_id, task.key)) &&
           std::all_of(task.kept.begin(), task.kept.end(),
                       [&](const fs::path& path) { return has_attribute(path, "key", task.key); });
  };
  report.kept = std::erase_if(tasks, finished);
  report.made = static_cast<int64_t>(tasks.size());

  int64_t needed =
      stored_bytes(options, settings) * report.made / std::max<int64_t>(1, report.made + report.kept);
  std::error_code code;
  const auto space = fs::space(report.folder, code);
  if (!code && static_cast<int64_t>(space.available) < needed)
    throw core::environment_error(
        report.folder.string() + ": " + std::to_string(space.available / 1000000) + " MB free",
        std::to_string(needed / 1000000) + " MB", "free disk space, choose another folder or fewer frames");

  // The longest first, so that the threads finish together.
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return a.work > b.work; });
  double total = 1e-9;
  for (const auto& task : tasks) total += task.work;
  Board board(control, total);
  board.work(thread_count(options, tasks.size()), tasks.size(),
             [&](size_t i) { make(options, settings, tasks[i], format, board); });
  format.clean();
  board.finish();

  std::vector<std::string> ids;
  for (const auto& c : configurations(settings, options.trajectories)) ids.push_back(c.sim_id);
  format.finish(ids);
  write_index(options, settings, format.written());
  report.bytes = write_manifest(options);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

}  // namespace windtunnel::datasets::lab
