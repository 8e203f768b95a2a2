#include "runners/plugin_check.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "baselines/checkpoint.h"
#include "core/array.h"
#include "core/text.h"
#include "runners/sanity.h"
#include "runners/training_state.h"

namespace windtunnel::runners {
namespace {

std::vector<int64_t> sizes(const baselines::SampleShape& shape, int64_t batch) {
  return {batch, shape.frames, shape.height, shape.width, shape.channels};
}

/// Empty, or why `y` is no forecast for a batch of this size.
std::string unlike(const at::Tensor& y, const baselines::SampleShape& shape, int64_t batch) {
  if (!y.defined()) return "an undefined tensor";
  if (y.sizes() != at::IntArrayRef(sizes(shape, batch)))
    return "shape " + core::to_string(y.sizes().vec()) + " instead of " +
           core::to_string(sizes(shape, batch));
  if (y.scalar_type() != at::kFloat) return std::string("type ") + c10::toString(y.scalar_type());
  if (!y.isfinite().all().item<bool>()) return "values that are not finite";
  return "";
}

at::Tensor forecast(const std::shared_ptr<baselines::Baseline>& model, const at::Tensor& x) {
  const at::NoGradGuard guard;
  model->eval();
  model->seed_prediction(0);
  return model->predict(x);
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  const double scale = std::max(a.abs().max().item<double>(), 1e-30);
  return (a - b).abs().max().item<double>() / scale;
}

}  // namespace

std::string thrown_text() {
  std::string text = "something that is no std::exception";
  try {
    throw;
  } catch (const c10::Error& problem) {
    text = problem.what_without_backtrace();
  } catch (const std::exception& problem) {
    text = problem.what();
  } catch (...) {
  }
  return text.substr(0, text.find('\n'));
}

CheckLine checked(const std::string& what, const std::function<std::string()>& body) {
  CheckLine line{what, false, ""};
  try {
    line.detail = body();
    line.passed = line.detail.empty() || line.detail[0] == '(';
  } catch (const Error& problem) {
    line.detail = problem.found();
  } catch (...) {
    line.detail = "threw: " + thrown_text();
  }
  return line;
}

void try_model(const std::shared_ptr<baselines::Baseline>& model, const baselines::ModelContext& context,
               const std::string& who) {
  if (!model) throw model_error(who + " created nothing", "a model");
  const at::Tensor random = random_state();
  const at::Tensor y = guarded(who, [&] { return forecast(model, at::zeros(sizes(context.input, 1))); });
  set_random_state(random);
  if (const std::string reason = unlike(y, context.output, 1); !reason.empty())
    throw model_error(who + " returns " + reason,
                      "finite float32 (B,T,H,W,C) = " + core::to_string(sizes(context.output, 1)));
}

std::vector<CheckLine> check_baseline(const std::string& name, const baselines::ModelContext& context) {
  std::vector<CheckLine> lines;
  const auto check = [&](const std::string& what, const std::function<std::string()>& body) {
    lines.push_back(checked(what, body));
    return lines.back().passed;
  };
  const baselines::BaselineInfo& info = baselines::registry().at(name);
  const auto make = [&](uint64_t seed) {
    seed_everything(seed);
    return baselines::make_baseline(name, context, core::Json::object());
  };
  seed_everything(7);
  const at::Tensor x = at::randn(sizes(context.input, 3)), target = at::randn(sizes(context.output, 3));
  std::shared_ptr<baselines::Baseline> model;
  at::Tensor y;
  if (!check("construct", [&] {
        model = make(1);
        return model ? "(" + std::to_string(model->parameter_count()) + " parameters)"
                     : std::string("created nothing");
      }))
    return lines;
  if (!check("shapes", [&] {
        y = forecast(model, x);
        return unlike(y, context.output, 3);
      }))
    return lines;
  check("input matters", [&] {
    return relative(y, forecast(model, at::zeros(sizes(context.input, 3)))) > 0
               ? std::string()
               : "the output ignores the input";
  });
  check("batch", [&] {
    const double difference = relative(y.narrow(0, 1, 1), forecast(model, x.narrow(0, 1, 1).clone()));
    return difference < 1e-4 ? std::string()
                             : "a sample alone differs from itself in a batch by " + core::number(difference);
  });
  check("determinism", [&] {
    if (!at::equal(y, forecast(model, x))) return std::string("the same input gives another output");
    const auto twin = make(1);
    const auto a = model->state(), b = twin->state();
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
      if (!at::equal(a[i].second, b[i].second))
        return "entry '" + a[i].first + "' does not follow from the seed";
    return std::string();
  });
  if (info.trainable) {
    check("gradients", [&] {
      if (model->trainable_parameters().empty()) return std::string("no trainable parameter");
      const auto report = check_model(model, x, target);
      return report.zero_gradient_parameters.empty()
                 ? std::string()
                 : std::to_string(report.zero_gradient_parameters.size()) +
                       " parameters get no gradient, first: " + report.zero_gradient_parameters.front();
    });
    check("seed", [&] {
      const auto a = model->state(), b = make(2)->state();
      for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        if (!at::equal(a[i].second, b[i].second)) return std::string();
      return std::string("(every seed starts from the same weights)");
    });
  }
  check("save and load", [&] {
    const auto file = std::filesystem::temp_directory_path() /
                      ("windtunnel-check-" + std::to_string(::getpid()) + ".safetensors");
    struct Remove {
      std::filesystem::path path;
      ~Remove() {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
      }
    } const remove{file};
    if (model->state().empty()) return std::string("(no state)");
    baselines::save_weights(file, model->state());
    const auto other = make(3);
    other->load_state(baselines::load_weights(file).state, "the saved weights");
    return at::equal(y, forecast(other, x)) ? std::string() : "the loaded model forecasts otherwise";
  });
  return lines;
}

}  // namespace windtunnel::runners
