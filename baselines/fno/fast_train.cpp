#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "baselines/fno/fast.h"

namespace windtunnel::baselines::fno {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr size_t kBeforeLayers = 6, kPerLayer = 10;  // in the list of leaves

/// Leaves in the order of the autograd function's inputs.
std::vector<at::Tensor> leaves(const NetworkTensors& net) {
  std::vector<at::Tensor> list{net.fc0_weight, net.fc0_bias, net.fc1_weight,
                               net.fc1_bias,   net.fc2_weight, net.fc2_bias};
  for (const auto& layer : net.layers) {
    list.insert(list.end(), layer.spectral.begin(), layer.spectral.end());
    list.insert(list.end(), {layer.weight, layer.bias, layer.scale, layer.shift, layer.running_mean, layer.running_var});
  }
  return list;
}

NetworkTensors network(const variable_list& list) {
  NetworkTensors net{list[0], list[1], list[2], list[3], list[4], list[5], {}};
  for (size_t i = kBeforeLayers; i + kPerLayer <= list.size(); i += kPerLayer)
    net.layers.push_back({{list[i], list[i + 1], list[i + 2], list[i + 3]},
                          list[i + 4],
                          list[i + 5],
                          list[i + 6],
                          list[i + 7],
                          list[i + 8],
                          list[i + 9]});
  return net;
}

/// Per-channel numbers of one batch norm, float64.
struct Norm {
  at::Tensor mean, inverse_deviation;
};

/// A slab as rows of whole lines, (g*N2, N3*C): per-channel vectors repeated along a line then act in long loops.
struct Lines {
  int64_t n3;
  at::Tensor operator()(const at::Tensor& planes) const {
    return planes.view({planes.size(0) * planes.size(1), planes.size(2) * planes.size(3)});
  }
  at::Tensor tile(const at::Tensor& channels, at::ScalarType type) const { return channels.to(type).repeat({n3}); }
};

/// Walks the slabs of frames 0..frames-1 of each sample: action(b, first, count).
template <class Action>
void for_each_slab(int64_t batch, int64_t frames, int64_t step, const Action& action) {
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t first = 0; first < frames; first += step) action(b, first, std::min(step, frames - first));
}

struct Sizes {
  explicit Sizes(const TruncatedDft& dft, int64_t batch, int64_t width)
      : grid(dft.sizes()), batch(batch), width(width), step(slab_planes(grid, width)), lines{grid.n[2]} {}
  const GridSizes& grid;
  int64_t batch, width, step;
  Lines lines;
  int64_t points() const { return batch * grid.points(); }
  at::Tensor field(const at::TensorOptions& options, int64_t channels) const {
    return at::empty({batch, grid.n[0], grid.n[1], grid.n[2], channels}, options);
  }
  at::Tensor slab(const at::TensorOptions& options) const {
    return at::empty({step, grid.n[1], grid.n[2], width}, options);
  }
};

at::Tensor rows(const at::Tensor& planes) { return planes.view({-1, planes.size(-1)}); }

/// y = BN(z) of a slab into `y`.
void normalise(const Sizes& s, const at::Tensor& planes, const at::Tensor& factor, const at::Tensor& offset, at::Tensor y) {
  at::Tensor out = s.lines(y);
  at::addcmul_out(out, offset, s.lines(planes), factor);
}

struct FnoFunction : torch::autograd::Function<FnoFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const c10::intrusive_ptr<TruncatedDft>& dft,
                            const NormSettings& norm, at::TensorList list);
  static variable_list backward(AutogradContext* ctx, variable_list outputs);
};

/// Multiplier and offset with y = factor * z + offset.
std::pair<at::Tensor, at::Tensor> affine(const LayerTensors& layer, const Norm& norm) {
  const at::Tensor factor = layer.scale.to(at::kDouble) * norm.inverse_deviation;
  return {factor, layer.shift.to(at::kDouble) - factor * norm.mean};
}

at::Tensor FnoFunction::forward(AutogradContext* ctx, const at::Tensor& x, const c10::intrusive_ptr<TruncatedDft>& dft,
                                const NormSettings& settings, at::TensorList list) {
  const NetworkTensors net = network(list.vec());
  const Sizes s(*dft, x.size(0), net.fc0_weight.size(0));
  const auto& [t, h, w] = s.grid.crop;
  const int64_t n1 = s.grid.n[0];
  const auto type = x.scalar_type();

  const at::Tensor input = lifted_input(x, s.grid);
  const at::Tensor lift = at::cat({net.fc0_weight, net.fc0_bias.unsqueeze(1)}, 1);
  variable_list saved(list.begin(), list.end());
  for (size_t l = 0; l < net.layers.size(); ++l)  // running statistics change with every forward pass
    saved[kBeforeLayers + kPerLayer * l + 8] = saved[kBeforeLayers + kPerLayer * l + 9] = at::Tensor();
  saved.push_back(input);

  at::Tensor previous, factor, offset, activated = s.slab(x.options());
  for (size_t l = 0; l < net.layers.size(); ++l) {
    const LayerTensors& layer = net.layers[l];
    const at::Tensor map = l == 0 ? layer.weight.mm(lift) : layer.weight;
    at::Tensor spectrum = dft->planes_buffer(s.batch, n1, map.size(1));
    at::Tensor field = s.field(x.options(), s.width);
    for_each_slab(s.batch, n1, s.step, [&](int64_t b, int64_t first, int64_t count) {
      at::Tensor v;
      if (l == 0) {
        v = input[b].narrow(0, first, count);
      } else {
        v = activated.narrow(0, 0, count);
        normalise(s, previous[b].narrow(0, first, count), factor, offset, v);
        at::gelu_(v);
      }
      dft->analyse(v, spectrum[b].narrow(0, first, count));
      at::Tensor out = rows(field[b].narrow(0, first, count));
      at::mm_out(out, rows(v), map.t());
    });
    const at::Tensor modes = dft->to_modes(spectrum);
    at::Tensor mixed = mix_modes(l == 0 ? modes.matmul(lift.t()) : modes, layer.spectral);
    dft->drop_overwritten(mixed);
    spectrum = dft->from_modes(mixed);

    // Sums around the first value of each channel: no cancellation however far the mean is from zero.
    at::Tensor pivot, pivot_line, sum = at::zeros({s.width}, at::kDouble), squares = at::zeros({s.width}, at::kDouble);
    for_each_slab(s.batch, n1, s.step, [&](int64_t b, int64_t first, int64_t count) {
      const at::Tensor planes = field[b].narrow(0, first, count);
      dft->synthesise_add(spectrum[b].narrow(0, first, count), layer.bias, planes);
      if (!settings.training) return;
      if (!pivot.defined()) {
        pivot = planes[0][0][0].to(at::kDouble);
        pivot_line = s.lines.tile(pivot, type);
      }
      at::Tensor centred = activated.narrow(0, 0, count);
      at::Tensor out = s.lines(centred);
      at::sub_out(out, s.lines(planes), pivot_line);
      sum += rows(centred).sum(0).to(at::kDouble).cpu();
      centred.mul_(centred);
      squares += rows(centred).sum(0).to(at::kDouble).cpu();
    });

    Norm norm;
    if (settings.training) {
      const double n = static_cast<double>(s.points());
      const at::Tensor shift = sum / n;
      const at::Tensor variance = (squares / n - shift * shift).clamp_min(0).to(x.device());
      norm = {pivot + shift.to(x.device()), at::rsqrt(variance + settings.epsilon)};
      const double keep = 1 - settings.momentum;
      at::Tensor running_mean = layer.running_mean, running_var = layer.running_var;
      running_mean.mul_(keep).add_(norm.mean.to(type), settings.momentum);
      running_var.mul_(keep).add_((variance * (n / (n - 1))).to(type), settings.momentum);
    } else {
      norm = {layer.running_mean.to(at::kDouble), at::rsqrt(layer.running_var.to(at::kDouble) + settings.epsilon)};
    }
    std::tie(factor, offset) = affine(layer, norm);
    factor = s.lines.tile(factor, type);
    offset = s.lines.tile(offset, type);
    saved.insert(saved.end(), {field, modes, norm.mean, norm.inverse_deviation});
    previous = field;
  }

  // The last batch norm has no activation: it folds into fc1.
  const auto [scale, shift] = affine(net.layers.back(), {saved[saved.size() - 2], saved.back()});
  const at::Tensor fc1 = net.fc1_weight.to(at::kDouble);
  const at::Tensor matrix = (fc1 * scale).to(type), bias = (net.fc1_bias + fc1.mv(shift)).to(type);
  at::Tensor out = at::empty({s.batch, t, h, w, net.fc2_weight.size(0)}, x.options());
  for_each_slab(s.batch, t, s.step, [&](int64_t b, int64_t first, int64_t count) {
    const at::Tensor data = previous[b].narrow(0, first, count).narrow(1, 0, h).narrow(2, 0, w).contiguous();
    at::Tensor hidden = at::addmm(bias, rows(data), matrix.t());
    at::gelu_(hidden);
    at::Tensor target = rows(out[b].narrow(0, first, count));
    at::addmm_out(target, net.fc2_bias, hidden, net.fc2_weight.t());
  });

  ctx->save_for_backward(std::move(saved));
  ctx->saved_data["dft"] = c10::IValue::make_capsule(dft);
  ctx->saved_data["training"] = settings.training;
  ctx->saved_data["leaves"] = static_cast<int64_t>(list.size());
  return out;
}

/// Sums over all points of dy and of dy * (z - mean), per channel in float64.
struct NormSums {
  at::Tensor dy, dy_centred;
};

/// dz = a dy + b z + c per channel: gradient of batch norm, with or without batch statistics.
struct NormGradient {
  at::Tensor a, b, c, scale, shift;
};

NormGradient norm_gradient(const LayerTensors& layer, const Norm& norm, const NormSums& sums, bool training, double n) {
  NormGradient g;
  const at::Tensor& r = norm.inverse_deviation;
  g.scale = sums.dy_centred * r;
  g.shift = sums.dy;
  g.a = layer.scale.to(at::kDouble) * r;
  if (training) {
    g.b = -g.a * r * g.scale / n;
    g.c = -g.a * g.shift / n - g.b * norm.mean;
  }
  return g;
}

variable_list FnoFunction::backward(AutogradContext* ctx, variable_list outputs) {
  const at::NoGradGuard guard;
  const auto saved = ctx->get_saved_variables();
  const auto dft = c10::static_intrusive_pointer_cast<TruncatedDft>(ctx->saved_data["dft"].toCapsule());
  const bool training = ctx->saved_data["training"].toBool();
  const auto leaf_count = static_cast<size_t>(ctx->saved_data["leaves"].toInt());
  const NetworkTensors net = network({saved.begin(), saved.begin() + static_cast<int64_t>(leaf_count)});
  const at::Tensor& input = saved[leaf_count];
  const auto field_of = [&](size_t l) { return saved[leaf_count + 1 + 4 * l]; };
  const auto modes_of = [&](size_t l) { return saved[leaf_count + 2 + 4 * l]; };
  const auto norm_of = [&](size_t l) { return Norm{saved[leaf_count + 3 + 4 * l], saved[leaf_count + 4 + 4 * l]}; };

  const Sizes s(*dft, input.size(0), net.fc0_weight.size(0));
  const auto& [t, h, w] = s.grid.crop;
  const int64_t n1 = s.grid.n[0], channels = input.size(4) - 4;
  const auto type = input.scalar_type();
  const auto options = input.options();
  const at::Tensor dout = outputs[0].contiguous();
  const bool input_gradient = ctx->needs_input_grad(0);

  // Inputs of apply: x, the transform, the settings, then the leaves.
  variable_list gradients(3 + leaf_count);
  const auto leaf = [&](size_t i) -> at::Tensor& { return gradients[3 + i]; };

  // Projection. dy is the gradient of each layer's BN output in turn; in padded cells it starts as zero.
  at::Tensor dy = s.field(options, s.width);
  NormSums sums;
  {
    const Norm norm = norm_of(net.layers.size() - 1);
    const auto [scale, shift] = affine(net.layers.back(), norm);
    const at::Tensor fc1 = net.fc1_weight.to(at::kDouble);
    // Rows are centred, so y = scale * row + shift of the norm.
    const at::Tensor matrix = (fc1 * scale).to(type);
    const at::Tensor bias = (net.fc1_bias + fc1.mv(net.layers.back().shift.to(at::kDouble))).to(type);
    const at::Tensor mean = norm.mean.to(type);
    at::Tensor d_fc2 = at::zeros_like(net.fc2_weight), d_matrix = at::zeros_like(net.fc1_weight);
    at::Tensor d_fc2_bias = at::zeros_like(net.fc2_bias), d_fc1_bias = at::zeros_like(net.fc1_bias);
    for_each_slab(s.batch, t, s.step, [&](int64_t b, int64_t first, int64_t count) {
      const at::Tensor data =
          field_of(net.layers.size() - 1)[b].narrow(0, first, count).narrow(1, 0, h).narrow(2, 0, w) - mean;
      const at::Tensor d = rows(dout[b].narrow(0, first, count));
      const at::Tensor hidden = at::addmm(bias, rows(data), matrix.t());
      d_fc2.addmm_(d.t(), at::gelu(hidden));
      d_fc2_bias += d.sum(0);
      const at::Tensor d_hidden = at::gelu_backward(d.mm(net.fc2_weight), hidden);
      d_matrix.addmm_(d_hidden.t(), rows(data));
      d_fc1_bias += d_hidden.sum(0);
      at::Tensor planes = dy[b].narrow(0, first, count);
      planes.narrow(1, h, planes.size(1) - h).zero_();
      planes.narrow(1, 0, h).narrow(2, w, planes.size(2) - w).zero_();
      planes.narrow(1, 0, h).narrow(2, 0, w).copy_(d_hidden.mm(net.fc1_weight).view(data.sizes()));
    });
    for (int64_t b = 0; b < s.batch; ++b) dy[b].narrow(0, t, n1 - t).zero_();
    const at::Tensor bias_sum = d_fc1_bias.to(at::kDouble), centred = d_matrix.to(at::kDouble);
    sums = {fc1.t().mv(bias_sum), (fc1 * centred).sum(0)};
    leaf(2) = (centred * scale + bias_sum.unsqueeze(1) * net.layers.back().shift.to(at::kDouble)).to(type);
    leaf(3) = d_fc1_bias;
    leaf(4) = d_fc2;
    leaf(5) = d_fc2_bias;
  }

  const at::Tensor lift = at::cat({net.fc0_weight, net.fc0_bias.unsqueeze(1)}, 1);
  at::Tensor dz = s.slab(options), v = s.slab(options);
  at::Tensor d_input = input_gradient ? s.field(options, input.size(4)) : at::Tensor();
  for (size_t l = net.layers.size(); l-- > 0;) {
    const LayerTensors& layer = net.layers[l];
    const bool first_layer = l == 0;
    const NormGradient norm = norm_gradient(layer, norm_of(l), sums, training, static_cast<double>(s.points()));
    const at::Tensor a = s.lines.tile(norm.a, type);
    const at::Tensor b_line = training ? s.lines.tile(norm.b, type) : at::Tensor();
    const at::Tensor c_line = training ? s.lines.tile(norm.c, type) : at::Tensor();
    const at::Tensor field = field_of(l);

    at::Tensor factor, offset, mean_line;
    if (!first_layer) {
      const Norm below = norm_of(l - 1);
      std::tie(factor, offset) = affine(net.layers[l - 1], below);
      factor = s.lines.tile(factor, type);
      offset = s.lines.tile(offset, type);
      mean_line = s.lines.tile(below.mean, type);
    }
    const at::Tensor map = first_layer ? layer.weight.mm(lift) : layer.weight;
    at::Tensor d_map = at::zeros_like(map);
    at::Tensor spectrum = dft->planes_buffer(s.batch, n1, s.width);
    for_each_slab(s.batch, n1, s.step, [&](int64_t b, int64_t first, int64_t count) {
      const at::Tensor dy_slab = dy[b].narrow(0, first, count), dz_slab = dz.narrow(0, 0, count);
      at::Tensor out = s.lines(dz_slab);
      if (training) {
        at::addcmul_out(out, c_line, s.lines(dy_slab), a);
        out.addcmul_(s.lines(field[b].narrow(0, first, count)), b_line);
      } else {
        at::mul_out(out, s.lines(dy_slab), a);
      }
      dft->synthesise_adjoint(dz_slab, spectrum[b].narrow(0, first, count));
      at::Tensor below = first_layer ? input[b].narrow(0, first, count) : v.narrow(0, 0, count);
      if (!first_layer) {
        normalise(s, field_of(l - 1)[b].narrow(0, first, count), factor, offset, below);
        at::gelu_(below);
      }
      d_map.addmm_(rows(dz_slab).t(), rows(below));
      if (!first_layer || input_gradient) {
        at::Tensor target = rows((first_layer ? d_input : dy)[b].narrow(0, first, count));
        at::mm_out(target, rows(dz_slab), map);
      }
    });

    at::Tensor d_mixed = dft->from_modes_adjoint(spectrum);
    dft->drop_overwritten(d_mixed);
    const at::Tensor modes = modes_of(l);
    MixGradients mix = mix_modes_backward(d_mixed, first_layer ? modes.matmul(lift.t()) : modes, layer.spectral);
    const size_t at = kBeforeLayers + kPerLayer * l;
    for (size_t block = 0; block < 4; ++block) leaf(at + block) = mix.weights[block];
    leaf(at + 5) = training ? at::zeros_like(layer.bias) : (norm.a * norm.shift).to(type);
    leaf(at + 6) = norm.scale.to(type);
    leaf(at + 7) = norm.shift.to(type);

    if (first_layer) {
      leaf(at + 4) = d_map.mm(lift.t());
      const at::Tensor d_lift = layer.weight.t().mm(d_map) + rows(mix.x).t().mm(rows(modes));
      leaf(0) = d_lift.narrow(1, 0, channels + 3).contiguous();
      leaf(1) = d_lift.select(1, channels + 3).contiguous();
      if (input_gradient) {
        spectrum = dft->to_modes_adjoint(mix.x.matmul(lift));
        for_each_slab(s.batch, n1, s.step, [&](int64_t b, int64_t first, int64_t count) {
          dft->analyse_adjoint_add(spectrum[b].narrow(0, first, count), d_input[b].narrow(0, first, count));
        });
        gradients[0] = d_input.narrow(1, 0, t).narrow(2, 0, h).narrow(3, 0, w).narrow(4, 0, channels).contiguous();
      }
      break;
    }

    leaf(at + 4) = d_map;
    spectrum = dft->to_modes_adjoint(mix.x);
    sums = {at::zeros({s.width}, options.dtype(at::kDouble)), at::zeros({s.width}, options.dtype(at::kDouble))};
    for_each_slab(s.batch, n1, s.step, [&](int64_t b, int64_t first, int64_t count) {
      at::Tensor dv = dy[b].narrow(0, first, count), y = v.narrow(0, 0, count);
      dft->analyse_adjoint_add(spectrum[b].narrow(0, first, count), dv);
      const at::Tensor below = field_of(l - 1)[b].narrow(0, first, count);
      normalise(s, below, factor, offset, y);
      at::gelu_backward_out(dv, dv, y);
      sums.dy += rows(dv).sum(0);
      at::Tensor centred = s.lines(y);
      at::sub_out(centred, s.lines(below), mean_line);
      y.mul_(dv);
      sums.dy_centred += rows(y).sum(0);
    });
  }
  return gradients;
}

}  // namespace

at::Tensor train(const NetworkTensors& net, const NormSettings& norm, const c10::intrusive_ptr<TruncatedDft>& grid,
                 const at::Tensor& x) {
  const std::vector<at::Tensor> list = leaves(net);
  return FnoFunction::apply(x, grid, norm, at::TensorList(list));
}

}  // namespace windtunnel::baselines::fno
