#include "datasets/lab/flow.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/edges.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr double kShrink = 0.5;  ///< cells; the smeared wall acts this far outside the outline it is built on
constexpr int kReach = 6;        ///< cells around the body's box

/// Bilinear interpolation with the edge values held constant outside.
float interpolate(const std::vector<float>& field, int width, int height, double x, double y) {
  x = std::clamp(x, 0.0, width - 1.0);
  y = std::clamp(y, 0.0, height - 1.0);
  const int i = std::min(static_cast<int>(x), width - 2), j = std::min(static_cast<int>(y), height - 2);
  const double a = x - i, b = y - j;
  const float* f = field.data() + static_cast<int64_t>(j) * width + i;
  return static_cast<float>((1 - b) * ((1 - a) * f[0] + a * f[1]) +
                            b * ((1 - a) * f[width] + a * f[width + 1]));
}

}  // namespace

Flow::Flow(const FlowOptions& options, std::vector<Body> bodies)
    : options_(options),
      bodies_(std::move(bodies)),
      cells_(options.cells),
      step_(options.speed / options.cells),
      width_(static_cast<int>(std::lround(options.length * options.cells))),
      height_(static_cast<int>(std::lround(options.height * options.cells))),
      layer_(options.cells),
      first_{0.5 / options.cells - options.upstream, (0.5 - 0.5 * height_) / options.cells},
      kernel_(&kernel(options.kernels)),
      now_(std::make_unique<Lattice>(width_, height_)),
      next_(std::make_unique<Lattice>(width_, height_)),
      inlet_u_(height_),
      inlet_v_(height_),
      masks_(bodies_.size()),
      forces_(bodies_.size()) {
  if (options.length < 4 || options.height < 4 || options.cells < 4 || options.reynolds <= 0)
    throw core::usage_error("flow of " + core::number(options.length) + " x " + core::number(options.height) +
                                " D with " + std::to_string(options.cells) +
                                " cells per D at Reynolds number " + core::number(options.reynolds),
                            "at least 4 x 4 D, 4 cells per D and a positive Reynolds number");
  build_layers();
  const bool exact = options.wall == "bouzidi";
  if (!exact && options.wall != "penalised")
    throw core::usage_error("unknown wall '" + options.wall + "'", "penalised or bouzidi");
  for (size_t b = 0; b < bodies_.size(); ++b) {
    if (!exact) {
      cover(bodies_[b], masks_[b]);
      continue;
    }
    if (bodies_[b].motion) throw core::usage_error("wall 'bouzidi' with a moving body", "wall 'penalised'");
    walls_.emplace_back(*now_, [&](double x, double y) {
      return cells_ * bodies_[b].distance({first_.x + x / cells_, first_.y + y / cells_});
    });
  }
}

void Flow::build_layers() {
  const double nu = options_.speed * options_.cells / options_.reynolds;
  const int ramp = std::max(1, width_ / 10);
  tau0_.resize(width_);
  outlet_.resize(width_);
  far_.resize(static_cast<size_t>(width_) * height_);
  const auto depth = [&](int from_edge) { return std::max(0.0, 1 - (from_edge + 0.5) / layer_); };
  for (int x = 0; x < width_; ++x) {
    const double z = std::max(0.0, 1 - (width_ - x - 0.5) / ramp), out = depth(width_ - 1 - x);
    tau0_[x] = static_cast<float>(3 * nu + 0.5 + 0.5 * z * z);
    outlet_[x] = static_cast<float>(0.1 * out * out);
    for (int y = 0; y < height_; ++y) {
      const double s = std::max({depth(x), depth(y), depth(height_ - 1 - y)});
      far_[static_cast<size_t>(y) * width_ + x] = static_cast<float>(0.1 * s * s);
    }
  }
}

void Flow::cover(const Body& body, Mask& mask) const {
  const Vec2 o = body.origin(), low = body.shape->low(), high = body.shape->high();
  mask.x0 = std::max(1, static_cast<int>(std::floor((o.x + low.x - first_.x) * cells_)) - kReach);
  mask.y0 = std::max(1, static_cast<int>(std::floor((o.y + low.y - first_.y) * cells_)) - kReach);
  const int x1 =
      std::min(width_ - 1, static_cast<int>(std::ceil((o.x + high.x - first_.x) * cells_)) + kReach + 1);
  const int y1 =
      std::min(height_ - 1, static_cast<int>(std::ceil((o.y + high.y - first_.y) * cells_)) + kReach + 1);
  mask.nx = std::max(0, x1 - mask.x0);
  mask.ny = std::max(0, y1 - mask.y0);
  mask.chi.resize(static_cast<size_t>(mask.nx) * mask.ny);
  for (int y = 0; y < mask.ny; ++y)
    for (int x = 0; x < mask.nx; ++x) {
      const double d = body.distance(place(mask.x0 + x, mask.y0 + y)) * cells_ + kShrink;
      double chi = d <= -1 ? 1 : 0;
      if (d > -1 && d < 1) chi = (1 - d - sin_turns(d / 2) / kPi) / 2;
      mask.chi[static_cast<size_t>(y) * mask.nx + x] = static_cast<float>(chi);
    }
}

double Flow::distance(Vec2 p) const {
  double nearest = 1e9;
  for (const auto& body : bodies_) nearest = std::min(nearest, body.distance(p));
  return nearest;
}

void Flow::start() {
  FlowFields fields;
  fields.width = width_;
  fields.height = height_;
  fields.cells = cells_;
  fields.first = first_;
  const size_t n = static_cast<size_t>(width_) * height_;
  fields.u.assign(n, 1.0f);
  fields.v.resize(n);
  fields.p.assign(n, 0.0f);
  for (int y = 0; y < height_; ++y) {
    const double r = place(0, y).y / 3, bell = exp_of(-r * r);
    for (int x = 0; x < width_; ++x)
      fields.v[static_cast<size_t>(y) * width_ + x] =
          static_cast<float>(0.02 * sin_turns(3.0 * (x + 0.5) / width_) * bell);
  }
  impose(fields);
}

void Flow::start_from(const FlowFields& from, double time) {
  time_ = time;
  FlowFields fields;
  fields.width = width_;
  fields.height = height_;
  const size_t n = static_cast<size_t>(width_) * height_;
  fields.u.resize(n);
  fields.v.resize(n);
  fields.p.resize(n);
  for (int y = 0; y < height_; ++y)
    for (int x = 0; x < width_; ++x) {
      const Vec2 p = place(x, y);
      const double i = (p.x - from.first.x) * from.cells, j = (p.y - from.first.y) * from.cells;
      const size_t at = static_cast<size_t>(y) * width_ + x;
      fields.u[at] = interpolate(from.u, from.width, from.height, i, j);
      fields.v[at] = interpolate(from.v, from.width, from.height, i, j);
      fields.p[at] = interpolate(from.p, from.width, from.height, i, j);
    }
  impose(fields);
}

void Flow::impose(const FlowFields& fields) {
  const float speed = static_cast<float>(options_.speed);
  const double closure = 3 * options_.smagorinsky * options_.smagorinsky;
  for (int y = 0; y < height_; ++y)
    for (int x = 0; x < width_; ++x) {
      const size_t at = static_cast<size_t>(y) * width_ + x;
      const float drho = 3 * speed * speed * fields.p[at], rho = 1 + drho;
      const float u = speed * fields.u[at], v = speed * fields.v[at];
      // Strain rate by central differences (one-sided at the edges) gives the non-equilibrium part.
      const size_t xl = at - (x > 0), xr = at + (x < width_ - 1);
      const size_t yl = at - (y > 0 ? width_ : 0), yr = at + (y < height_ - 1 ? width_ : 0);
      const double dx = options_.speed / std::max<size_t>(1, xr - xl);
      const double dy = options_.speed / std::max<size_t>(1, (yr - yl) / width_);
      const double sxx = dx * (double{fields.u[xr]} - fields.u[xl]),
                   syy = dy * (double{fields.v[yr]} - fields.v[yl]);
      const double sxy =
          (dy * (double{fields.u[yr]} - fields.u[yl]) + dx * (double{fields.v[xr]} - fields.v[xl])) / 2;
      const double strain = std::sqrt(2 * (sxx * sxx + syy * syy + 2 * sxy * sxy));
      const double tau = tau0_[x] + closure * strain, scale = -2.0 / 3 * rho * (tau - 1);
      for (int q = 0; q < kDirections; ++q) {
        const int cx = kCx[q], cy = kCy[q];
        const double stress = (cx * cx - 1.0 / 3) * sxx + (cy * cy - 1.0 / 3) * syy + 2.0 * cx * cy * sxy;
        now_->row(q, y)[x] = static_cast<float>(kWeight[q] * drho + rho * quadratic(q, u, v) +
                                                4.5 * kWeight[q] * scale * stress);
      }
    }
}

void Flow::collide() {
  CollisionRow row;
  const auto speed = static_cast<float>(options_.speed);
  row.closure = static_cast<float>(18 * options_.smagorinsky * options_.smagorinsky);
  const int left = std::min(width_, (layer_ + 15) / 16 * 16),
            right = std::max(left, (width_ - layer_) / 16 * 16);
  const auto segment = [&](int y, int x0, int x1, bool absorb) {
    if (x1 <= x0) return;
    for (int q = 0; q < kDirections; ++q) {
      row.in[q] = now_->row(q, y - kCy[q]) + x0 - kCx[q];
      row.out[q] = next_->row(q, y) + x0;
    }
    row.tau0 = tau0_.data() + x0;
    row.far = far_.data() + static_cast<size_t>(y) * width_ + x0;
    row.outlet = outlet_.data() + x0;
    row.count = x1 - x0;
    (absorb ? kernel_->collide_absorb : kernel_->collide)(row);
  };
  for (int y = 0; y < height_; ++y) {
    row.far_u = speed * (inflow_ ? inflow_->u()[y] : 1.0f);
    row.far_v = speed * (inflow_ ? inflow_->v()[y] : 0.0f);
    if (y < layer_ || y >= height_ - layer_) {
      segment(y, 0, width_, true);
    } else {
      segment(y, 0, left, true);
      segment(y, left, right, false);
      segment(y, right, width_, true);
    }
  }
}

void Flow::apply_bodies() {
  const double to_force = 1 / (options_.speed * options_.speed * cells_);
  for (size_t b = 0; b < bodies_.size() && walls_.empty(); ++b) {
    const Body& body = bodies_[b];
    Mask& mask = masks_[b];
    if (body.motion) cover(body, mask);
    push_u_.resize(mask.nx);
    push_v_.resize(mask.nx);
    double sum_u = 0, sum_v = 0;
    const Vec2 o = body.origin();
    for (int y = 0; y < mask.ny; ++y) {
      BodyRow row;
      for (int q = 0; q < kDirections; ++q) row.f[q] = next_->row(q, mask.y0 + y) + mask.x0;
      row.chi = mask.chi.data() + static_cast<size_t>(y) * mask.nx;
      if (body.motion) {
        const Vec2 arm = {place(mask.x0, mask.y0 + y).x - o.x, place(mask.x0, mask.y0 + y).y - o.y};
        row.body_u =
            static_cast<float>(options_.speed * (body.motion->velocity.x - body.motion->spin * arm.y));
        row.body_v =
            static_cast<float>(options_.speed * (body.motion->velocity.y + body.motion->spin * arm.x));
        row.body_v_step = static_cast<float>(options_.speed * body.motion->spin / cells_);
      }
      row.push_u = push_u_.data();
      row.push_v = push_v_.data();
      row.count = mask.nx;
      kernel_->penalise(row);
      for (int x = 0; x < mask.nx; ++x) {
        sum_u += push_u_[x];
        sum_v += push_v_[x];
      }
    }
    forces_[b] = {-sum_u * to_force, -sum_v * to_force};
  }
}

void Flow::apply_edges() {
  const auto speed = static_cast<float>(options_.speed);
  for (int y = 0; y < height_; ++y) {
    inlet_u_[y] = speed * (inflow_ ? inflow_->u()[y] : 1.0f);
    inlet_v_[y] = speed * (inflow_ ? inflow_->v()[y] : 0.0f);
  }
  open_edges(*next_, inlet_u_.data(), inlet_v_.data());
}

void Flow::step() {
  if (inflow_) inflow_->advance();
  mirror_edges(*now_);
  for (size_t b = 0; b < walls_.size(); ++b) {
    const Vec2 momentum = walls_[b].apply(*now_);
    const double to_force = 1 / (options_.speed * options_.speed * cells_);
    forces_[b] = {momentum.x * to_force, momentum.y * to_force};
  }
  collide();
  apply_bodies();
  apply_edges();
  std::swap(now_, next_);
  time_ += step_;
  for (size_t b = 0; b < bodies_.size(); ++b)
    if (bodies_[b].motion) bodies_[b].motion->advance(time_, step_, forces_[b]);
}

void Flow::fields(FlowFields& fields) const {
  fields.width = width_;
  fields.height = height_;
  fields.cells = cells_;
  fields.first = first_;
  const size_t n = static_cast<size_t>(width_) * height_;
  fields.u.resize(n);
  fields.v.resize(n);
  fields.p.resize(n);
  const auto speed = static_cast<float>(options_.speed);
  for (int y = 0; y < height_; ++y) {
    const float* f[9];
    for (int q = 0; q < kDirections; ++q) f[q] = now_->row(q, y);
    float *u = fields.u.data() + static_cast<size_t>(y) * width_,
          *v = fields.v.data() + static_cast<size_t>(y) * width_,
          *p = fields.p.data() + static_cast<size_t>(y) * width_;
    for (int x = 0; x < width_; ++x) {
      const float drho =
          f[0][x] + f[1][x] + f[2][x] + f[3][x] + f[4][x] + f[5][x] + f[6][x] + f[7][x] + f[8][x];
      const float scale = 1 / ((1 + drho) * speed);
      u[x] = (f[1][x] - f[3][x] + f[5][x] - f[6][x] - f[7][x] + f[8][x]) * scale;
      v[x] = (f[2][x] - f[4][x] + f[5][x] + f[6][x] - f[7][x] - f[8][x]) * scale;
      p[x] = drho / (3 * speed * speed);
    }
  }
}

}  // namespace windtunnel::datasets::lab
