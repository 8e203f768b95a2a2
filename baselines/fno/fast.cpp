#include "baselines/fno/fast.h"

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

#include "baselines/fno/slabs.h"

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
        .copy_(at::linspace(0, 1, sizes.crop[static_cast<size_t>(axis)], x.options().dtype(at::kDouble))
                   .view(shape));
  }
  data.select(4, channels + 3).fill_(1);
  return lifted;
}

at::Tensor infer(const NetworkTensors& net, const NormSettings& norm, const TruncatedDft& grid,
                 const TruncatedDft& crop, const at::Tensor& x) {
  const at::NoGradGuard guard;
  const GridSizes& s = grid.sizes();
  const auto& [n1, n2, n3] = s.n;
  const auto& [t, h, w] = s.crop;
  const int64_t batch = x.size(0), width = net.fc0_weight.size(0),
                layers = static_cast<int64_t>(net.layers.size());
  const Slabs slabs(s, batch, width, x.device());

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
  const auto store = [&](int64_t layer, const at::Tensor& map, const at::Tensor& planes, const Slab& slab) {
    const int64_t channels = planes.size(3);
    if (layer + 1 < layers) {
      at::Tensor out = slab.of(field).view({-1, width});
      at::mm_out(out, planes.view({-1, channels}), map.t());
    } else if (slab.first < t) {
      const int64_t kept = std::min(slab.count, t - slab.first);
      const at::Tensor data = planes.narrow(0, 0, kept).narrow(1, 0, h).narrow(2, 0, w).contiguous();
      at::Tensor out = last[slab.sample].narrow(0, slab.first, kept).view({-1, width});
      at::mm_out(out, data.view({-1, channels}), map.t());
    }
  };

  const auto nothing = [] { return 0; };
  at::Tensor spectrum = grid.planes_buffer(batch, n1, input.size(4));
  const at::Tensor first_map = matrix[0].mm(lift);
  slabs.run(n1, nothing, [&](const Slab& slab, int) {
    const at::Tensor planes = slab.of(input);
    grid.analyse(planes, slab.of(spectrum));
    store(0, first_map, planes, slab);
  });

  at::Tensor out = at::empty({batch, t, h, w, net.fc2_weight.size(0)}, x.options());
  for (int64_t l = 0; l < layers; ++l) {
    const LayerTensors& layer = net.layers[static_cast<size_t>(l)];
    const at::Tensor& bias = offset[static_cast<size_t>(l)];
    at::Tensor modes = grid.to_modes(spectrum);
    if (l == 0) modes = modes.matmul(lift.t());
    modes = mix_modes(modes, layer.spectral).mul_(norm_scale[static_cast<size_t>(l)]);
    grid.drop_overwritten(modes);
    if (l + 1 < layers) {
      const at::Tensor mixed = grid.from_modes(modes);
      if (l == 0) spectrum = grid.planes_buffer(batch, n1, width);
      const auto scratch = [&] { return at::empty({slabs.step(), n2, n3, width}, x.options()); };
      slabs.run(n1, scratch, [&](const Slab& slab, const at::Tensor& activated) {
        const at::Tensor planes = slab.of(field);
        grid.synthesise_add(slab.of(mixed), bias, planes);
        at::Tensor v = activated.narrow(0, 0, slab.count);
        at::gelu_out(v, planes);
        grid.analyse(v, slab.of(spectrum));
        store(l + 1, matrix[static_cast<size_t>(l + 1)], v, slab);
      });
    } else {
      const at::Tensor mixed = crop.from_modes(modes);
      slabs.run(t, nothing, [&](const Slab& slab, int) {
        const at::Tensor planes = slab.of(last);
        crop.synthesise_add(slab.of(mixed), bias, planes);
        at::Tensor hidden = at::addmm(net.fc1_bias, planes.view({-1, width}), net.fc1_weight.t());
        at::gelu_(hidden);
        at::Tensor target = slab.of(out).view({-1, out.size(4)});
        at::addmm_out(target, net.fc2_bias, hidden, net.fc2_weight.t());
      });
    }
  }
  return out;
}

}  // namespace windtunnel::baselines::fno
