#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "metrics/accumulator.h"
#include "metrics/pdebench.h"
#include "metrics/physix.h"
#include "metrics/update_ratio.h"
#include "metrics/well.h"
#include "runners/conformance/suite.h"
#include "tasks/evaluate.h"

// Golden data of the metrics and of the evaluation loop: <case>.json with the expected values beside
// <case>.safetensors with the fields.

namespace windtunnel::runners {
namespace {

using core::Array;
using core::Json;
using metrics::Values;

constexpr double kRelative = 1e-5;

struct Case {
  const Json& json;
  const core::SafetensorsFile* tensors;
  CaseResult& result;

  Array field(const std::string& name) const { return tensors->floats(name); }
};

double to_number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  const auto text = value.is_string() ? value.get<std::string>() : "";
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw core::data_error("golden value " + value.dump(), "a number, \"nan\", \"inf\" or \"-inf\"");
}

/// 1e-5 relative; `floor` is the absolute tolerance of values that subtract close numbers.
void check(CaseResult& result, const std::string& what, double got, const Json& expected, double floor = 0) {
  const double value = to_number(expected);
  result.compare(what, got, value, std::max({kRelative * std::abs(value), floor, 1e-300}));
}

void flatten(const Json& value, std::vector<double>& out) {
  if (value.is_array())
    for (const auto& item : value) flatten(item, out);
  else
    out.push_back(to_number(value));
}

/// Nested golden lists against row-major values; the tolerance is relative to each value, but not below that
/// of 1e-2 of the largest one (`floor` absolute).
void check_list(CaseResult& result, const std::string& what, const std::vector<double>& got,
                const Json& expected, double floor = 0) {
  std::vector<double> values;
  flatten(expected, values);
  if (values.size() != got.size()) {
    result.failure =
        what + ": " + std::to_string(got.size()) + " values instead of " + std::to_string(values.size());
    return;
  }
  for (size_t i = 0; i < got.size(); ++i)
    result.compare(what + "[" + std::to_string(i) + "]", got[i], values[i],
                   std::max({kRelative * std::abs(values[i]), floor, 1e-300}));
}

double largest_square(const Array& field) {
  double largest = 0;
  for (const float v : field.data) largest = std::max(largest, std::abs(double{v}));
  return largest * largest;
}

std::vector<std::string> ids(int64_t samples) {
  std::vector<std::string> result;
  for (int64_t b = 0; b < samples; ++b) result.push_back(std::to_string(b));
  return result;
}

/// KE and R2 subtract close numbers: 1e-7 times their scale.
double cancellation(const std::string& metric, double scale) {
  if (metric == "ke") return 1e-7 * scale;
  return metric.starts_with("r2") ? 1e-7 : 0;
}

void compare_scores(const Case& c, const std::string& what, const std::vector<metrics::Score>& scores,
                    const Json& expected, double scale, const std::string& suffix = "") {
  for (const auto& [key, value] : expected.items()) {
    std::string id = key;
    if (!suffix.empty() && id.ends_with(suffix)) id.resize(id.size() - suffix.size());
    const auto* score = metrics::find(scores, id);
    if (!score) {
      c.result.failure = what + ": no metric '" + id + "'";
      return;
    }
    check(c.result, what + " " + key, score->value, value, cancellation(id, scale));
  }
}

int64_t chunk_of(const std::string& key) {
  const std::string text = key.substr(key.find('=') + 1);
  return text == "none" ? 0 : std::stoll(text);
}

void run_eval_metrics(const Case& c) {
  const Array prediction = c.field("pred"), target = c.field("target");
  const auto channels = c.json.at("c").get<int64_t>();
  const auto names = ids(target.shape[0]);
  const double scale = largest_square(target);
  for (const auto kernels : {metrics::Kernels::fast, metrics::Kernels::reference}) {
    const std::string label = kernels == metrics::Kernels::fast ? "fast " : "reference ";
    for (const auto& [key, expected] : c.json.at("expected").items()) {
      auto options = metrics::AccumulatorOptions::published(chunk_of(key));
      options.channels = channels;
      options.kernels = kernels;
      metrics::MetricAccumulator accumulator(options);
      accumulator.add(prediction, target, names);
      for (const auto& [precision, values] : expected.items())
        compare_scores(c, label + key + " " + precision, accumulator.totals(), values, scale);
      if (options.chunk != 0 || !c.json.contains("spectrum_f64")) continue;
      const auto spectrum = accumulator.spectrum();
      const Json& golden = c.json.at("spectrum_f64");
      c.result.expect(label + "n_bins", golden.at("n_bins").get<int64_t>() == spectrum.bins);
      c.result.expect(label + "i_low", golden.at("i_low").get<int64_t>() == spectrum.low);
      c.result.expect(label + "i_high", golden.at("i_high").get<int64_t>() == spectrum.high);
      c.result.expect(label + "modes_per_bin",
                      golden.at("modes_per_bin").get<std::vector<int64_t>>() == spectrum.modes_per_bin);
      check_list(c.result, label + "err_bins", spectrum.error, golden.at("err_bins"));
      check_list(c.result, label + "norm_bins", spectrum.target, golden.at("norm_bins"));
    }
    if (!c.json.contains("corrected_f64")) continue;
    auto options = metrics::AccumulatorOptions::corrected();
    options.channels = channels;
    options.kernels = kernels;
    metrics::MetricAccumulator accumulator(options);
    accumulator.add(prediction, target, names);
    Json expected = Json::object();  // the corrected variant keeps the plain names
    for (const auto& [key, value] : c.json.at("corrected_f64").items()) {
      std::string id = key;
      for (const std::string suffix : {"_bin_mean", "_skip_zero", "_per_channel"})
        if (id.ends_with(suffix)) id.resize(id.size() - suffix.size());
      expected[id] = value;
    }
    compare_scores(c, label + "corrected", accumulator.totals(), expected, scale);
  }
}

void run_probe(const Case& c) {
  const Array prediction = c.field("pred"), target = c.field("target");
  const core::Shape ps(prediction.shape.begin() + 1, prediction.shape.end());
  const core::Shape ys(target.shape.begin() + 1, target.shape.end());
  const int64_t samples = target.shape[0], predicted = std::min(ps[3], ys[3]);
  for (const auto& item : c.json.at("cases")) {
    const Json& args = item.at("args");
    const metrics::ProbeGeometry geometry{args.at("d"), args.at("center_x"), args.at("center_y"),
                                          args.at("sub_s_real")};
    const metrics::ProbeWindow window{args.value("start_time_pred", int64_t{0}),
                                      args.value("start_time_target", int64_t{0}),
                                      args.value("horizon", int64_t{0})};
    const std::map<std::string, metrics::ProbeRule> rules = {
        {"eval_variant", metrics::ProbeRule::two_diameters},
        {"compare_variant", metrics::ProbeRule::four_diameters}};
    for (const auto& [variant, rule] : rules) {
      if (!item.contains(variant)) continue;
      const std::string what = item.at("geometry").get<std::string>() + " " + variant;
      const auto layout = metrics::probe_layout(geometry, ys[1], ys[2], rule);
      if (item.contains(variant + "_probe_x"))
        c.result.expect(what + " x", std::vector<int64_t>(layout.x.begin(), layout.x.end()) ==
                                         item.at(variant + "_probe_x").get<std::vector<int64_t>>());
      if (item.contains("probe_y"))
        c.result.expect(what + " y", std::vector<int64_t>(layout.y.begin(), layout.y.end()) ==
                                         item.at("probe_y").get<std::vector<int64_t>>());
      const auto stations = [&](int64_t channels) {
        std::vector<double> means(metrics::kStations);
        for (int64_t b = 0; b < samples; ++b) {
          const auto errors = metrics::station_errors(metrics::probe_profiles(
              prediction.data.data() + b * core::numel(ps), ps, target.data.data() + b * core::numel(ys), ys,
              layout, channels, window));
          for (size_t s = 0; s < means.size(); ++s) means[s] += errors[s] / static_cast<double>(samples);
        }
        return means;
      };
      const auto mean = [](const std::vector<double>& values) {
        double sum = 0;
        for (const double v : values) sum += v / static_cast<double>(values.size());
        return sum;
      };
      for (const auto& [precision, expected] : item.at(variant).items()) {
        if (expected.contains("error")) {
          bool refused = false;
          try {
            stations(predicted);
          } catch (const Error&) {
            refused = true;
          }
          c.result.expect(what + " outside the grid", refused);
          continue;
        }
        const auto values = stations(predicted);
        check_list(c.result, what + " " + precision, values, expected.at("per_station"));
        check(c.result, what + " mean " + precision, mean(values), expected.at("mean"));
      }
      if (const std::string key = variant + "_measured_channels_only"; item.contains(key))
        check(c.result, what + " measured", mean(stations(std::min<int64_t>(2, predicted))), item.at(key));
      if (const std::string key = variant + "_u_only"; item.contains(key))
        check(c.result, what + " u", mean(stations(1)), item.at(key));
    }
  }
}

datasets::Normalizer golden_normalizer(const Case& c) {
  const auto vector = [&](const char* name) { return c.field(name).data; };
  const auto kind = c.json.at("normalizer").get<std::string>();
  if (kind == "none") return {};
  if (kind == "gaussian") return {"gaussian", vector("mi"), vector("si"), vector("mt"), vector("so")};
  const auto inputs = vector("si"), targets = vector("so");
  return {"range", std::vector<float>(inputs.size()), inputs, std::vector<float>(targets.size()), targets};
}

/// y = x @ M + b on the channel axis, in double, rounded once.
Array linear(const Array& x, const Array& m, const Array& bias) {
  const int64_t in = m.shape[0], out = m.shape[1], points = x.numel() / in;
  core::Shape shape = x.shape;
  shape.back() = out;
  Array y(shape);
  for (int64_t i = 0; i < points; ++i)
    for (int64_t o = 0; o < out; ++o) {
      double sum = bias.data[static_cast<size_t>(o)];
      for (int64_t k = 0; k < in; ++k)
        sum += double{x.data[static_cast<size_t>(i * in + k)]} * m.data[static_cast<size_t>(k * out + o)];
      y.data[static_cast<size_t>(i * out + o)] = static_cast<float>(sum);
    }
  return y;
}

Array slice(const Array& field, int64_t from, int64_t to) {
  core::Shape shape = field.shape;
  shape[0] = to - from;
  const int64_t sample = field.numel() / field.shape[0];
  Array result(shape);
  std::copy_n(field.data.begin() + from * sample, result.numel(), result.data.begin());
  return result;
}

void check_predictions(const Case& c, const std::string& what,
                       const std::vector<tasks::CapturedSample>& samples, const Json& expected) {
  const int64_t channels = samples.front().prediction.shape.back();
  std::vector<double> means(static_cast<size_t>(channels)), magnitudes(means.size());
  double count = 0;
  for (const auto& sample : samples) {
    const auto& data = sample.prediction.data;
    for (size_t i = 0; i < data.size(); ++i) {
      means[i % means.size()] += data[i];
      magnitudes[i % means.size()] += std::abs(data[i]);
    }
    count += static_cast<double>(data.size()) / static_cast<double>(channels);
  }
  // A mean of values of both signs has the tolerance of what was added up.
  double floor = 0;
  for (size_t k = 0; k < means.size(); ++k) {
    means[k] /= count;
    floor = std::max(floor, 1e-6 * magnitudes[k] / count);
  }
  const auto row = [&](const tasks::CapturedSample& sample, int64_t frame) {
    const auto& shape = sample.prediction.shape;
    const auto begin = sample.prediction.data.begin() + frame * shape[1] * shape[2] * channels;
    return std::vector<double>(begin, begin + channels);
  };
  check_list(c.result, what + " channel means", means, expected.at("pred_channel_means"), floor);
  check_list(c.result, what + " first value", row(samples.front(), 0),
             expected.at("pred_sample0_frame0_row0_col0"), floor);
  check_list(c.result, what + " last value", row(samples.back(), samples.back().prediction.shape[0] - 1),
             expected.at("pred_last_frame_row0_col0_last_sample"), floor);
}

void run_eval_loop(const Case& c) {
  const Array x = c.field("x"), y = c.field("y"), m = c.field("M"), bias = c.field("b");
  const auto normalizer = golden_normalizer(c);
  const double scale = largest_square(y);
  const int64_t samples = x.shape[0];
  tasks::EvaluateOptions options;
  options.rounds = c.json.at("n_autoregressive").get<int64_t>();
  options.test_batch = c.json.at("loader_batch_size").get<int64_t>();
  options.capture_first = samples;

  // The golden corrected loop differs from the published one in the evaluated field only.
  tasks::Protocol published = tasks::protocol("published"), corrected = published;
  corrected.input_round_trip = false;
  const std::map<std::string, tasks::Protocol> variants = {{"expected_faithful", published},
                                                           {"expected_corrected", corrected}};
  for (const auto& [key, protocol] : variants) {
    if (!c.json.contains(key)) continue;
    int64_t at = 0;
    const auto source = [&](tasks::EvaluationBatch& batch) {
      if (at >= samples) return false;
      const int64_t to = std::min(samples, at + options.test_batch);
      batch.input = slice(x, at, to);
      batch.target = slice(y, at, to);
      batch.ids.clear();
      for (int64_t b = at; b < to; ++b) batch.ids.push_back(std::to_string(b));
      at = to;
      return true;
    };
    const auto evaluation = tasks::evaluate(
        source, [&](const Array& input) { return linear(input, m, bias); }, normalizer, protocol, options);
    for (const auto& [precision, expected] : c.json.at(key).items()) {
      const std::string what = key + " " + precision;
      c.result.expect(what + " c", expected.at("c").get<int64_t>() == evaluation.channels);
      const int64_t chunk = protocol.chunk(options.rounds, options.test_batch);
      c.result.expect(what + " eval_batch_size",
                      expected.at("eval_batch_size").get<int64_t>() == (chunk == 0 ? samples : chunk));
      check(c.result, what + " normalized_mse", evaluation.value("normalized_mse"),
            expected.at("normalized_mse"));
      compare_scores(c, what, evaluation.scores, expected.at("metrics"), scale);
      check_predictions(c, what, evaluation.captured, expected);
    }
  }
}

void check_precisions(const Case& c, const std::string& what, const std::vector<double>& got,
                      const Json& expected, double floor = 0) {
  for (const auto& [precision, values] : expected.items())
    check_list(c.result, what + " " + precision, got, values, floor);
}

/// (B,T,x..,C) -> (B,C,T,H,W).
Array channels_first(const Array& field) {
  const auto& s = field.shape;
  const int64_t inner = s[1] * s[2] * s[3], channels = s[4];
  Array result({s[0], channels, s[1], s[2], s[3]});
  for (int64_t b = 0; b < s[0]; ++b)
    for (int64_t i = 0; i < inner; ++i)
      for (int64_t k = 0; k < channels; ++k)
        result.data[static_cast<size_t>((b * channels + k) * inner + i)] =
            field.data[static_cast<size_t>((b * inner + i) * channels + k)];
  return result;
}

Array inner(const Array& field, int64_t index) {
  Array result = slice(field, index, index + 1);
  result.shape.erase(result.shape.begin());
  return result;
}

void run_physix(const Case& c, const Array& x, const Array& y) {
  const Array x0 = inner(x, 0), y0 = inner(y, 0);
  const auto spatial = metrics::well_spatial_metrics();
  for (const auto& [name, expected] : c.json.at("physix").at("expected").items()) {
    const std::string what = "physix " + name;
    if (std::find(spatial.begin(), spatial.end(), name) != spatial.end())
      check_precisions(c, what, metrics::physix_metric(name, x, y).data, expected);
    else if (name.starts_with("VRMSE_reduced_eps"))
      check_precisions(c, what,
                       {metrics::mean(metrics::physix_metric("VRMSE", x, y,
                                                             std::stod(name.substr(name.find("eps") + 3))))},
                       expected);
    else if (name == "evaluation_per_frame_VRMSE_sample0")
      check_precisions(c, what, metrics::physix_frame_vrmse(x0, y0), expected);
    else if (name == "LInfinity_quirk")
      check_precisions(c, what, metrics::legacy::physix_linfinity(x, y).data, expected);
    else if (name == "legacy_vrmse_quirk_sample0")
      check_precisions(c, what, {metrics::legacy::physix_vrmse(x0, y0)}, expected);
    else if (name == "legacy_window_vrmse_quirk_sample0_channel0")
      check_precisions(c, what, {metrics::legacy::physix_window_vrmse(inner(x0, 0), inner(y0, 0))}, expected);
    else
      c.result.failure = "golden key '" + what + "' is not known";
  }
}

void run_well(const Case& c) {
  const Array prediction = c.field("pred"), target = c.field("target");
  const int space = c.json.at("n_spatial_dims").get<int>();
  const auto spatial = metrics::well_spatial_metrics();
  for (const auto& [name, expected] : c.json.at("expected").items()) {
    if (std::find(spatial.begin(), spatial.end(), name) != spatial.end()) {
      check_precisions(c, name, metrics::well_metric(name, prediction, target, space).data, expected,
                       name == "PearsonR" ? 1e-7 : 0);
    } else if (name == "NRMSE_std") {
      check_precisions(c, name, metrics::well_metric("VRMSE", prediction, target, space).data, expected);
    } else if (name == "binned_spectral_mse") {
      const auto spectral = metrics::binned_spectral_mse(prediction, target, space);
      for (const auto& [precision, bins] : expected.items())
        for (const auto& [key, values] : bins.items()) {
          const auto q = static_cast<size_t>(std::stoul(key.substr(key.rfind('_') + 1)));
          const auto& list = key.find("_nmse_") != std::string::npos ? spectral.nmse : spectral.mse;
          check_list(c.result, key + " " + precision, list.at(q).data, values);
        }
    } else if (name == "power_spectrum_default") {
      const auto spectrum = metrics::power_spectrum(prediction, space);
      for (const auto& [precision, parts] : expected.items()) {
        check_list(c.result, name + " bins " + precision, spectrum.edges, parts.at("bins"));
        check_list(c.result, name + " counts " + precision, spectrum.counts, parts.at("counts"));
        check_list(c.result, name + " mean " + precision, spectrum.mean.data, parts.at("mean"));
        check_list(c.result, name + " std " + precision, spectrum.deviation.data, parts.at("std"));
      }
    } else if (name == "HistogramW1") {
      check_precisions(c, name, metrics::histogram_w1(prediction, target, space).data, expected);
    } else if (name == "WindowedDTW") {
      const auto warp = metrics::windowed_dtw(prediction, target, space);
      for (const auto& [precision, parts] : expected.items()) {
        check_list(c.result, "dtw_distance " + precision, warp.distance.data, parts.at("dtw_distance"));
        check_list(c.result, "dtw_path_distortion " + precision, warp.distortion.data,
                   parts.at("dtw_path_distortion"));
      }
    } else if (name == "trainer_time_windows_VRMSE") {
      const auto vrmse = metrics::well_metric("VRMSE", prediction, target, space);
      metrics::StepMeans steps(true);
      steps.add(vrmse);
      const auto means = metrics::windowed_means(steps.mean(), false);
      for (const auto& [precision, parts] : expected.items()) {
        c.result.expect("intervals " + precision, parts.at("intervals").get<std::vector<int64_t>>() ==
                                                      metrics::time_windows(vrmse.shape[1], false));
        for (const auto& [key, value] : parts.at("full").items()) {
          const auto it = means.find(key);
          if (it == means.end())
            c.result.failure = "no window " + key;
          else
            check(c.result, name + " " + key + " " + precision, it->second, value);
        }
      }
    } else {
      c.result.failure = "golden key '" + name + "' is not known";
    }
  }
  if (c.json.contains("physix")) run_physix(c, channels_first(prediction), channels_first(target));
}

void run_pdebench(const Case& c) {
  const Json& args = c.json.at("args");
  metrics::PdebenchOptions options;
  options.initial_step = args.at("initial_step");
  options.lengths = {args.at("Lx"), args.at("Ly"), args.at("Lz")};
  options.low = args.at("iLow");
  options.high = args.at("iHigh");
  options.per_channel_boundary = false;
  const auto values = metrics::pdebench_metrics(c.field("pred"), c.field("target"), options);
  const auto means = metrics::pdebench_means(values);
  const std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> results = {
      {"RMSE", {values.rmse.data, {means.rmse}}},
      {"nRMSE", {values.nrmse.data, {means.nrmse}}},
      {"cRMSE", {values.conserved.data, {means.conserved}}},
      {"max_error", {values.maximum.data, {means.maximum}}},
      {"bRMSE", {values.boundary.data, {means.boundary}}},
      {"fRMSE_bands", {values.bands.data, {means.bands.begin(), means.bands.end()}}}};
  for (const auto& [mode, precisions] : c.json.at("expected").items())
    for (const auto& [precision, expected] : precisions.items())
      for (const auto& [name, golden] : expected.items()) {
        const auto it = results.find(name);
        if (it == results.end())
          c.result.failure = "golden key '" + name + "' is not known";
        else
          check_list(c.result, name + " " + mode + " " + precision,
                     mode == "if_mean=true" ? it->second.second : it->second.first, golden);
      }
}

void run_update_ratio(const Case& c) {
  for (const auto& item : c.json.at("cases")) {
    const auto curve = [&](const char* key) {
      std::vector<double> values;
      flatten(item.at(key), values);
      return values;
    };
    const auto name = item.at("name").get<std::string>();
    const auto ratio = metrics::update_ratio(curve("real_val_rmse"), curve("finetune_val_rmse"),
                                             item.at("validation_interval"));
    check(c.result, name + " rmse0", ratio.best_rmse, item.at("rmse0"));
    c.result.expect(name + " n2", item.at("n2").get<int64_t>() == ratio.n2);
    c.result.expect(name + " n1_best_iteration",
                    item.at("n1_best_iteration").get<int64_t>() == ratio.n1_best);
    check(c.result, name + " by best", ratio.by_best, item.at("update_ratio_best_iteration"));
    const Json& crossing = item.at("n1_first_crossing");
    c.result.expect(name + " reached", crossing.is_null() == !ratio.n1_crossing);
    if (crossing.is_null() || !ratio.n1_crossing) continue;
    c.result.expect(name + " n1_first_crossing", crossing.get<int64_t>() == *ratio.n1_crossing);
    check(c.result, name + " by crossing", *ratio.by_crossing, item.at("update_ratio_first_crossing"));
  }
}

const std::map<std::string, std::function<void(const Case&)>>& kinds() {
  static const std::map<std::string, std::function<void(const Case&)>> table = {
      {"realpdebench.eval_metrics", run_eval_metrics}, {"realpdebench.probe", run_probe},
      {"realpdebench.eval_loop", run_eval_loop},       {"the_well", run_well},
      {"pdebench.metric_func", run_pdebench},          {"update_ratio", run_update_ratio}};
  return table;
}

void run_suite(const std::filesystem::path& folder, const std::function<void(const CaseResult&)>& report) {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".json") files.insert(entry.path());
  for (const auto& path : files) {
    CaseResult result;
    result.name = "metrics/" + path.stem().string();
    try {
      const Json json = core::read_json(path.string());
      if (!json.is_object() || !json.contains("kind")) continue;
      const auto kind = json.at("kind").get<std::string>();
      const auto it = kinds().find(kind);
      if (it == kinds().end()) throw core::data_error("golden kind '" + kind + "'", "a kind of this suite");
      auto tensors = path;
      tensors.replace_extension(".safetensors");
      std::optional<core::SafetensorsFile> file;
      if (std::filesystem::exists(tensors)) file.emplace(tensors);
      it->second({json, file ? &*file : nullptr, result});
    } catch (const std::exception& error) {
      result.failure = error.what();
    }
    report(result);
  }
}

const SuiteRegistration registration({"metrics", "", run_suite});

}  // namespace
}  // namespace windtunnel::runners
