#include "baselines/dmd/dmd.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_eig.h>
#include <ATen/ops/linalg_lstsq.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/real.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

constexpr double kPublishedStep = 0.0025;  // seconds per frame, for every data set
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

}  // namespace

DmdFit dmd_fit(const at::Tensor& snapshots, int64_t rank, int64_t n_modes) {
  if (snapshots.dim() != 2 || snapshots.size(0) < 2)
    throw model_error("dmd: snapshots of shape " + core::to_string(snapshots.sizes().vec()),
                      "(T,n) with T >= 2");
  const at::Tensor a = snapshots.to(at::kDouble).t();  // (n,T)
  if (!at::isfinite(a).all().item<bool>())
    throw data_error("dmd: the input frames hold NaN or infinite values", "finite values",
                     "check the data with `windtunnel data verify`");
  const int64_t frames = a.size(1);
  const at::Tensor x1 = a.narrow(1, 0, frames - 1), x2 = a.narrow(1, 1, frames - 1);

  DmdFit fit;
  fit.frames = frames;
  auto [u, s, vh] = at::linalg_svd(x1, false);
  fit.singular_values = s;
  const double largest = s.numel() ? s[0].item<double>() : 0;
  const double floor = largest * kEpsilon * static_cast<double>(std::max(a.size(0), frames));
  fit.rank = (s > floor).sum().item<int64_t>();
  if (rank > 0) fit.rank = std::min(fit.rank, rank);
  const auto complex = at::TensorOptions(at::kComplexDouble);
  if (fit.rank == 0) {  // an all-zero input: nothing moves
    fit.eigenvalues = at::zeros({0}, complex);
    fit.modes = at::zeros({a.size(0), 0}, complex);
    fit.amplitudes = at::zeros({0}, complex);
    return fit;
  }
  u = u.narrow(1, 0, fit.rank);
  const at::Tensor v = vh.narrow(0, 0, fit.rank).t();
  const at::Tensor advanced = x2.mm(v) / s.narrow(0, 0, fit.rank);  // X2 V S^-1
  const auto [eigenvalues, vectors] = at::linalg_eig(u.t().mm(advanced));
  const at::Tensor modes = advanced.to(at::kComplexDouble).mm(vectors);
  const at::Tensor first = a.narrow(1, 0, 1).to(at::kComplexDouble);
  const double cut = kEpsilon * static_cast<double>(std::max(modes.size(0), modes.size(1)));
  const at::Tensor amplitudes = std::get<0>(at::linalg_lstsq(modes, first, cut, "gelsd")).squeeze(1);

  fit.eigenvalues = eigenvalues;
  fit.modes = modes;
  fit.amplitudes = amplitudes;
  if (n_modes > 0 && n_modes < fit.rank) {
    const at::Tensor order = amplitudes.abs().argsort(true, 0, true).narrow(0, 0, n_modes);
    fit.eigenvalues = eigenvalues.index_select(0, order);
    fit.modes = modes.index_select(1, order);
    fit.amplitudes = amplitudes.index_select(0, order);
  }
  return fit;
}

at::Tensor dmd_predict(const DmdFit& fit, int64_t count, double dt, bool published) {
  const at::Tensor times = at::arange(fit.frames, fit.frames + count, at::kDouble);
  const at::Tensor lambda = fit.eigenvalues.unsqueeze(1);
  // (r, count). An eigenvalue 0 has no logarithm, but 0^t = 0 for t >= 1.
  const at::Tensor growth = published ? at::exp(lambda * (kPublishedStep * dt) * times) : lambda.pow(times);
  return at::real(fit.modes.mm(fit.amplitudes.unsqueeze(1) * growth)).t().contiguous();
}

Dmd::Dmd(const ModelContext& context, const DmdOptions& options)
    : options_(options), published_(context.compat == "published") {
  if (options_.n_predict == 0) options_.n_predict = context.output.frames;
  if (options_.n_predict < 1)
    throw model_error("dmd: no frames to predict", "n_predict or an output of at least one frame");
  if (options_.input_feature > context.input.channels)
    throw model_error("dmd: input_feature = " + std::to_string(options_.input_feature),
                      "at most the input's " + std::to_string(context.input.channels) + " channels");
}

DmdFit Dmd::fit(const at::Tensor& sample) const {
  if (sample.dim() != 4 || sample.size(0) < 2 || sample.size(3) < options_.input_feature)
    throw model_error("dmd: a sample of shape " + core::to_string(sample.sizes().vec()),
                      "(T,H,W,C) with T >= 2 and C >= " + std::to_string(options_.input_feature));
  return dmd_fit(sample.narrow(3, 0, options_.input_feature).reshape({sample.size(0), -1}), options_.rank,
                 options_.n_modes);
}

at::Tensor Dmd::predict(const DmdFit& fit, int64_t height, int64_t width) const {
  return dmd_predict(fit, options_.n_predict, options_.dt, published_)
      .view({options_.n_predict, height, width, options_.input_feature});
}

at::Tensor Dmd::forward(const at::Tensor& x) {
  if (x.dim() != 5 || x.size(0) < 1)
    throw model_error("dmd: input of shape " + core::to_string(x.sizes().vec()), "(B >= 1,T,H,W,C)");
  std::vector<at::Tensor> predictions;
  for (int64_t b = 0; b < x.size(0); ++b)
    predictions.push_back(predict(fit(x[b].cpu()), x.size(2), x.size(3)));
  return at::stack(predictions).to(x.options());
}

WINDTUNNEL_REGISTER_BASELINE(
    Dmd, "dmd", false, "dynamic mode decomposition of each sample's input frames",
    "Schmid, Dynamic mode decomposition of numerical and experimental data, J. Fluid Mech. "
    "2010");

}  // namespace windtunnel::baselines
