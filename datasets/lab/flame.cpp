#include "datasets/lab/flame.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/edges.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr double kInner = 0.6, kOuter = 1.6;         // slot, w from the axis
constexpr double kDiffusion = 0.15, kCourant = 0.4;  // largest numbers of a scalar step (explicit Euler)
constexpr double kUsual = 3;                         // |u| + |v| that seldom is passed, U

int cells_of(double length, int cells) { return static_cast<int>(std::ceil(length * cells - 1e-9)); }

}  // namespace

ReactionOptions Flame::reaction(const FlameOptions& o) {
  if (o.length < 3 || o.height < 4 || o.cells < 6 || !(o.flame_speed > 0) || !(o.reynolds > 0))
    throw core::usage_error("a burner of " + core::number(o.length) + " x " + core::number(o.height) +
                                " slot widths with " + std::to_string(o.cells) + " cells each",
                            "at least 3 x 4 slot widths and 6 cells");
  return {o.flame_speed * o.speed, std::max(3.0, o.thickness * o.cells), o.beta, o.alpha, o.lewis};
}

Flame::Flame(const FlameOptions& options, uint64_t seed)
    : options_(options),
      width_(cells_of(options.length, options.cells)),
      height_(cells_of(options.height, options.cells)),
      layer_(options.cells),
      step_(options.speed / options.cells),
      kernel_(&kernel(options.kernels)),
      now_(std::make_unique<Lattice>(width_, height_)),
      next_(std::make_unique<Lattice>(width_, height_)),
      scalars_(width_, height_, reaction(options), options.swirl),
      turbulence_(height_, options.cells, 1, step_, {0, options.intensity, 0.3, 0.3}, 0, seed),
      inlet_u_(height_),
      inlet_v_(height_),
      u_(static_cast<size_t>(width_) * height_),
      v_(u_.size()),
      tau0_(u_.size()),
      none_(width_) {
  const ReactionOptions r = reaction(options);
  const double diffusion = r.diffusivity() / std::min(1.0, r.lewis);
  every_ = std::clamp(static_cast<int>(std::min(kDiffusion / diffusion, kCourant / (kUsual * options.speed))),
                      1, 4);
  const int ramp = std::max(1, width_ / 10);
  for (int x = 0; x < width_; ++x) {
    const double z = std::max(0.0, 1 - (width_ - x - 0.5) / ramp),
                 out = std::max(0.0, 1 - (width_ - x - 0.5) / layer_);
    sponge_.push_back(static_cast<float>(0.5 * z * z));
    outlet_.push_back(static_cast<float>(0.1 * out * out));
  }
  for (int y = 0; y < height_; ++y) {
    const double r_axis = std::abs(from_axis(y));
    slot_.push_back(r_axis > kInner && r_axis < kOuter ? 1 : 0);
    std::fill_n(scalars_.row(Scalars::kTemperature, y), width_, 1.0f);
  }
  carry();
}

void Flame::set_inlet() {
  const double ramp = std::min(1.0, time_ / options_.ramp);
  const double mean = 1 + options_.modulation * sin_turns(time_ / options_.period);
  for (int y = 0; y < height_; ++y) {
    const double scale = options_.speed * options_.flow * ramp * slot_[y];
    inlet_u_[y] = static_cast<float>(std::max(0.0, scale * (mean + turbulence_.u()[y] - 1)));
    inlet_v_[y] = static_cast<float>(scale * turbulence_.v()[y]);
  }
}

void Flame::collide() {
  CollisionRow row;
  row.closure = static_cast<float>(18 * options_.smagorinsky * options_.smagorinsky);
  const int right = std::max(0, (width_ - layer_) / 16 * 16);
  for (int y = 0; y < height_; ++y)
    for (const bool edge : {false, true}) {
      const int x0 = edge ? right : 0, x1 = edge ? width_ : right;
      if (x1 <= x0) continue;
      for (int q = 0; q < kDirections; ++q) {
        row.in[q] = now_->row(q, y - kCy[q]) + x0 - kCx[q];
        row.out[q] = next_->row(q, y) + x0;
      }
      row.tau0 = tau0_.data() + static_cast<size_t>(y) * width_ + x0;
      row.far = none_.data();
      row.outlet = outlet_.data() + x0;
      row.count = x1 - x0;
      (edge ? kernel_->collide_absorb : kernel_->collide)(row);
    }
}

/// Velocities for the scalars, and the viscosity of their temperature.
void Flame::carry() {
  const double nu = options_.speed * options_.cells / options_.reynolds;
  const auto cold = static_cast<float>(3 * nu + 0.5),
             growth = static_cast<float>(3 * nu * (power(options_.expansion, 0.7) - 1));
  float fastest = 0;
  for (int y = 0; y < height_; ++y) {
    const float* f[9];
    for (int q = 0; q < kDirections; ++q) f[q] = now_->row(q, y);
    const size_t begin = static_cast<size_t>(y) * width_;
    const float* t = scalars_.row(Scalars::kTemperature, y);
    for (int x = 0; x < width_; ++x) {
      const float rho =
          1 + (f[0][x] + f[1][x] + f[2][x] + f[3][x] + f[4][x] + f[5][x] + f[6][x] + f[7][x] + f[8][x]);
      u_[begin + x] = (f[1][x] - f[3][x] + f[5][x] - f[6][x] - f[7][x] + f[8][x]) / rho;
      v_[begin + x] = (f[2][x] - f[4][x] + f[5][x] + f[6][x] - f[7][x] - f[8][x]) / rho;
      tau0_[begin + x] = cold + growth * std::clamp(t[x], 0.0f, 1.0f) + sponge_[x];
      fastest = std::max(fastest, std::abs(u_[begin + x]) + std::abs(v_[begin + x]));
    }
  }
  parts_ = std::clamp(static_cast<int>(std::ceil(every_ * fastest / kCourant)), 1, 16);
}

void Flame::step() {
  turbulence_.advance();
  set_inlet();
  mirror_edges(*now_);
  collide();
  open_edges(*next_, inlet_u_.data(), inlet_v_.data());
  std::swap(now_, next_);
  time_ += step_;
  if (++steps_ % every_ == 0) {
    carry();
    for (int part = 0; part < parts_; ++part)
      scalars_.advance(u_, v_, inlet_u_, static_cast<double>(every_) / parts_);
  }
}

void Flame::fields(std::vector<float>& u, std::vector<float>& v, std::vector<float>& p) const {
  const auto scale = static_cast<float>(1 / options_.speed);
  u.resize(u_.size());
  v.resize(u_.size());
  p.resize(u_.size());
  for (size_t k = 0; k < u_.size(); ++k) {
    u[k] = scale * u_[k];
    v[k] = scale * v_[k];
  }
  for (int y = 0; y < height_; ++y)
    for (int x = 0; x < width_; ++x) {
      float drho = 0;
      for (int q = 0; q < kDirections; ++q) drho += now_->row(q, y)[x];
      p[static_cast<size_t>(y) * width_ + x] = drho * scale * scale / 3;
    }
}

}  // namespace windtunnel::datasets::lab
