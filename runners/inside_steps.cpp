#include "runners/inside_steps.h"

#include "baselines/illustrated.h"
#include "results/inside.h"
#include "runners/tensors.h"

namespace windtunnel::runners {

void write_inside(const std::filesystem::path& run, baselines::Baseline& model,
                  const tasks::Evaluation& evaluation, const datasets::Normalizer& normalizer,
                  const datasets::Scenario& scenario) {
  auto* shows = dynamic_cast<baselines::Illustrated*>(&model);
  if (!shows || evaluation.captured.empty()) return;
  const auto& sample = evaluation.captured.front();
  const auto normalised = [&](core::Array field, bool target) {
    const int64_t channels = field.shape.back(), points = field.numel() / channels;
    if (target)
      normalizer.apply_target(field.data.data(), points, channels);
    else
      normalizer.apply_input(field.data.data(), points, channels);
    return to_tensor(field).unsqueeze(0);
  };
  const int64_t frames = std::min(scenario.out_frames, sample.target.size(0));
  const at::Tensor target = normalised(sample.target, true).narrow(1, 0, frames);
  results::Inside inside;
  inside.sample = sample.id;
  const int64_t channels = evaluation.channels;
  for (int64_t c = 0; c < channels; ++c)
    inside.fields.push_back(scenario.fields[static_cast<size_t>(c)].name);
  for (const auto& step : shows->illustrate(normalised(sample.input, false), target)) {
    core::Array values = to_array(step.codes ? step.values : step.values.narrow(3, 0, channels));
    if (!step.codes) normalizer.invert_target(values.data.data(), values.numel() / channels, channels);
    inside.steps.push_back({step.name, step.note, step.codes, step.given, std::move(values)});
  }
  results::write_inside(results::inside_file(run), inside);
}

}  // namespace windtunnel::runners
