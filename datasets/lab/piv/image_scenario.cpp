#include "datasets/lab/piv/image_scenario.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "datasets/lab/piv/image_file.h"
#include "datasets/lab/piv/multi_pass.h"
#include "datasets/lab/trajectory_writer.h"

namespace windtunnel::datasets::lab::piv {

using core::Json;
namespace fs = std::filesystem;

void ImageOptions::describe(core::OptionVisitor& v) {
  v("name", name, "name of the scenario to write");
  v("out", out, "folder that gets the scenario's folder");
  v.choice("order", order, {"sequence", "pairs"}, "sequence: pictures 1-2, 2-3, ...; pairs: 1-2, 3-4, ...");
  v("mask", mask, "picture of the size of the others; where it is brighter than half, nothing is measured");
  v("window", window, "edge of the interrogation windows in pixels: 8, 16, 32 or 64", {8, 64});
  v("step", step, "pixels between vectors", core::kPositive);
  v("passes", passes, "2: a first pass with twice the window", {1, 2});
  v("dt", dt, "seconds between the two pictures of a pair; 0: velocities stay in pixels per pair",
    core::kNotNegative);
  v("pixel", pixel, "metres per pixel; 0: velocities stay in pixels per pair", core::kNotNegative);
  v("frame_interval", frame_interval, "seconds between vector fields; 0: dt", core::kNotNegative);
}

namespace {

void write_scenario_file(const ImageOptions& o, const ImageReport& report, double interval) {
  const auto field = [&](const char* name, const char* label) {
    return Json{{"name", name},
                {"unit", report.unit},
                {"label", label},
                {"latex", name},
                {"measured", true},
                {"sides", {"real"}},
                {"source", {{"realpdebench_hdf5", std::string("measured_data/") + name}}}};
  };
  // Three pieces of at least one window each, so that train, val and test can be dealt from six fields on.
  const int64_t window = std::max<int64_t>(1, std::min<int64_t>(20, report.frames / 6));
  const Json values = {
      {"name", o.name},
      {"title", "Particle image velocimetry: " + o.name},
      {"notes", "Measured from pictures by this program."},
      {"licence", "that of the pictures"},
      {"origin", "user"},
      {"formats", {"realpdebench_hdf5"}},
      {"paired", false},
      {"fields", {field("u", "velocity along the rows"), field("v", "velocity down the columns")}},
      {"parameters", Json::array()},
      {"file_pattern", "\\d+\\.h5"},
      {"dt", interval},
      {"in_frames", window},
      {"out_frames", window},
      {"interval", 1},
      {"trunk_length", std::max<int64_t>(2 * window, report.frames / 8)},
      {"frames", std::max<int64_t>(2, report.frames)},  // a scenario has room for one window
      {"stride", {{"real", 1}}}};
  core::write_file_atomic(fs::path(o.out) / o.name / "scenario.yaml", core::to_yaml(values));
}

PixelMask read_mask(const std::string& path) {
  PixelMask mask;
  if (path.empty()) return mask;
  const GreyImage image = read_image(path);
  mask.height = image.height;
  mask.width = image.width;
  const float most = *std::max_element(image.value.begin(), image.value.end());
  const float half = most > 255 ? 32767.5f : 127.5f;
  for (const float grey : image.value) mask.hidden.push_back(grey > half);
  if (std::all_of(mask.hidden.begin(), mask.hidden.end(), [](uint8_t h) { return h != 0; }))
    throw core::data_error(path + " hides every pixel", "white where nothing is to be measured, else black");
  return mask;
}

/// One vector field of the scenario, and what the report says about it.
class Collected {
 public:
  void add(const MultiPassResult& result, double scale, ImageReport& report) {
    const VectorField& f = result.field;
    std::vector<float> u, v;
    double sum_u = 0, sum_v = 0;
    int64_t seen = 0;
    for (size_t i = 0; i < f.u.size(); ++i) {
      u.push_back(static_cast<float>(f.u[i] * scale));
      v.push_back(static_cast<float>(f.v[i] * scale));
      if (result.blank[i]) continue;
      ++seen;
      sum_u += f.u[i];
      sum_v += f.v[i];
      replaced_ += result.replaced[i];
      ratios_.push_back(result.ratio[i]);
    }
    vectors_ += static_cast<int64_t>(f.u.size());
    this->u.push_back(std::move(u));
    this->v.push_back(std::move(v));
    report.mean_u.push_back(sum_u / static_cast<double>(std::max<int64_t>(1, seen)));
    report.mean_v.push_back(sum_v / static_cast<double>(std::max<int64_t>(1, seen)));
  }
  void finish(ImageReport& report) {
    const auto seen = static_cast<double>(ratios_.size());
    report.hidden = 1 - seen / static_cast<double>(vectors_);
    if (ratios_.empty()) return;
    report.replaced = static_cast<double>(replaced_) / seen;
    const auto middle = ratios_.begin() + static_cast<int64_t>(ratios_.size() / 2);
    std::nth_element(ratios_.begin(), middle, ratios_.end());
    report.median_ratio = *middle;
  }

  std::vector<std::vector<float>> u, v;  ///< by frame

 private:
  std::vector<double> ratios_;
  int64_t replaced_ = 0, vectors_ = 0;
};

}  // namespace

ImageReport measure_images(const std::vector<std::string>& images, const ImageOptions& o,
                           const std::atomic<bool>* stop) {
  const bool pairs = o.order == "pairs";
  if (images.size() < 2 || (pairs && images.size() % 2))
    throw core::usage_error(std::to_string(images.size()) + " pictures in order '" + o.order + "'",
                            pairs ? "an even number" : "at least two");
  if (o.name.empty() || o.name.find_first_of("/\\") != std::string::npos)
    throw core::usage_error("scenario name '" + o.name + "'", "a name without slashes");
  MultiPassOptions piv;
  piv.window = static_cast<int>(o.window);
  piv.step = static_cast<int>(o.step);
  piv.passes = static_cast<int>(o.passes);
  const auto frames = static_cast<int64_t>(pairs ? images.size() / 2 : images.size() - 1);
  const bool physical = o.dt > 0 && o.pixel > 0;
  const double scale = physical ? o.pixel / o.dt : 1;

  ImageReport report;
  report.unit = physical ? "m/s" : "px";
  report.frames = frames;
  const PixelMask mask = read_mask(o.mask);
  Collected all;
  core::Progress progress("correlating", frames);
  GreyImage a, b;
  for (int64_t k = 0; k < frames; ++k) {
    if (stop && *stop)
      throw Error(ErrorKind::interrupted, "interrupted while correlating; nothing was written");
    const auto first = static_cast<size_t>(pairs ? 2 * k : k);
    const bool known = !pairs && k > 0;
    if (known) std::swap(a, b);
    if (!known) a = read_image(images[first]);
    b = read_image(images[first + 1]);
    MultiPassResult result;
    try {
      result = multi_pass(a, b, piv, mask);
    } catch (const Error& e) {
      throw Error(e.kind(), images[first] + ", " + images[first + 1] + ": " + e.found(), e.expected(),
                  e.hint());
    }
    const VectorField& f = result.field;
    if (k > 0 && (f.height != report.height || f.width != report.width))
      throw core::data_error(images[first] + ": another size than " + images[0], "equal sizes");
    report.height = f.height;
    report.width = f.width;
    all.add(result, scale, report);
    progress.update(k + 1);
  }
  all.finish(report);

  report.folder = fs::path(o.out) / o.name;
  core::make_folder(report.folder / "real");
  const double interval = o.frame_interval > 0 ? o.frame_interval : o.dt > 0 ? o.dt : 1;
  const double unit = o.pixel > 0 ? o.pixel : 1, corner = 0.5 * static_cast<double>(o.window - 1);
  Coordinate x{"x", {report.height, report.width}, {}}, y{"y", {report.height, report.width}, {}},
      t{"t", {frames}, {}};
  for (int64_t r = 0; r < report.height; ++r)
    for (int64_t c = 0; c < report.width; ++c) {
      x.values.push_back((corner + static_cast<double>(c * o.step)) * unit);
      y.values.push_back((corner + static_cast<double>(r * o.step)) * unit);
    }
  for (int64_t k = 0; k < frames; ++k) t.values.push_back(static_cast<double>(k) * interval);
  core::write_atomic(report.folder / "real" / "1.h5", [&](const fs::path& part) {
    TrajectoryWriter writer(part, {"real", {{"measured_data/u"}, {"measured_data/v"}}, {}}, frames,
                            report.height, report.width);
    for (int64_t k = 0; k < frames; ++k) {
      writer.write_frames(0, k, 1, all.u[static_cast<size_t>(k)].data());
      writer.write_frames(1, k, 1, all.v[static_cast<size_t>(k)].data());
    }
    writer.write_coordinates({x, y, t});
    writer.write_attributes({{"origin", "particle images"},
                             {"first_image", fs::path(images.front()).filename().string()},
                             {"order", o.order},
                             {"window", o.window},
                             {"step", o.step},
                             {"passes", o.passes},
                             {"dt", o.dt},
                             {"pixel", o.pixel},
                             {"mask", o.mask.empty() ? "none" : fs::path(o.mask).filename().string()},
                             {"hidden", report.hidden},
                             {"replaced", report.replaced},
                             {"median_peak_ratio", report.median_ratio}});
    writer.close();
  });
  write_scenario_file(o, report, interval);
  return report;
}

}  // namespace windtunnel::datasets::lab::piv
