#pragma once

#include <memory>

namespace windtunnel::datasets::lab {

struct Vec2 {
  double x = 0, y = 0;
};

/// Outline of a body about its own origin; lengths in D.
class Shape {
 public:
  virtual ~Shape() = default;
  virtual double distance(Vec2 p) const = 0;  ///< to the outline, positive outside
  virtual Vec2 low() const = 0;               ///< bounding box
  virtual Vec2 high() const = 0;
};

class Circle : public Shape {
 public:
  explicit Circle(double diameter) : radius_(diameter / 2) {}
  double distance(Vec2 p) const override;
  Vec2 low() const override { return {-radius_, -radius_}; }
  Vec2 high() const override { return {radius_, radius_}; }

 private:
  double radius_;
};

/// Symmetric NACA 00tt profile of unit chord with closed trailing edge, leading edge at the origin, trailing
/// edge turned down by `angle` degrees (flow from the left meets it at that angle of attack).
class NacaFoil : public Shape {
 public:
  NacaFoil(double thickness, double angle_degrees);
  double distance(Vec2 p) const override;
  Vec2 low() const override { return low_; }
  Vec2 high() const override { return high_; }

 private:
  double thickness_, cos_, sin_;
  Vec2 low_, high_;
};

/// Where a body is relative to its place at rest; time in D/U, velocity in U.
class Motion {
 public:
  virtual ~Motion() = default;
  /// `force` of the fluid on the body during the last step, in rho U^2 D.
  virtual void advance(double time, double step, Vec2 force) = 0;
  Vec2 offset, velocity;
  double spin = 0;  ///< U/D, counter-clockwise
};

/// y = amplitude sin(2 pi frequency t), faded in over the first two periods.
class Heave : public Motion {
 public:
  Heave(double amplitude, double frequency) : amplitude_(amplitude), frequency_(frequency) {}
  void advance(double time, double step, Vec2 force) override;

 private:
  double amplitude_, frequency_;
};

/// Turns on its axis with angular velocity amplitude sin(2 pi frequency t).
class Oscillation : public Motion {
 public:
  Oscillation(double amplitude, double frequency) : amplitude_(amplitude), frequency_(frequency) {}
  void advance(double time, double step, Vec2 force) override;

 private:
  double amplitude_, frequency_;
};

/// Circular cylinder on a spring, free across the stream after `release` (D/U):
///   m y'' + c y' + k y = F_y + m_d y''_previous,  m_d = pi/4 (mass of the displaced fluid, rho D^2), m =
///   mass_ratio m_d, k = m (2 pi f_n)^2, f_n = 1/reduced_velocity, c = 2 damping m 2 pi f_n. Stable for
///   mass_ratio >= 2.5.
class ElasticMount : public Motion {
 public:
  ElasticMount(double mass_ratio, double reduced_velocity, double damping, double release = 5);
  void advance(double time, double step, Vec2 force) override;

 private:
  double mass_, stiffness_, damper_, release_, acceleration_ = 0;
};

/// A rigid body in the stream; without motion it is at rest.
struct Body {
  std::shared_ptr<const Shape> shape;
  Vec2 place;  ///< of the shape's origin at rest
  std::shared_ptr<Motion> motion;

  Vec2 origin() const {
    return motion ? Vec2{place.x + motion->offset.x, place.y + motion->offset.y} : place;
  }
  double distance(Vec2 p) const {
    const Vec2 o = origin();
    return shape->distance({p.x - o.x, p.y - o.y});
  }
};

}  // namespace windtunnel::datasets::lab
