#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "baselines/fno/fast.h"
#include "baselines/fno/slabs.h"

namespace windtunnel::baselines::fno {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr size_t kBeforeLayers = 6, kPerLayer = 10;  // in the list of leaves

/// Leaves in the order of the autograd function's inputs.
std::vector<at::Tensor> leaves(const NetworkTensors& net) {
  std::vector<at::Tensor> list{net.fc0_weight, net.fc0_bias,   net.fc1_weight,
                               net.fc1_bias,   net.fc2_weight, net.fc2_bias};
  for (const auto& layer : net.layers) {
    list.insert(list.end(), layer.spectral.begin(), layer.spectral.end());
    list.insert(list.end(),
                {layer.weight, layer.bias, layer.scale, layer.shift, layer.running_mean, layer.running_var});
  }
  return list;
}

NetworkTensors network(at::TensorList list) {
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

/// Statistics of one batch norm per channel, float64.
struct Norm {
  at::Tensor mean, inverse_deviation;
};

/// y = factor * z + offset per channel, float64.
struct Affine {
  Affine(const LayerTensors& layer, const Norm& norm)
      : factor(layer.scale.to(at::kDouble) * norm.inverse_deviation),
        offset(layer.shift.to(at::kDouble) - factor * norm.mean) {}
  at::Tensor factor, offset;
};

at::Tensor rows(const at::Tensor& planes) { return planes.view({-1, planes.size(-1)}); }

/// A slab as rows of whole lines, (g*N2, N3*C), so that per-channel vectors repeated along a line act in long
/// loops.
at::Tensor lines(const at::Tensor& planes) { return planes.view({-1, planes.size(2) * planes.size(3)}); }

/// What forward and backward share.
struct Frame {
  Frame(const TruncatedDft& dft, const at::Tensor& like, int64_t width)
      : grid(dft.sizes()),
        batch(like.size(0)),
        width(width),
        options(like.options()),
        slabs(grid, batch, width, like.device()) {}

  at::Tensor field(int64_t channels) const {
    return at::empty({batch, grid.n[0], grid.n[1], grid.n[2], channels}, options);
  }
  at::Tensor slab() const { return at::empty({slabs.step(), grid.n[1], grid.n[2], width}, options); }
  /// Zeros to be summed over slabs afterwards.
  at::Tensor per_slab(int64_t frames, at::IntArrayRef shape) const {
    std::vector<int64_t> sizes{slabs.count(frames)};
    sizes.insert(sizes.end(), shape.begin(), shape.end());
    return at::empty(sizes, options);
  }
  at::Tensor tile(const at::Tensor& channels) const {
    return channels.to(options.dtype()).repeat({grid.n[2]});
  }
  at::Tensor single(const at::Tensor& values) const { return values.to(options.dtype()); }
  double points() const { return static_cast<double>(batch * grid.points()); }

  const GridSizes& grid;
  int64_t batch, width;
  at::TensorOptions options;
  Slabs slabs;
};

at::Tensor slab_sum(const at::Tensor& partial) { return at::sum(partial, {0}, false, at::kDouble); }

/// gelu(BN(z)) or, without `activate`, BN(z) of one slab; factor and offset are tiled along a line.
void apply_norm(const at::Tensor& planes, const at::Tensor& factor, const at::Tensor& offset, at::Tensor y,
                bool activate) {
  at::Tensor out = lines(y);
  at::addcmul_out(out, offset, lines(planes), factor);
  if (activate) at::gelu_(out);
}

/// Batch statistics of a field around `pivot`, the first value of each channel: no cancellation however far
/// the mean is from zero. `sums` (slabs, 2, C).
struct BatchStatistics {
  at::Tensor mean, variance;
  BatchStatistics(const at::Tensor& sums, const at::Tensor& pivot, double n) {
    const at::Tensor total = slab_sum(sums) / n;
    mean = total[0] + pivot.to(at::kDouble);
    variance = (total[1] - total[0] * total[0]).clamp_min(0);
  }
};

void update_running(const LayerTensors& layer, const BatchStatistics& batch, double momentum, double n) {
  at::Tensor mean = layer.running_mean, variance = layer.running_var;
  mean.mul_(1 - momentum).add_(batch.mean.to(mean.dtype()), momentum);
  variance.mul_(1 - momentum).add_((batch.variance * (n / (n - 1))).to(variance.dtype()), momentum);
}

struct FnoFunction : torch::autograd::Function<FnoFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const c10::intrusive_ptr<TruncatedDft>& dft, const NormSettings& norm,
                            at::TensorList list);
  static variable_list backward(AutogradContext* ctx, variable_list outputs);
};

at::Tensor FnoFunction::forward(AutogradContext* ctx, const at::Tensor& x,
                                const c10::intrusive_ptr<TruncatedDft>& dft, const NormSettings& settings,
                                at::TensorList list) {
  const NetworkTensors net = network(list);
  const at::Tensor input = lifted_input(x, dft->sizes());
  const Frame f(*dft, input, net.fc0_weight.size(0));
  const auto& [t, h, w] = f.grid.crop;
  const int64_t n1 = f.grid.n[0];
  const at::Tensor lift = at::cat({net.fc0_weight, net.fc0_bias.unsqueeze(1)}, 1);
  const auto scratch = [&f] { return f.slab(); };
  const auto nothing = [] { return 0; };

  variable_list saved(list.begin(), list.end());
  for (size_t l = 0; l < net.layers.size(); ++l)  // running statistics change with every forward pass
    saved[kBeforeLayers + kPerLayer * l + 8] = saved[kBeforeLayers + kPerLayer * l + 9] = at::Tensor();
  saved.push_back(input);

  at::Tensor previous, factor, offset;
  Norm norm;
  for (size_t l = 0; l < net.layers.size(); ++l) {
    const LayerTensors& layer = net.layers[l];
    const at::Tensor map = l == 0 ? layer.weight.mm(lift) : layer.weight;
    at::Tensor spectrum = dft->planes_buffer(f.batch, n1, map.size(1));
    const at::Tensor field = f.field(f.width);
    f.slabs.run(n1, scratch, [&](const Slab& slab, const at::Tensor& buffer) {
      at::Tensor v = l == 0 ? slab.of(input) : buffer.narrow(0, 0, slab.count);
      if (l > 0) apply_norm(slab.of(previous), factor, offset, v, true);
      dft->analyse(v, slab.of(spectrum));
      at::Tensor out = rows(slab.of(field));
      at::mm_out(out, rows(v), map.t());
    });
    const at::Tensor modes = dft->to_modes(spectrum);
    const at::Tensor mixed = mix_modes(l == 0 ? modes.matmul(lift.t()) : modes, layer.spectral);
    dft->drop_overwritten(mixed);
    spectrum = dft->from_modes(mixed);

    at::Tensor pivot, pivot_line, sums;
    if (settings.training) {
      dft->synthesise_add(spectrum[0].narrow(0, 0, 1), layer.bias, field[0].narrow(0, 0, 1));
      pivot = field[0][0][0][0].clone();
      pivot_line = f.tile(pivot);
      sums = f.per_slab(n1, {2, f.width});
    }
    f.slabs.run(n1, scratch, [&](const Slab& slab, const at::Tensor& buffer) {
      const at::Tensor planes = slab.of(field);
      if (!settings.training) return dft->synthesise_add(slab.of(spectrum), layer.bias, planes);
      const int64_t done = slab.index == 0 ? 1 : 0;  // the plane that gave the pivot
      if (slab.count > done)
        dft->synthesise_add(slab.of(spectrum).narrow(0, done, slab.count - done), layer.bias,
                            planes.narrow(0, done, slab.count - done));
      const at::Tensor centred = buffer.narrow(0, 0, slab.count);
      at::Tensor out = lines(centred), sum = sums[slab.index][0], squares = sums[slab.index][1];
      at::sub_out(out, lines(planes), pivot_line);
      at::sum_out(sum, rows(centred), {0});
      out.mul_(out);
      at::sum_out(squares, rows(centred), {0});
    });

    if (settings.training) {
      const BatchStatistics batch(sums, pivot, f.points());
      norm = {batch.mean, at::rsqrt(batch.variance + settings.epsilon)};
      update_running(layer, batch, settings.momentum, f.points());
    } else {
      norm = {layer.running_mean.to(at::kDouble),
              at::rsqrt(layer.running_var.to(at::kDouble) + settings.epsilon)};
    }
    const Affine affine(layer, norm);
    factor = f.tile(affine.factor);
    offset = f.tile(affine.offset);
    saved.insert(saved.end(), {field, modes, norm.mean, norm.inverse_deviation});
    previous = field;
  }

  // The last batch norm has no activation: it folds into fc1.
  const Affine affine(net.layers.back(), norm);
  const at::Tensor fc1 = net.fc1_weight.to(at::kDouble);
  const at::Tensor matrix = f.single(fc1 * affine.factor),
                   bias = f.single(net.fc1_bias + fc1.mv(affine.offset));
  const at::Tensor out = at::empty({f.batch, t, h, w, net.fc2_weight.size(0)}, f.options);
  f.slabs.run(t, nothing, [&](const Slab& slab, int) {
    const at::Tensor data = slab.of(previous).narrow(1, 0, h).narrow(2, 0, w).contiguous();
    at::Tensor hidden = at::addmm(bias, rows(data), matrix.t());
    at::gelu_(hidden);
    at::Tensor target = rows(slab.of(out));
    at::addmm_out(target, net.fc2_bias, hidden, net.fc2_weight.t());
  });

  ctx->save_for_backward(std::move(saved));
  ctx->saved_data["dft"] = c10::IValue::make_capsule(dft);
  ctx->saved_data["training"] = settings.training;
  ctx->saved_data["leaves"] = static_cast<int64_t>(list.size());
  return out;
}

/// Tensors that forward kept, in its order.
struct Saved {
  Saved(AutogradContext* ctx) : all(ctx->get_saved_variables()), leaves(ctx->saved_data["leaves"].toInt()) {}
  at::TensorList leaf_list() const { return at::TensorList(all).slice(0, static_cast<size_t>(leaves)); }
  const at::Tensor& input() const { return all[at(0, 0)]; }
  const at::Tensor& field(size_t layer) const { return all[at(layer, 1)]; }
  const at::Tensor& modes(size_t layer) const { return all[at(layer, 2)]; }
  Norm norm(size_t layer) const { return {all[at(layer, 3)], all[at(layer, 4)]}; }

 private:
  size_t at(size_t layer, size_t entry) const { return static_cast<size_t>(leaves) + 4 * layer + entry; }
  variable_list all;
  int64_t leaves;
};

/// Sums over all points, per channel in float64, of the gradient dy of a batch norm's output and of dy * (z -
/// mean).
struct NormSums {
  at::Tensor dy, dy_centred;
};

/// Gradient of a batch norm: dz = a dy + b z + c per channel, b and c only with batch statistics.
struct NormGradient {
  NormGradient(const LayerTensors& layer, const Norm& norm, const NormSums& sums, bool training, double n) {
    scale = sums.dy_centred * norm.inverse_deviation;
    shift = sums.dy;
    a = layer.scale.to(at::kDouble) * norm.inverse_deviation;
    if (!training) return;
    b = -a * norm.inverse_deviation * scale / n;
    c = -a * shift / n - b * norm.mean;
  }
  at::Tensor a, b, c, scale, shift;
};

/// Gradients of fc1 and fc2, and of the last batch norm's output into `dy` (zero in padded cells).
struct Projection {
  at::Tensor fc1_weight, fc1_bias, fc2_weight, fc2_bias;
  NormSums sums;
};

Projection project_backward(const Frame& f, const NetworkTensors& net, const Norm& norm,
                            const at::Tensor& field, const at::Tensor& dout, const at::Tensor& dy) {
  const auto& [t, h, w] = f.grid.crop;
  const int64_t n1 = f.grid.n[0], hidden_size = net.fc1_weight.size(0), out_size = net.fc2_weight.size(0);
  const LayerTensors& layer = net.layers.back();
  const Affine affine(layer, norm);
  const at::Tensor fc1 = net.fc1_weight.to(at::kDouble), shift = layer.shift.to(at::kDouble);
  // Rows are centred, so BN(z) = factor * row + shift of the norm.
  const at::Tensor matrix = f.single(fc1 * affine.factor), bias = f.single(net.fc1_bias + fc1.mv(shift));
  const at::Tensor mean = f.single(norm.mean);
  at::Tensor d_matrix = f.per_slab(n1, {hidden_size, f.width}), d_fc1_bias = f.per_slab(n1, {hidden_size});
  at::Tensor d_fc2 = f.per_slab(n1, {out_size, hidden_size}), d_fc2_bias = f.per_slab(n1, {out_size});
  f.slabs.run(
      n1, [] { return 0; },
      [&](const Slab& slab, int) {
        const int64_t i = slab.index, kept = std::clamp<int64_t>(t - slab.first, 0, slab.count);
        at::Tensor planes = slab.of(dy);
        if (kept < slab.count) planes.narrow(0, kept, slab.count - kept).zero_();
        at::Tensor matrix_out = d_matrix[i], fc2_out = d_fc2[i], fc1_bias_out = d_fc1_bias[i],
                   fc2_bias_out = d_fc2_bias[i];
        if (kept == 0) {
          for (auto* out : {&matrix_out, &fc2_out, &fc1_bias_out, &fc2_bias_out}) out->zero_();
          return;
        }
        planes = planes.narrow(0, 0, kept);
        const at::Tensor data = slab.of(field).narrow(0, 0, kept).narrow(1, 0, h).narrow(2, 0, w) - mean;
        const at::Tensor d = rows(dout[slab.sample].narrow(0, slab.first, kept));
        const at::Tensor hidden = at::addmm(bias, rows(data), matrix.t());
        at::mm_out(fc2_out, d.t(), at::gelu(hidden));
        at::sum_out(fc2_bias_out, d, {0});
        at::Tensor d_hidden = d.mm(net.fc2_weight);
        at::gelu_backward_out(d_hidden, d_hidden, hidden);
        at::mm_out(matrix_out, d_hidden.t(), rows(data));
        at::sum_out(fc1_bias_out, d_hidden, {0});
        planes.narrow(1, h, planes.size(1) - h).zero_();
        planes.narrow(1, 0, h).narrow(2, w, planes.size(2) - w).zero_();
        planes.narrow(1, 0, h).narrow(2, 0, w).copy_(d_hidden.mm(net.fc1_weight).view(data.sizes()));
      });
  const at::Tensor bias_sum = slab_sum(d_fc1_bias), centred = slab_sum(d_matrix);
  return {f.single(centred * affine.factor + bias_sum.unsqueeze(1) * shift),
          f.single(bias_sum),
          f.single(slab_sum(d_fc2)),
          f.single(slab_sum(d_fc2_bias)),
          {fc1.t().mv(bias_sum), at::sum(fc1 * centred, {0})}};
}

variable_list FnoFunction::backward(AutogradContext* ctx, variable_list outputs) {
  const at::NoGradGuard guard;
  const Saved saved(ctx);
  const auto dft = c10::static_intrusive_pointer_cast<TruncatedDft>(ctx->saved_data["dft"].toCapsule());
  const bool training = ctx->saved_data["training"].toBool(), input_gradient = ctx->needs_input_grad(0);
  const NetworkTensors net = network(saved.leaf_list());
  const at::Tensor& input = saved.input();
  const Frame f(*dft, input, net.fc0_weight.size(0));
  const int64_t n1 = f.grid.n[0], channels = input.size(4) - 4;

  // Inputs of apply: x, the transform, the settings, then the leaves.
  variable_list gradients(3 + saved.leaf_list().size());
  const auto leaf = [&](size_t i) -> at::Tensor& { return gradients[3 + i]; };

  const size_t last = net.layers.size() - 1;
  const at::Tensor dy = f.field(f.width);  // gradient of each layer's normalised output in turn
  Projection projection =
      project_backward(f, net, saved.norm(last), saved.field(last), outputs[0].contiguous(), dy);
  leaf(2) = projection.fc1_weight;
  leaf(3) = projection.fc1_bias;
  leaf(4) = projection.fc2_weight;
  leaf(5) = projection.fc2_bias;
  NormSums sums = projection.sums;

  struct Scratch {
    at::Tensor dz, v;
  };
  const auto scratch = [&f] { return Scratch{f.slab(), f.slab()}; };
  const at::Tensor lift = at::cat({net.fc0_weight, net.fc0_bias.unsqueeze(1)}, 1);
  for (size_t l = net.layers.size(); l-- > 0;) {
    const LayerTensors& layer = net.layers[l];
    const bool first_layer = l == 0;
    const NormGradient norm(layer, saved.norm(l), sums, training, f.points());
    const at::Tensor a = f.tile(norm.a);
    const at::Tensor b = training ? f.tile(norm.b) : at::Tensor(),
                     c = training ? f.tile(norm.c) : at::Tensor();
    at::Tensor factor, offset, mean;
    if (!first_layer) {
      const Affine affine(net.layers[l - 1], saved.norm(l - 1));
      factor = f.tile(affine.factor);
      offset = f.tile(affine.offset);
      mean = f.tile(saved.norm(l - 1).mean);
    }

    // Through the batch norm, the pointwise convolution and the inverse transform.
    const at::Tensor map = first_layer ? layer.weight.mm(lift) : layer.weight;
    const at::Tensor d_below = !first_layer ? dy : input_gradient ? f.field(input.size(4)) : at::Tensor();
    const at::Tensor d_maps = f.per_slab(n1, map.sizes());
    at::Tensor spectrum = dft->planes_buffer(f.batch, n1, f.width);
    f.slabs.run(n1, scratch, [&](const Slab& slab, const Scratch& buffer) {
      const at::Tensor dz = buffer.dz.narrow(0, 0, slab.count);
      at::Tensor out = lines(dz);
      if (training) {
        at::addcmul_out(out, c, lines(slab.of(dy)), a);
        out.addcmul_(lines(slab.of(saved.field(l))), b);
      } else {
        at::mul_out(out, lines(slab.of(dy)), a);
      }
      dft->synthesise_adjoint(dz, slab.of(spectrum));
      const at::Tensor below = first_layer ? slab.of(input) : buffer.v.narrow(0, 0, slab.count);
      if (!first_layer) apply_norm(slab.of(saved.field(l - 1)), factor, offset, below, true);
      at::Tensor d_map = d_maps[slab.index];
      at::mm_out(d_map, rows(dz).t(), rows(below));
      if (d_below.defined()) {
        at::Tensor target = rows(slab.of(d_below));
        at::mm_out(target, rows(dz), map);
      }
    });
    const at::Tensor d_map = f.single(slab_sum(d_maps));

    const at::Tensor d_mixed = dft->from_modes_adjoint(spectrum), modes = saved.modes(l);
    dft->drop_overwritten(d_mixed);
    MixGradients mix =
        mix_modes_backward(d_mixed, first_layer ? modes.matmul(lift.t()) : modes, layer.spectral);
    const size_t at = kBeforeLayers + kPerLayer * l;
    for (size_t block = 0; block < 4; ++block) leaf(at + block) = mix.weights[block];
    leaf(at + 4) = first_layer ? d_map.mm(lift.t()) : d_map;
    leaf(at + 5) = training ? at::zeros_like(layer.bias) : f.single(norm.a * norm.shift);
    leaf(at + 6) = f.single(norm.scale);
    leaf(at + 7) = f.single(norm.shift);

    if (first_layer) {
      const at::Tensor d_lift = layer.weight.t().mm(d_map) + rows(mix.x).t().mm(rows(modes));
      leaf(0) = d_lift.narrow(1, 0, channels + 3).contiguous();
      leaf(1) = d_lift.select(1, channels + 3).contiguous();
      if (!input_gradient) break;
    }

    // Through the forward transform, and the activation below.
    spectrum = dft->to_modes_adjoint(first_layer ? mix.x.matmul(lift) : mix.x);
    const at::Tensor partial = first_layer ? at::Tensor() : f.per_slab(n1, {2, f.width});
    f.slabs.run(n1, scratch, [&](const Slab& slab, const Scratch& buffer) {
      at::Tensor dv = slab.of(d_below);
      dft->analyse_adjoint_add(slab.of(spectrum), dv);
      if (first_layer) return;
      const at::Tensor y = buffer.v.narrow(0, 0, slab.count), below = slab.of(saved.field(l - 1));
      apply_norm(below, factor, offset, y, false);
      at::gelu_backward_out(dv, dv, y);
      at::Tensor sum = partial[slab.index][0], centred_sum = partial[slab.index][1], centred = lines(y);
      at::sum_out(sum, rows(dv), {0});
      at::sub_out(centred, lines(below), mean);
      centred.mul_(lines(dv));
      at::sum_out(centred_sum, rows(y), {0});
    });
    if (first_layer) {
      const auto& [t, h, w] = f.grid.crop;
      gradients[0] =
          d_below.narrow(1, 0, t).narrow(2, 0, h).narrow(3, 0, w).narrow(4, 0, channels).contiguous();
    } else {
      const at::Tensor total = slab_sum(partial);
      sums = {total[0], total[1]};
    }
  }
  return gradients;
}

}  // namespace

at::Tensor train(const NetworkTensors& net, const NormSettings& norm,
                 const c10::intrusive_ptr<TruncatedDft>& grid, const at::Tensor& x) {
  const std::vector<at::Tensor> list = leaves(net);
  return FnoFunction::apply(x, grid, norm, at::TensorList(list));
}

}  // namespace windtunnel::baselines::fno
