#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <vector>

#include "baselines/lanes.h"
#include "baselines/simd.h"
#include "baselines/unet/blocks.h"
#include "baselines/unet/fast.h"

// Group norm and SiLU in one layer: two reads of x and one write forward. The backward pass reads x and the
// gradient twice and writes once; it keeps x only.
namespace windtunnel::baselines::unet::fast {

namespace {

using simd::Floats;
using simd::kLanes;
using simd::load;
using simd::store;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// x as B samples of `rows` rows of `channels` floats, cut into pieces of whole rows.
struct Layout {
  int64_t batch, rows, channels, piece_rows, pieces;  ///< pieces per sample

  explicit Layout(const at::Tensor& x)
      : batch(x.size(0)), rows(x[0].numel() / x.size(-1)), channels(x.size(-1)) {
    piece_rows = std::max<int64_t>(1, (int64_t{1} << 17) / channels);
    pieces = (rows + piece_rows - 1) / piece_rows;
  }
  int64_t group_size() const { return channels / kGroups; }

  /// body(sample, piece index over all samples, offset of the first float, number of rows)
  template <class Body>
  void run(const Body& body) const {
    run_lanes(batch * pieces, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t sample = piece / pieces, first = (piece % pieces) * piece_rows;
        body(sample, piece, (sample * rows + first) * channels, std::min(piece_rows, rows - first));
      }
    });
  }
};

/// Rows whose values are summed in float before they go to double.
int64_t block_rows(int64_t channels) { return std::max<int64_t>(4, 4096 / channels); }

/// Sums of x - shift and its square per channel.
WINDTUNNEL_CLONES void add_moments(const float* x, const float* shift, int64_t rows, int64_t channels,
                                   double* sums, double* squares) {
  const int64_t block = block_rows(channels);
  for (int64_t first = 0; first < rows; first += block) {
    const int64_t count = std::min(block, rows - first);
    for (int64_t c = 0; c < channels; c += kLanes) {
      Floats s, v, total{}, total2{};
      load(s, shift + c);
      const float* from = x + first * channels + c;
      for (int64_t row = 0; row < count; ++row, from += channels) {
        load(v, from);
        v -= s;
        total += v;
        total2 += v * v;
      }
      for (int64_t i = 0; i < kLanes; ++i) {
        sums[c + i] += total[i];
        squares[c + i] += total2[i];
      }
    }
  }
}

WINDTUNNEL_CLONES void activate(const float* x, const float* factor, const float* offset,
                                const float* residual, float* y, int64_t rows, int64_t channels) {
  Floats v, a, b, s, r{};
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int64_t at = row * channels + c;
      load(v, x + at);
      load(a, factor + c);
      load(b, offset + c);
      if (residual) load(r, residual + at);
      v = v * a + b;
      s = v;
      simd::logistic(s);
      store(v * s + r, y + at);
    }
}

/// dz = dy * SiLU'(z), z = x * factor + offset; sums of dz and of dz * (x - mean) per channel.
WINDTUNNEL_CLONES void through_silu(const float* x, const float* dy, const float* factor, const float* offset,
                                    const float* mean, float* dz, int64_t rows, int64_t channels,
                                    double* sums, double* products) {
  const int64_t block = block_rows(channels);
  for (int64_t first = 0; first < rows; first += block) {
    const int64_t count = std::min(block, rows - first);
    for (int64_t c = 0; c < channels; c += kLanes) {
      Floats v, d, a, b, m, s, z, total{}, total2{};
      load(a, factor + c);
      load(b, offset + c);
      load(m, mean + c);
      for (int64_t row = 0; row < count; ++row) {
        const int64_t at = (first + row) * channels + c;
        load(v, x + at);
        load(d, dy + at);
        z = v * a + b;
        s = z;
        simd::logistic(s);
        d *= s * (1.0f + z * (1.0f - s));
        store(d, dz + at);
        total += d;
        total2 += d * (v - m);
      }
      for (int64_t i = 0; i < kLanes; ++i) {
        sums[c + i] += total[i];
        products[c + i] += total2[i];
      }
    }
  }
}

/// dz <- dz * factor + (x - mean) * slope + offset
WINDTUNNEL_CLONES void through_norm(const float* x, const float* factor, const float* slope,
                                    const float* mean, const float* offset, float* dz, int64_t rows,
                                    int64_t channels) {
  Floats v, d, a, b, m, k;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int64_t at = row * channels + c;
      load(v, x + at);
      load(d, dz + at);
      load(a, factor + c);
      load(b, slope + c);
      load(m, mean + c);
      load(k, offset + c);
      store(d * a + (v - m) * b + k, dz + at);
    }
}

/// Per sample and channel: mean and 1/deviation of the channel's group, factor and offset of the affine map.
struct Affine {
  std::vector<float> mean, inverse, factor, offset;
};

/// (B,C) values from rows of sums per piece, added in piece order.
std::vector<double> add_pieces(const std::vector<double>& parts, const Layout& l) {
  std::vector<double> totals(static_cast<size_t>(l.batch * l.channels), 0.0);
  for (int64_t b = 0; b < l.batch; ++b)
    for (int64_t piece = 0; piece < l.pieces; ++piece)
      for (int64_t c = 0; c < l.channels; ++c)
        totals[static_cast<size_t>(b * l.channels + c)] +=
            parts[static_cast<size_t>((b * l.pieces + piece) * l.channels + c)];
  return totals;
}

Affine statistics(const Layout& l, const float* x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto total = static_cast<size_t>(l.batch * l.pieces * l.channels);
  std::vector<double> sums(total, 0.0), squares(total, 0.0);
  l.run([&](int64_t sample, int64_t piece, int64_t offset, int64_t rows) {
    // The first row of the sample as shift: no cancellation when the mean is large.
    add_moments(x + offset, x + sample * l.rows * l.channels, rows, l.channels, &sums[piece * l.channels],
                &squares[piece * l.channels]);
  });
  sums = add_pieces(sums, l);
  squares = add_pieces(squares, l);

  Affine affine;
  const auto size = static_cast<size_t>(l.batch * l.channels);
  for (auto* list : {&affine.mean, &affine.inverse, &affine.factor, &affine.offset}) list->resize(size);
  const auto n = static_cast<double>(l.rows);
  const float *w = weight.const_data_ptr<float>(), *k = bias.const_data_ptr<float>();
  for (int64_t b = 0; b < l.batch; ++b)
    for (int64_t g = 0; g < kGroups; ++g) {
      const int64_t first = g * l.group_size();
      const float* shift = x + b * l.rows * l.channels;
      const auto channel_mean = [&](int64_t c) {
        return shift[c] + sums[static_cast<size_t>(b * l.channels + c)] / n;
      };
      double mean = 0, variance = 0;
      for (int64_t c = first; c < first + l.group_size(); ++c) mean += channel_mean(c);
      mean /= static_cast<double>(l.group_size());
      for (int64_t c = first; c < first + l.group_size(); ++c) {
        const double s = sums[static_cast<size_t>(b * l.channels + c)], d = channel_mean(c) - mean;
        variance += squares[static_cast<size_t>(b * l.channels + c)] - s * s / n + n * d * d;
      }
      variance /= n * static_cast<double>(l.group_size());
      const double inverse = 1 / std::sqrt(std::max(variance, 0.0) + 1e-5);
      for (int64_t c = first; c < first + l.group_size(); ++c) {
        const auto at = static_cast<size_t>(b * l.channels + c);
        const int64_t from = (weight.size(0) == 1 ? 0 : b * l.channels) + c;
        affine.mean[at] = static_cast<float>(mean);
        affine.inverse[at] = static_cast<float>(inverse);
        affine.factor[at] = static_cast<float>(inverse * w[from]);
        affine.offset[at] = static_cast<float>(k[from] - mean * inverse * w[from]);
      }
    }
  return affine;
}

class GroupNormSilu : public torch::autograd::Function<GroupNormSilu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& residual) {
    const Layout l(x);
    const at::Tensor w = weight.contiguous(), k = bias.contiguous();
    const at::Tensor r = residual.numel() > 0 ? residual.contiguous() : at::Tensor();
    const float* from = x.const_data_ptr<float>();
    const float* extra = r.defined() ? r.const_data_ptr<float>() : nullptr;
    const Affine affine = statistics(l, from, w, k);
    at::Tensor y = at::empty_like(x);
    float* to = y.data_ptr<float>();
    l.run([&](int64_t sample, int64_t, int64_t offset, int64_t rows) {
      const int64_t at = sample * l.channels;
      activate(from + offset, &affine.factor[at], &affine.offset[at], extra ? extra + offset : nullptr,
               to + offset, rows, l.channels);
    });
    context->save_for_backward({x, w, k});
    context->saved_data["residual"] = r.defined();
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2];
    const at::Tensor dy = gradients[0].contiguous();
    const Layout l(x);
    const float *from = x.const_data_ptr<float>(), *d = dy.const_data_ptr<float>();
    const Affine affine = statistics(l, from, weight, bias);

    at::Tensor dx = at::empty_like(x);
    float* to = dx.data_ptr<float>();
    const auto total = static_cast<size_t>(l.batch * l.pieces * l.channels);
    std::vector<double> sums(total, 0.0), products(total, 0.0);
    l.run([&](int64_t sample, int64_t piece, int64_t offset, int64_t rows) {
      const int64_t at = sample * l.channels;
      through_silu(from + offset, d + offset, &affine.factor[at], &affine.offset[at], &affine.mean[at],
                   to + offset, rows, l.channels, &sums[piece * l.channels], &products[piece * l.channels]);
    });
    sums = add_pieces(sums, l);
    products = add_pieces(products, l);

    // dx = r w dz - r mean_g(w dz) - r^2 (x - mean) mean_g(w dz r (x - mean)), r = 1/deviation.
    const auto size = static_cast<size_t>(l.batch * l.channels);
    std::vector<float> slope(size), offset_of(size);
    at::Tensor dweight = at::empty_like(weight), dbias = at::empty_like(bias);
    dweight.zero_();
    dbias.zero_();
    float *dw = dweight.data_ptr<float>(), *dk = dbias.data_ptr<float>();
    const double n = static_cast<double>(l.rows) * static_cast<double>(l.group_size());
    for (int64_t b = 0; b < l.batch; ++b)
      for (int64_t g = 0; g < kGroups; ++g) {
        double mean_d = 0, mean_dx = 0;
        const int64_t first = b * l.channels + g * l.group_size();
        for (int64_t at = first; at < first + l.group_size(); ++at) {
          const auto i = static_cast<size_t>(at);
          mean_d += affine.factor[i] * sums[i] / n;
          mean_dx += affine.factor[i] * products[i] / n;
        }
        for (int64_t at = first; at < first + l.group_size(); ++at) {
          const auto i = static_cast<size_t>(at);
          const double inverse = affine.inverse[i];
          slope[i] = static_cast<float>(-inverse * inverse * mean_dx);
          offset_of[i] = static_cast<float>(-mean_d);
          const int64_t into = weight.size(0) == 1 ? at - b * l.channels : at;
          dw[into] += static_cast<float>(products[i] * inverse);
          dk[into] += static_cast<float>(sums[i]);
        }
      }
    l.run([&](int64_t sample, int64_t, int64_t offset, int64_t rows) {
      const int64_t at = sample * l.channels;
      through_norm(from + offset, &affine.factor[at], &slope[at], &affine.mean[at], &offset_of[at],
                   to + offset, rows, l.channels);
    });
    return {dx, dweight, dbias, context->saved_data["residual"].toBool() ? dy : at::Tensor()};
  }
};

}  // namespace

bool serves(const at::Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat; }

at::Tensor group_norm_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           const at::Tensor& residual) {
  // The autograd function takes defined tensors only: an empty one stands for no residual.
  return GroupNormSilu::apply(x.contiguous(), weight, bias, residual.defined() ? residual : at::empty({0}));
}

}  // namespace windtunnel::baselines::unet::fast
