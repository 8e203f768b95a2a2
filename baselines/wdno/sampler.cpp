#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>

#include <cmath>

#include "baselines/check.h"
#include "baselines/trace.h"
#include "baselines/wdno/schedule.h"
#include "baselines/wdno/wdno.h"

// Samplers. Coefficients are computed in float32, as the published program does.
namespace windtunnel::baselines {

namespace {

struct Schedule {
  explicit Schedule(const std::vector<at::Tensor>& buffers) {
    for (const auto& buffer : buffers) {
      const at::Tensor host = buffer.cpu().contiguous();
      values.emplace_back(host.data_ptr<float>(), host.data_ptr<float>() + host.numel());
    }
  }
  const std::vector<float>& alpha_bar() const { return values[1]; }
  const std::vector<float>& sqrt_recip() const { return values[6]; }
  const std::vector<float>& sqrt_recipm1() const { return values[7]; }
  const std::vector<float>& log_variance() const { return values[9]; }
  const std::vector<float>& mean_start() const { return values[10]; }
  const std::vector<float>& mean_state() const { return values[11]; }
  std::vector<std::vector<float>> values;
};

void tell(const char* what, const at::Tensor& value) {
  if (Trace* trace = Trace::active()) trace->value(std::string("sampler.") + what, value);
}

}  // namespace

at::Tensor Wdno::sample(const at::Tensor& x, const NoiseSource& noise, double eta) const {
  const at::NoGradGuard guard;
  check_field(x, input_, "wdno");
  const Schedule schedule(schedule_);
  const auto [t, h, w] = transform_.coefficients();
  const at::Tensor condition = transform_.analyse(x) / scale().narrow(-1, 0, condition_);
  at::Tensor state = noise().clone();

  const auto impose = [&] {
    clear_padding(state);
    state.narrow(-1, 0, condition_).narrow(1, 0, t).narrow(2, 0, h).narrow(3, 0, w).copy_(condition);
  };
  /// Clipped estimate of the clean state at `step`; `error` receives the network's output.
  const auto estimate = [&](int64_t step, at::Tensor& error) {
    const auto i = static_cast<size_t>(step);
    impose();
    tell("x_in", state);
    error = denoise(state, at::full({state.size(0)}, step, state.options().dtype(at::kLong)));
    tell("model_output", error);
    at::Tensor start =
        (state * schedule.sqrt_recip()[i]).sub_(error * schedule.sqrt_recipm1()[i]).clamp_(-1, 1);
    tell("x_start", start);
    return start;
  };

  at::Tensor error;
  const int64_t samples = options_.sampling_timesteps;
  if (samples > 0 && samples < options_.timesteps) {
    const auto times = wdno::ddim_times(options_.timesteps, samples);
    for (size_t k = 0; k + 1 < times.size(); ++k) {
      const auto now = static_cast<size_t>(times[k]);
      const at::Tensor start = estimate(times[k], error);
      at::Tensor rederived =
          state.mul_(schedule.sqrt_recip()[now]).sub_(start).div_(schedule.sqrt_recipm1()[now]);
      tell("pred_noise", rederived);
      if (times[k + 1] < 0) {
        state = start;
        break;
      }
      const float level = schedule.alpha_bar()[now],
                  next = schedule.alpha_bar()[static_cast<size_t>(times[k + 1])];
      const float sigma = static_cast<float>(eta) * std::sqrt((1 - level / next) * (1 - next) / (1 - level));
      const float rest = std::sqrt(1 - next - sigma * sigma);
      state = rederived.mul_(rest).add_(start, std::sqrt(next)).add_(noise(), sigma);
    }
  } else {
    for (int64_t step = options_.timesteps - 1; step >= 0; --step) {
      const auto i = static_cast<size_t>(step);
      const at::Tensor start = estimate(step, error);
      tell("pred_noise", error);
      state = state.mul_(schedule.mean_state()[i]).add_(start, schedule.mean_start()[i]);
      if (step > 0) state.add_(noise(), std::exp(0.5f * schedule.log_variance()[i]));
    }
  }
  impose();

  const at::Tensor inside = state.narrow(1, 0, t).narrow(2, 0, h).narrow(3, 0, w);
  const int64_t rest = state.size(-1) - condition_;
  const at::Tensor target = inside.narrow(-1, condition_, rest) * scale().narrow(-1, condition_, rest);
  return wdno::unfold_time(transform_.synthesise(target), ratio_).contiguous();
}

}  // namespace windtunnel::baselines
