#include "runners/evaluator.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "core/log.h"
#include "datasets/loader.h"
#include "runners/interrupt.h"
#include "runners/tensors.h"

namespace windtunnel::runners {
tasks::Predictor predictor(const std::shared_ptr<baselines::Baseline>& model, uint64_t seed) {
  model->seed_prediction(seed);
  return [model](const core::Array& input) {
    const at::NoGradGuard guard;
    model->eval();
    return to_array(model->predict(view(const_cast<core::Array&>(input))));
  };
}

tasks::Predictor in_physical_units(const tasks::Predictor& predict, const datasets::Normalizer& normalizer) {
  return [predict, &normalizer](const core::Array& input) {
    core::Array physical = input;
    const int64_t channels = input.shape.back();
    normalizer.invert_input(physical.data.data(), input.numel() / channels, channels);
    core::Array forecast = predict(physical);
    const int64_t predicted = forecast.shape.back();
    normalizer.apply_target(forecast.data.data(), forecast.numel() / predicted, predicted);
    return forecast;
  };
}

tasks::Evaluation evaluate_model(const tasks::Predictor& predict, const datasets::WindowDataset& dataset,
                                 const datasets::Normalizer& normalizer, const tasks::Protocol& protocol,
                                 const RunConfig& config, bool validation,
                                 const std::vector<std::string>& capture, bool progress) {
  if (dataset.size() == 0)
    throw data_error("no " + dataset.options().mode + " windows of the " +
                         std::string(datasets::to_string(dataset.options().side)) + " side (subset " +
                         dataset.options().subset + ")",
                     "at least one window", "longer trajectories, another subset or another split");
  datasets::LoaderOptions loading;
  loading.batch_size = config.training.eval_batch_size;
  datasets::Loader loader(dataset, loading);

  tasks::EvaluateOptions options;
  options.rounds = validation ? 1 : config.evaluation.rounds;
  options.test_batch = config.training.eval_batch_size;
  options.measured = dataset.scenario().evaluated_channels();
  options.validation = validation;
  if (config.evaluation.probe_diagnostic) options.probes = tasks::probe_geometry(dataset.scenario());
  options.capture = capture;
  for (int64_t c = 0; c < options.measured; ++c)
    options.fields.push_back(dataset.scenario().fields.at(static_cast<size_t>(c)).name);
  options.families = dataset.scenario().metrics;
  options.threads = at::get_num_threads();
  std::unique_ptr<core::Progress> bar;
  if (progress) bar = std::make_unique<core::Progress>(validation ? "validate" : "test", dataset.size());
  options.progress = [&](int64_t done) {
    if (bar) bar->update(done);
    throw_if_interrupted("run the same command again to continue");
  };
  datasets::Batch batch;
  const tasks::BatchSource source = [&](tasks::EvaluationBatch& out) {
    if (!loader.next(batch)) return false;
    std::swap(out.input, batch.input);
    std::swap(out.target, batch.target);
    out.ids = batch.sample_ids;
    return true;
  };
  return tasks::evaluate(source, predict, normalizer, protocol, options);
}

}  // namespace windtunnel::runners
