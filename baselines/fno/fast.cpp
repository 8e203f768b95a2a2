#include "baselines/fno/fast.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace windtunnel::baselines::fno {

at::Tensor lifted_input(const at::Tensor& x, const GridSizes& sizes) {
  const int64_t batch = x.size(0), channels = x.size(4);
  const auto& [t, h, w] = sizes.crop;
  at::Tensor lifted = at::zeros({batch, sizes.n[0], sizes.n[1], sizes.n[2], channels + 4}, x.options());
  at::Tensor data = lifted.narrow(1, 0, t).narrow(2, 0, h).narrow(3, 0, w);
  data.narrow(4, 0, channels).copy_(x);
  for (int64_t axis = 0; axis < 3; ++axis) {
    std::vector<int64_t> shape{1, 1, 1, 1};
    shape[static_cast<size_t>(axis + 1)] = sizes.crop[static_cast<size_t>(axis)];
    data.select(4, channels + axis)
        .copy_(at::linspace(0, 1, sizes.crop[static_cast<size_t>(axis)], x.options().dtype(at::kDouble)).view(shape));
  }
  data.select(4, channels + 3).fill_(1);
  return lifted;
}

int64_t slab_planes(const GridSizes& sizes, int64_t channels) {
  constexpr int64_t kBytesPerThread = 3 << 20;  // second-level cache and a share of the third
  const int64_t plane = sizes.n[1] * sizes.n[2] * channels * 4;
  return std::clamp<int64_t>(kBytesPerThread * at::get_num_threads() / plane, 1, sizes.n[0]);
}

at::Tensor infer(const NetworkTensors& net, const NormSettings& norm, const TruncatedDft& grid,
                 const TruncatedDft& crop, const at::Tensor& x) {
  const at::NoGradGuard guard;
  const GridSizes& s = grid.sizes();
  const auto& [n1, n2, n3] = s.n;
  const auto& [t, h, w] = s.crop;
  const int64_t batch = x.size(0), width = net.fc0_weight.size(0), layers = static_cast<int64_t>(net.layers.size());
  const int64_t step = slab_planes(s, width);

  const at::Tensor input = lifted_input(x, s);
  const at::Tensor lift = at::cat({net.fc0_weight, net.fc0_bias.unsqueeze(1)}, 1);
  // Layer l computes norm_scale * (K v + W v) + offset: the scale goes into W and into the mixed modes.
  std::vector<at::Tensor> norm_scale, matrix, offset;
  for (const auto& layer : net.layers) {
    norm_scale.push_back(layer.scale * at::rsqrt(layer.running_var + norm.epsilon));
    matrix.push_back(layer.weight * norm_scale.back().unsqueeze(1));
    offset.push_back(layer.shift + norm_scale.back() * (layer.bias - layer.running_mean));
  }

  // `field` holds the running layer's W v until the inverse transform is added; the last layer's is cropped.
  at::Tensor field = layers > 1 ? at::empty({batch, n1, n2, n3, width}, x.options()) : at::Tensor();
  at::Tensor last = at::empty({batch, t, h, w, width}, x.options());
  const auto store = [&](int64_t layer, const at::Tensor& map, const at::Tensor& planes, int64_t b, int64_t first) {
    const int64_t count = planes.size(0), channels = planes.size(3);
    if (layer + 1 < layers) {
      at::Tensor out = field[b].narrow(0, first, count).view({count * n2 * n3, width});
      at::mm_out(out, planes.view({count * n2 * n3, channels}), map.t());
    } else if (first < t) {
      const int64_t kept = std::min(count, t - first);
      const at::Tensor data = planes.narrow(0, 0, kept).narrow(1, 0, h).narrow(2, 0, w).contiguous();
      at::Tensor out = last[b].narrow(0, first, kept).view({kept * h * w, width});
      at::mm_out(out, data.view({kept * h * w, channels}), map.t());
    }
  };

  at::Tensor spectrum = grid.planes_buffer(batch, n1, input.size(4));
  const at::Tensor first_map = matrix[0].mm(lift);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t first = 0; first < n1; first += step) {
      const int64_t count = std::min(step, n1 - first);
      const at::Tensor planes = input[b].narrow(0, first, count);
      grid.analyse(planes, spectrum[b].narrow(0, first, count));
      store(0, first_map, planes, b, first);
    }

  at::Tensor activated = at::empty({step, n2, n3, width}, x.options());
  at::Tensor out = at::empty({batch, t, h, w, net.fc2_weight.size(0)}, x.options());
  for (int64_t l = 0; l < layers; ++l) {
    const LayerTensors& layer = net.layers[static_cast<size_t>(l)];
    const bool is_last = l + 1 == layers;
    at::Tensor modes = grid.to_modes(spectrum);
    if (l == 0) modes = modes.matmul(lift.t());
    modes = mix_modes(modes, layer.spectral).mul_(norm_scale[static_cast<size_t>(l)]);
    grid.drop_overwritten(modes);
    const TruncatedDft& inverse = is_last ? crop : grid;
    const at::Tensor mixed = inverse.from_modes(modes);
    if (l == 0 && !is_last) spectrum = grid.planes_buffer(batch, n1, width);
    const int64_t frames = is_last ? t : n1;
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t first = 0; first < frames; first += step) {
        const int64_t count = std::min(step, frames - first);
        const at::Tensor planes = (is_last ? last : field)[b].narrow(0, first, count);
        inverse.synthesise_add(mixed[b].narrow(0, first, count), offset[static_cast<size_t>(l)], planes);
        if (!is_last) {
          at::Tensor v = activated.narrow(0, 0, count);
          at::gelu_out(v, planes);
          grid.analyse(v, spectrum[b].narrow(0, first, count));
          store(l + 1, matrix[static_cast<size_t>(l + 1)], v, b, first);
        } else {
          const int64_t rows = count * h * w;
          const at::Tensor hidden =
              at::gelu(at::addmm(net.fc1_bias, planes.view({rows, width}), net.fc1_weight.t()));
          at::Tensor target = out[b].narrow(0, first, count).view({rows, out.size(4)});
          at::addmm_out(target, net.fc2_bias, hidden, net.fc2_weight.t());
        }
      }
  }
  return out;
}

}  // namespace windtunnel::baselines::fno
