#include "runners/score.h"

#include <ATen/core/Tensor.h>

#include <cmath>
#include <unordered_map>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "datasets/fit.h"
#include "datasets/prediction_file.h"
#include "results/report.h"
#include "results/run_folder.h"
#include "runners/evaluator.h"
#include "runners/run_record.h"
#include "tasks/task.h"

namespace windtunnel::runners {

namespace fs = std::filesystem;

namespace {

struct TaskPlace {
  datasets::Scenario scenario;
  tasks::Task task;
};

TaskPlace open_task(const std::string& id, const std::string& protocol, int64_t rounds,
                    const std::string& subset, const std::string& data) {
  const size_t slash = id.rfind('/');
  if (slash == std::string::npos || slash == 0)
    throw usage_error("task '" + id + "'", "scenario/setting, for example cylinder/real",
                      "`windtunnel ls` lists scenarios and settings");
  if (data.empty()) throw usage_error("no data folder", "--data DIR with the folder of the scenario");
  datasets::Scenario scenario =
      datasets::fit_to_data(datasets::load_scenario(id.substr(0, slash), data), data);
  tasks::Task task = tasks::make_task(scenario.name, id.substr(slash + 1), protocol, rounds, subset);
  task.setting = tasks::resolve_setting(task.setting, scenario);
  return {std::move(scenario), std::move(task)};
}

datasets::WindowDataset windows(const TaskPlace& place, const std::string& data, datasets::Side side,
                                const std::string& mode) {
  datasets::WindowOptions options;
  options.side = side;
  options.mode = mode;
  options.protocol = place.task.protocol.windows;
  if (mode == "test") {
    options.rounds = place.task.rounds;
    options.subset = place.task.subset;
  }
  return datasets::WindowDataset(place.scenario, data, options);
}

/// A model of which only its forecasts are known.
class Foreign : public baselines::Baseline {
 public:
  at::Tensor forward(const at::Tensor& x) override {
    throw model_error("a prediction file cannot forecast other windows");
  }
};

/// Index in the file of each test window.
std::vector<int64_t> order_of(const datasets::PredictionFile& file, const datasets::WindowDataset& test,
                              const std::string& path) {
  std::vector<int64_t> order;
  std::unordered_map<std::string, int64_t> at;
  for (size_t i = 0; i < file.ids().size(); ++i)
    if (!at.emplace(file.ids()[i], static_cast<int64_t>(i)).second)
      throw data_error(path + ": window '" + file.ids()[i] + "' appears twice", "every window once");
  for (int64_t i = 0; i < test.size(); ++i) {
    if (file.ids().empty()) {
      order.push_back(i);
      continue;
    }
    const auto it = at.find(test.sample_id(i));
    if (it == at.end())
      throw data_error(path + ": no prediction of window '" + test.sample_id(i) + "'",
                       "every test window; `windtunnel task export` lists them");
    order.push_back(it->second);
  }
  if (file.size() != test.size())
    throw data_error(path + ": predictions of " + std::to_string(file.size()) + " windows",
                     std::to_string(test.size()) + " test windows" +
                         (file.ids().empty() ? ", in the order of `windtunnel task export`" : ""));
  return order;
}

/// Hands out the stored forecasts in the order in which the evaluation asks: batch by batch, round by round.
class StoredForecasts {
 public:
  StoredForecasts(datasets::PredictionFile& file, std::vector<int64_t> order,
                  const datasets::WindowDataset& test, int64_t rounds, std::string path)
      : file_(file), order_(std::move(order)), test_(test), rounds_(rounds), path_(std::move(path)) {}

  core::Array next(int64_t batch) {
    if (round_ == 0) read(batch);
    core::Shape shape = file_.shape();
    const int64_t frames = shape[0] / rounds_, frame = core::numel(shape) / shape[0];
    core::Array part({batch, frames, shape[1], shape[2], shape[3]});
    for (int64_t b = 0; b < batch; ++b)
      std::copy_n(fields_.begin() + (b * shape[0] + round_ * frames) * frame, frames * frame,
                  part.data.begin() + b * frames * frame);
    if (++round_ == rounds_) round_ = 0;
    return part;
  }
  std::string sha256() { return hash_.hex(); }

 private:
  void read(int64_t batch) {
    const int64_t size = core::numel(file_.shape());
    fields_.resize(static_cast<size_t>(batch * size));
    for (int64_t b = 0; b < batch; ++b, ++done_) {
      float* field = fields_.data() + b * size;
      file_.read(order_.at(static_cast<size_t>(done_)), field);
      for (int64_t k = 0; k < size; ++k)
        if (!std::isfinite(field[k]))
          throw data_error(
              path_ + ": window '" + test_.sample_id(done_) + "' holds a value that is not finite",
              "finite predictions in physical units");
      hash_.update(field, static_cast<size_t>(size) * sizeof(float));
    }
  }
  datasets::PredictionFile& file_;
  std::vector<int64_t> order_;
  const datasets::WindowDataset& test_;
  int64_t rounds_, round_ = 0, done_ = 0;
  std::vector<float> fields_;
  std::string path_;
  core::Sha256 hash_;
};

/// Normalised units are a model's own affair: without one the score says nothing.
void drop_normalised(tasks::Evaluation& evaluation) {
  std::erase_if(evaluation.scores, [](const auto& score) { return score.id == "normalized_mse"; });
  for (size_t c = 0; c < evaluation.columns.size(); ++c)
    if (evaluation.columns[c] == "normalized_mse")
      for (auto& row : evaluation.rows) row.values[c] = std::nan("");
}

}  // namespace

void ScoreRequest::describe(core::OptionVisitor& v) {
  v("task", task, "scenario/setting that the model was made for: cylinder/real");
  v("predictions", predictions, "file of forecasts: .npy, .safetensors, .h5, .hdf5 or .nc");
  v("name", name, "name of the model in tables");
  v("data", data, "folder that holds the scenario's folder");
  v("out", out, "run folder (default: runs/<scenario>-<setting>-<name>-s<seed>)");
  v.choice("protocol", protocol, {"corrected", "published"}, "rules of scoring");
  v.choice("subset", subset, tasks::subsets(), "test windows of the file");
  v("rounds", rounds, "autoregressive rounds in each forecast", core::kPositive);
  v("parameters", parameters, "trainable real numbers of the model, for the tables", core::kNotNegative);
  v("seed", seed, "seed that the model was trained with", core::kNotNegative);
  v("batch_size", batch_size, "windows scored at a time", core::kPositive);
  v("paper", paper, "reference");
  v("code_url", code_url, "where the program is");
  v("licence", licence, "of the model");
  v("trained", trained, "the model learned from data; --no-trained for a classical solver");
}

fs::path ScoreRequest::folder() const {
  if (!out.empty()) return out;
  const size_t slash = task.rfind('/');
  return fs::path("runs") / (fs::path(task.substr(0, slash)).stem().string() + "-" + task.substr(slash + 1) +
                             "-" + name + "-s" + std::to_string(seed));
}

core::Json score(const ScoreRequest& request, const std::string& command) {
  if (request.name.empty()) throw usage_error("the model has no name", "--name NAME");
  const TaskPlace place =
      open_task(request.task, request.protocol, request.rounds, request.subset, request.data);
  const datasets::WindowDataset test = windows(place, request.data, place.task.setting.test, "test");
  if (test.size() == 0)
    throw data_error("no test windows (subset " + request.subset + ")", "at least one window");
  const std::string path = request.predictions;
  const auto file = datasets::open_predictions(path);
  core::Shape expected = test.target_shape();
  const int64_t measured = place.scenario.evaluated_channels();
  const core::Shape& found = file->shape();
  if (found[0] != expected[0] || found[1] != expected[1] || found[2] != expected[2] || found[3] < measured ||
      found[3] > expected[3])
    throw data_error(path + ": forecasts of shape " + core::to_string(found),
                     "(T,H,W,C) = " + core::to_string(expected) + ", or the first " +
                         std::to_string(measured) + " fields of it");

  RunConfig config;
  config.scenario = request.task.substr(0, request.task.rfind('/'));
  config.baseline = request.name;
  config.setting = request.trained ? place.task.setting.name : "inference";
  config.protocol = request.protocol;
  config.preset = "predictions";
  config.compat = "corrected";
  config.model = core::Json::object();
  config.training.seed = request.seed;
  config.training.eval_batch_size = request.batch_size;
  config.training.updates = 0;
  config.data.normalizer = "none";
  config.evaluation.rounds = request.rounds;
  config.evaluation.subset = request.subset;
  config.data_root = request.data;
  config.folder = request.folder();
  const results::RunFolder folder{config.folder};
  if (fs::exists(folder.record()))
    throw usage_error(config.folder.string() + " holds a record already", "a new --out or an empty folder");

  StoredForecasts forecasts(*file, order_of(*file, test, path), test, request.rounds, path);
  const tasks::Predictor predict = [&](const core::Array& input) { return forecasts.next(input.size(0)); };
  std::vector<std::string> captured;
  const int64_t pictures = std::min(config.evaluation.pictures, test.size());
  for (int64_t k = 0; k < pictures; ++k)
    captured.push_back(test.sample_id((2 * k + 1) * test.size() / (2 * pictures)));
  const datasets::Normalizer identity;
  tasks::Evaluation evaluation =
      evaluate_model(predict, test, identity, place.task.protocol, config, false, captured, true);
  drop_normalised(evaluation);
  evaluation.model_seconds = 0;  // reading a file is no inference

  std::map<std::string, tasks::Evaluation> trivial;
  const core::Shape in = test.input_shape();
  const baselines::ModelContext context{
      {in[0], in[1], in[2], in[3]}, {expected[0] / request.rounds, expected[1], expected[2], expected[3]}};
  for (const char* name : {"persistence", "mean"}) {
    const auto model = baselines::make_baseline(name, context, core::Json::object());
    trivial[name] = evaluate_model(predictor(model, 0), test, identity, place.task.protocol, config, false);
    drop_normalised(trivial[name]);
  }

  folder.create();
  baselines::BaselineInfo info;
  info.name = request.name;
  info.paper = request.paper;
  info.trainable = request.trained;
  info.origin = "predictions";
  FinishedRun finished{.config = config,
                       .task = place.task,
                       .scenario = place.scenario,
                       .info = info,
                       .model = std::make_shared<Foreign>(),
                       .stages = {},
                       .train = nullptr,
                       .n_val = 0,
                       .test = test,
                       .evaluation = evaluation,
                       .trivial = trivial,
                       .zero_gradient_parameters = {},
                       .pretrained_from = nullptr,
                       .update_ratio = {},
                       .has_update_ratio = false,
                       .folder = folder,
                       .command = command,
                       .train_wall = 0,
                       .train_cpu = 0,
                       .test_wall = 0,
                       .resumed = 0,
                       .initial_weights_sha256 = ""};
  results::RecordDraft draft = draft_run_record(finished);
  draft.model["parameters"] = request.parameters;
  draft.model["weights_sha256"] = nullptr;
  draft.model["label"] = request.name;
  if (!draft.predictions.is_object()) draft.predictions = core::Json::object();
  draft.predictions["sha256"] = forecasts.sha256();
  draft.submission["division"] = "open";
  if (!request.code_url.empty()) draft.submission["code_url"] = request.code_url;
  if (!request.licence.empty()) draft.submission["licence"] = request.licence;
  draft.training["measured"] = core::Json::object();
  draft.inference["measured"] = core::Json::object();
  const core::Json record = results::make_record(draft);
  results::write_record(folder.record(), record);
  results::write_report(folder.root);
  return record;
}

void ExportRequest::describe(core::OptionVisitor& v) {
  v("data", data, "folder that holds the scenario's folder");
  v("out", out, "folder to write");
  v.choice("protocol", protocol, {"corrected", "published"}, "rules of the windows");
  v.choice("subset", subset, tasks::subsets(), "test windows");
  v("rounds", rounds, "autoregressive rounds that will be scored", core::kPositive);
  v("with_training", with_training, "also training and validation windows, with their targets");
}

core::Json export_task(const ExportRequest& request) {
  const TaskPlace place =
      open_task(request.task, request.protocol, request.rounds, request.subset, request.data);
  const fs::path out = request.out.empty()
                           ? fs::path("task-" + place.scenario.name + "-" + place.task.setting.name)
                           : fs::path(request.out);
  core::make_folder(out);
  core::Json splits = core::Json::object();
  const auto write = [&](datasets::Side side, const std::string& mode, bool targets) {
    const datasets::WindowDataset data = windows(place, request.data, side, mode);
    if (data.size() == 0) throw data_error("no " + mode + " windows", "at least one");
    const std::string name = mode == "test" ? mode : std::string(datasets::to_string(side)) + "_" + mode;
    core::Shape inputs = data.input_shape(), outputs = data.target_shape();
    inputs.insert(inputs.begin(), data.size());
    outputs.insert(outputs.begin(), data.size());
    core::Progress bar("export " + name, data.size());
    core::Json ids = core::Json::array(), parameters = core::Json::array();
    for (int64_t i = 0; i < data.size(); ++i) {
      ids.push_back(data.sample_id(i));
      parameters.push_back(data.parameters(i));
    }
    core::Json files = {{"inputs", name + "_inputs.npy"}};
    // Clean windows: masks and noise of training are the reader's choice; targets of the test stay here.
    const auto read = [&](bool input) {
      return [&, input](int64_t i, float* entry) {
        const datasets::Sample sample = data.clean_sample(i);
        const auto& field = input ? sample.input : sample.target;
        std::copy(field.data.begin(), field.data.end(), entry);
        if (input) bar.update(i + 1);
      };
    };
    datasets::write_npy(out / (name + "_inputs.npy"), inputs, read(true));
    if (targets) {
      datasets::write_npy(out / (name + "_targets.npy"), outputs, read(false));
      files["targets"] = name + "_targets.npy";
    }
    core::Json hashes = core::Json::object();
    for (const auto& [kind, file] : files.items())
      hashes[kind] = core::sha256_file(out / file.get<std::string>());
    splits[name] = {{"files", files},           {"sha256", hashes},      {"sample_ids", ids},
                    {"parameters", parameters}, {"input_shape", inputs}, {"target_shape", outputs}};
  };
  write(place.task.setting.test, "test", false);
  if (request.with_training) {
    std::vector<std::string> done;
    for (const auto& stage : place.task.setting.stages)
      for (const auto& [side, mode] : {std::pair(stage.train, "train"), std::pair(stage.validate, "val")}) {
        const std::string name = std::string(datasets::to_string(side)) + mode;
        if (std::find(done.begin(), done.end(), name) != done.end()) continue;
        done.push_back(name);
        write(side, mode, true);
      }
  }
  core::Json fields = core::Json::array(), parameters = core::Json::array();
  for (const auto& field : place.scenario.fields)
    fields.push_back({{"name", field.name}, {"unit", field.unit}, {"scored", field.measured}});
  for (const auto& parameter : place.scenario.parameters)
    parameters.push_back({{"name", parameter.name}, {"unit", parameter.unit}});
  const core::Json task = {
      {"format", "windtunnel-task/1"},
      {"task", request.task},
      {"scenario", place.scenario.name},
      {"setting", place.task.setting.json()},
      {"protocol", place.task.protocol.name},
      {"protocol_sha256", place.task.protocol.hash()},
      {"subset", place.task.subset},
      {"rounds", place.task.rounds},
      {"synthetic", place.scenario.synthetic},
      {"axes", {"window", "time", "row", "column", "field"}},
      {"fields", fields},
      {"parameters", parameters},
      {"parameters_in_input", place.scenario.condition_on_parameters},
      {"dt", place.scenario.dt},
      {"splits", splits},
      {"predictions",
       "an array named 'prediction' of the test's target_shape, or its scored fields only; "
       "windtunnel score --task " +
           request.task + " --predictions FILE --name NAME --data DIR"}};
  core::write_file_atomic(out / "task.json", task.dump(1) + "\n");
  return task;
}

}  // namespace windtunnel::runners
