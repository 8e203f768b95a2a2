#include "baselines/deeponet/deeponet.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/adaptive_avg_pool3d.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_pool3d.h>
#include <ATen/ops/relu.h>

#include <algorithm>

#include "baselines/check.h"
#include "baselines/precision.h"
#include "baselines/relu_dropout.h"
#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

constexpr int64_t kPooled = 4;    // branch features per channel: 4 x 4
constexpr int64_t kHalvings = 3;  // stages that end in pooling
constexpr int64_t kShortest = 1 << kHalvings;
constexpr int64_t kPiece = 8192;  // points whose hidden layers stay in the cache during inference

/// i/(n-1) for i = 0..n-1, or 0 for a single point.
float relative_place(int64_t i, int64_t n) {
  if (n == 1) return 0;
  return i == n - 1 ? 1.0f : static_cast<float>(static_cast<double>(i) * (1.0 / static_cast<double>(n - 1)));
}

void check_widths(const DeepOnetOptions& o) {
  const std::pair<const char*, std::pair<const std::vector<int64_t>*, size_t>> lists[] = {
      {"branch_conv", {&o.branch_conv, 4}}, {"trunk", {&o.trunk, 2}}, {"output_net", {&o.output_net, 2}}};
  for (const auto& [name, list] : lists) {
    bool good = list.first->size() == list.second;
    for (const int64_t width : *list.first) good = good && width > 0;
    if (!good)
      throw model_error("deeponet: " + std::string(name) + " is " + core::to_string(*list.first),
                        std::to_string(list.second) + " positive widths");
  }
}

}  // namespace

void DeepOnetOptions::describe(core::OptionVisitor& v) {
  v("p", p, "features in which branch and trunk meet", core::kPositive);
  v("dropout_rate", dropout_rate, "probability of dropping a hidden value during training", {0, 0.999});
  v("branch_conv", branch_conv, "channels of the four convolution stages of the branch");
  v("branch_fc", branch_fc, "hidden width of the branch's affine maps", core::kPositive);
  v("trunk", trunk, "two hidden widths of the trunk");
  v("output_net", output_net, "two hidden widths of the output network");
}

core::Json DeepOnetOptions::from_published(const core::Json& config) {
  DeepOnetOptions defaults;
  core::Json options = core::Json::object();
  const core::Json widths = config.value("widths", core::Json::object());
  for (const auto& option : core::list_options(defaults)) {
    if (widths.contains(option.key)) options[option.key] = widths.at(option.key);
    if (config.contains(option.key)) options[option.key] = config.at(option.key);
  }
  return options;
}

DeepOnet::DeepOnet(const ModelContext& context, const DeepOnetOptions& o)
    : input_(context.input), output_(context.output), dropout_rate_(o.dropout_rate) {
  check_widths(o);
  if (std::min({input_.frames, input_.height, input_.width}) < kShortest)
    throw model_error("deeponet: input of " + std::to_string(input_.frames) + " frames of " +
                          std::to_string(input_.height) + " x " + std::to_string(input_.width) + " points",
                      "8 or more along each axis (three poolings)", "use a longer window or a finer grid");
  if (output_.frames < 1 || output_.height != input_.height || output_.width != input_.width)
    throw model_error(
        "deeponet: output of " + std::to_string(output_.frames) + " frames of " +
            std::to_string(output_.height) + " x " + std::to_string(output_.width) + " points",
        "the grid of the input, " + std::to_string(input_.height) + " x " + std::to_string(input_.width));

  const auto branch = register_module("branch", std::make_shared<Children>());
  int64_t channels = input_.channels;
  for (size_t i = 0; i < o.branch_conv.size(); ++i) {
    const auto stage = branch->add("conv" + std::to_string(i + 1), std::make_shared<Children>());
    const int64_t width = o.branch_conv[i];
    auto convolution =
        stage->add("0", std::make_shared<Convolution>(channels, width, at::IntArrayRef{3, 3, 3}));
    stages_.emplace_back(std::move(convolution), stage->add("1", std::make_shared<BatchStatistics>(width)));
    channels = width;
  }
  // The numbers count the activations and dropouts between the affine maps, as in the published names.
  const auto affine = [](Children& list, std::vector<std::shared_ptr<Linear>>& maps,
                         const std::vector<int64_t>& widths, size_t stride) {
    for (size_t i = 0; i + 1 < widths.size(); ++i)
      maps.push_back(
          list.add(std::to_string(i * stride), std::make_shared<Linear>(widths[i], widths[i + 1])));
  };
  affine(*branch->add("fc", std::make_shared<Children>()), branch_fc_,
         {channels * kPooled * kPooled, o.branch_fc, o.p}, 3);
  const auto trunk = register_module("trunk", std::make_shared<Children>());
  affine(*trunk->add("fc", std::make_shared<Children>()), trunk_fc_, {3, o.trunk[0], o.trunk[1], o.p}, 2);
  affine(*register_module("output_net", std::make_shared<Children>()), output_fc_,
         {o.p, o.output_net[0], o.output_net[1], output_.channels}, 3);
}

at::Tensor DeepOnet::branch(const at::Tensor& field) {
  at::Tensor x = field.permute({0, 4, 1, 2, 3});  // channels last in memory
  for (size_t i = 0; i < stages_.size(); ++i) {
    const auto& [convolution, norm] = stages_[i];
    x = baselines::convolution(x, convolution->weight, convolution->bias, /*stride=*/1, /*padding=*/1);
    if (is_training()) {
      if (x.numel() == x.size(1))
        throw model_error(
            "deeponet: one value per channel in the last stage of the branch, which has no variance",
            "two or more", "train with a larger batch, a longer window or a finer grid");
      norm->num_batches_tracked.add_(1);
    }
    x = at::batch_norm(x, norm->weight, norm->bias, norm->running_mean, norm->running_var, is_training(), 0.1,
                       1e-5, x.is_cuda());
    x = at::relu_(x);
    if (i < kHalvings) x = at::max_pool3d(x, /*kernel_size=*/2);
  }
  x = at::adaptive_avg_pool3d(x, {1, kPooled, kPooled}).reshape({field.size(0), -1});
  const double rate = is_training() ? dropout_rate_ : 0;
  return branch_fc_[1]->forward(relu_dropout(branch_fc_[0]->forward(x), rate));
}

at::Tensor DeepOnet::trunk(const at::Tensor& coordinates) const {
  at::Tensor x = trunk_fc_[0]->forward(coordinates);
  for (size_t i = 1; i < trunk_fc_.size(); ++i) x = trunk_fc_[i]->forward(at::relu_(x));
  return x;
}

at::Tensor DeepOnet::coordinates(const at::Tensor& like) {
  if (!coordinates_.defined()) {
    const int64_t frames = output_.frames, height = output_.height, width = output_.width;
    coordinates_ = at::empty({frames * height * width, 3}, at::TensorOptions().dtype(at::kFloat));
    float* place = coordinates_.mutable_data_ptr<float>();
    for (int64_t t = 0; t < frames; ++t)
      for (int64_t h = 0; h < height; ++h)
        for (int64_t w = 0; w < width; ++w) {
          *place++ = relative_place(t, frames);
          *place++ = relative_place(h, height);
          *place++ = relative_place(w, width);
        }
  }
  return coordinates_.to(like.options());
}

/// output_net(b * t) for all samples at once, keeping what the gradient needs. The product with b is moved
/// into the first weight, W (b * t) = (W diag b) t, so that no (B,N,p) product is made.
at::Tensor DeepOnet::combine(const at::Tensor& features, const at::Tensor& coordinates) const {
  const double rate = is_training() ? dropout_rate_ : 0;
  const at::Tensor points = trunk(coordinates);
  const at::Tensor weights = output_fc_[0]->weight.unsqueeze(0) * features.unsqueeze(1);  // (B,hidden,p)
  at::Tensor x = at::baddbmm(output_fc_[0]->bias, points.unsqueeze(0).expand({features.size(0), -1, -1}),
                             weights.transpose(1, 2));
  x = relu_dropout(x, rate).flatten(0, 1);
  x = output_fc_[1]->forward(x);
  return output_fc_[2]->forward(relu_dropout(x, rate));
}

/// The same without gradient: piece by piece along the points, so that the hidden layers stay small.
at::Tensor DeepOnet::combine_in_pieces(const at::Tensor& features, const at::Tensor& coordinates) const {
  const int64_t batch = features.size(0), count = coordinates.size(0);
  at::Tensor result = at::empty({batch, count, output_.channels}, features.options());
  const at::Tensor weights = output_fc_[0]->weight.unsqueeze(0) * features.unsqueeze(1);
  for (int64_t begin = 0; begin < count; begin += kPiece) {
    const int64_t length = std::min(kPiece, count - begin);
    const at::Tensor points = trunk(coordinates.narrow(0, begin, length));
    for (int64_t b = 0; b < batch; ++b) {
      at::Tensor x = at::addmm(output_fc_[0]->bias, points, weights[b].t());
      x = output_fc_[1]->forward(at::relu_(x));
      at::Tensor target = result[b].narrow(0, begin, length);
      at::addmm_out(target, output_fc_[2]->bias, at::relu_(x), output_fc_[2]->weight.t());
    }
  }
  return result;
}

at::Tensor DeepOnet::forward(const at::Tensor& x) {
  check_field(x, input_, "deeponet");
  const at::Tensor features = branch(x);
  const at::Tensor places = coordinates(x);
  const bool recorded = at::GradMode::is_enabled() || is_training();
  return (recorded ? combine(features, places) : combine_in_pieces(features, places))
      .reshape({x.size(0), output_.frames, output_.height, output_.width, output_.channels});
}

std::vector<std::string> DeepOnet::zero_gradient_parameters() const {
  // A batch mean takes away any constant that the convolution before it adds.
  std::vector<std::string> names;
  for (size_t i = 0; i < stages_.size(); ++i)
    names.push_back("branch.conv" + std::to_string(i + 1) + ".0.bias");
  return names;
}

WINDTUNNEL_REGISTER_BASELINE(
    DeepOnet, "deeponet", true, "branch of the input field, trunk of the coordinates",
    "Lu et al., Learning nonlinear operators via DeepONet based on the universal "
    "approximation theorem of operators, Nature Machine Intelligence 2021, arXiv 1910.03193");

}  // namespace windtunnel::baselines
