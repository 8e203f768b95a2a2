#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <vector>

#include "baselines/fno/dft.h"

namespace windtunnel::baselines::fno {

/// One Fourier layer: v -> BN(K(v) + W v + b).
struct LayerTensors {
  std::array<at::Tensor, 4> spectral;  ///< (m1,m2,m3,w,w,2)
  at::Tensor weight, bias;             ///< W (w,w), b (w)
  at::Tensor scale, shift;             ///< of the batch norm, (w)
  at::Tensor running_mean, running_var;
};

/// Everything the network consists of, by reference to its leaves.
struct NetworkTensors {
  at::Tensor fc0_weight, fc0_bias, fc1_weight, fc1_bias, fc2_weight, fc2_bias;
  std::vector<LayerTensors> layers;
};

struct NormSettings {
  double epsilon = 1e-5, momentum = 0.1;
  bool training = false;
};

/// x (B,T,H,W,C) with the coordinates t, h, w (each 0..1) and a one appended, zero-padded at the end of each
/// axis to (B,N1,N2,N3,C+4): the lift and its bias are then one matrix, and padded cells stay zero.
at::Tensor lifted_input(const at::Tensor& x, const GridSizes& sizes);

/// The whole network for inference in eval mode, (B,T,H,W,D). Batch norms are folded into the matrices; one
/// buffer of the padded field is all the memory it needs besides small spectra. `grid` produces the whole
/// padded grid, `crop` only its data part (the last layer needs no more).
at::Tensor infer(const NetworkTensors& net, const NormSettings& norm, const TruncatedDft& grid,
                 const TruncatedDft& crop, const at::Tensor& x);

/// The same with gradients and, in train mode, batch statistics (running ones are updated in place). Keeps
/// one field per layer for the backward pass and recomputes activations there; works plane by plane so that a
/// field is read and written as few times as possible. The gradient of a convolution bias in front of a batch
/// norm in train mode is exactly zero and returned as such.
at::Tensor train(const NetworkTensors& net, const NormSettings& norm,
                 const c10::intrusive_ptr<TruncatedDft>& grid, const at::Tensor& x);

}  // namespace windtunnel::baselines::fno
