#include "baselines/mwt/mwt.h"

#include "baselines/check.h"
#include "baselines/matching_load.h"
#include "baselines/recompute.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

constexpr int64_t kHidden = 128;

bool is_complex_weight(const std::string& name) { return name.find(".weights") != std::string::npos; }

void check(const ModelContext& context, const MwtOptions& o) {
  const SampleShape& in = context.input;
  const auto text = [](int64_t n) { return std::to_string(n); };
  if (in.height < 1 || (in.height & (in.height - 1)) != 0)
    throw model_error("mwt: the field has " + text(in.height) + " rows (H)", "a power of two",
                      "crop or resample the data, or choose another model");
  if (in.width < in.height || in.width % in.height != 0)
    throw model_error("mwt: the field has " + text(in.height) + " x " + text(in.width) + " points (H x W)",
                      "W a multiple of H", "crop or resample the data, or choose another model");
  if (in.height < (int64_t{2} << std::min<int64_t>(o.L, 40)))
    throw model_error("mwt: L = " + text(o.L) + " leaves no level for H = " + text(in.height), "2^L < H");
  if (in.width > in.height && o.L != 0)
    throw model_error("mwt: L = " + text(o.L) + " on a field wider than high", "L = 0 if W > H");
  if (o.alpha > in.frames / 2 + 1)
    throw model_error("mwt: alpha = " + text(o.alpha) + " for " + text(in.frames) + " input frames",
                      "alpha at most " + text(in.frames / 2 + 1) + " (frames/2 + 1)", "reduce alpha");
}

}  // namespace

Mwt::Mwt(const ModelContext& context, const MwtOptions& o)
    : input_(context.input),
      output_(context.output),
      ratio_(frame_ratio(context, "mwt")),
      published_(context.compat == "published") {
  check(context, o);
  const MwtSizes sizes{
      o.k, o.c, o.alpha, o.L, input_.width / input_.height, published_, o.kernels == "reference"};
  const int64_t q = sizes.features();
  const MultiwaveletMatrices matrices = multiwavelet_matrices(multiwavelet_filters(o.base, o.k));
  lk_ = register_module("Lk", std::make_shared<Linear>(input_.channels, q));
  const auto blocks = register_module("MWT_CZ", std::make_shared<Children>());
  const auto unused = register_module("BN", std::make_shared<Children>());
  for (int64_t z = 0; z < o.nCZ; ++z) {
    const std::string index = std::to_string(z);
    blocks_.push_back(blocks->add(index, std::make_shared<MwtBlock>(sizes, matrices, "MWT_CZ." + index)));
    unused->add(index, std::make_shared<BatchStatistics>(q));
  }
  lc0_ = register_module("Lc0", std::make_shared<Linear>(q, kHidden));
  lc1_ = register_module("Lc1", std::make_shared<Linear>(kHidden, output_.channels * ratio_));
}

at::Tensor Mwt::forward(const at::Tensor& field) {
  check_field(field, input_, "mwt");
  const Activation relu("relu");
  const int64_t batch = field.size(0), frames = input_.frames, height = input_.height, width = input_.width;
  at::Tensor x = lk_->forward(field.permute({0, 2, 3, 1, 4}).contiguous());  // (B,H,W,T,q)
  for (size_t z = 0; z < blocks_.size(); ++z) {
    x = recompute(blocks_[z], x);
    if (z + 1 < blocks_.size()) x = relu.consume(x);
  }
  x = lc1_->forward(relu.consume(lc0_->forward(x)));
  return x.view({batch, height, width, frames, output_.channels, ratio_})
      .permute({0, 3, 5, 1, 2, 4})
      .reshape({batch, frames * ratio_, height, width, output_.channels});
}

at::Tensor Mwt::to_published(const std::string& name, const at::Tensor& internal) const {
  return is_complex_weight(name) ? CornerSpectralConv::to_published(internal) : internal;
}

at::Tensor Mwt::from_published(const std::string& name, const at::Tensor& published) const {
  return is_complex_weight(name) ? CornerSpectralConv::from_published(published) : published;
}

void Mwt::load_state(const StateDict& state, const std::string& origin) {
  if (published_)
    load_matching(*this, state, origin);
  else
    Baseline::load_state(state, origin);
}

std::vector<std::string> Mwt::zero_gradient_parameters() const {
  std::vector<std::string> names;
  for (size_t z = 0; z < blocks_.size(); ++z)
    for (const char* part : {".weight", ".bias"}) names.push_back("BN." + std::to_string(z) + part);
  return names;
}

WINDTUNNEL_REGISTER_BASELINE(
    Mwt, "mwt", true, "multiwavelet operator with Fourier and local kernels per level",
    "Gupta, Xiao, Bogdan, Multiwavelet-based Operator Learning, NeurIPS 2021, arXiv 2109.13459");

}  // namespace windtunnel::baselines
