#pragma once

#include <utility>
#include <vector>

#include "datasets/lab/periodic/etdrk4.h"
#include "datasets/lab/periodic/system.h"

namespace windtunnel::datasets::lab {

struct GrayScottOptions : PeriodicOptions {
  GrayScottOptions();
  std::vector<double> feed, kill;  ///< F and k, pairwise
  double diffusion_a = 2e-5, diffusion_b = 1e-5;
  std::string starts = "both";                      ///< clusters | series | both, in turn
  std::vector<int64_t> blobs = {10, 100};           ///< Gaussians of a cluster: fewest, most
  std::vector<double> blob_width = {0.035, 0.112};  ///< exp(-d^2 / width^2): narrowest, widest
  void describe(core::OptionVisitor& v) override;
  std::unique_ptr<PeriodicOptions> clone() const override {
    return std::make_unique<GrayScottOptions>(*this);
  }
};

/// Gray and Scott's reaction of two species with feed rate F and kill rate k:
///   A' = D_A lap A - A B^2 + F (1 - A),  B' = D_B lap B + A B^2 - (F + k) B
/// Initial states: clusters of Gaussians, random Fourier series with up to eight waves per side, or both in
/// turn.
class GrayScott : public PeriodicSystem {
 public:
  /// `parameters`: F, k.
  GrayScott(const GrayScottOptions& options, const std::vector<double>& parameters);

  void start(uint64_t seed, int64_t number) override;
  /// Values (H,W) on the solver's grid.
  void start_from(const std::vector<double>& a, const std::vector<double>& b);
  void advance() override;
  std::vector<std::vector<float>> fields() const override;
  int64_t steps_per_frame() const override { return steps_; }

  /// A and B on the solver's grid.
  std::pair<std::vector<double>, std::vector<double>> state() const;

 private:
  void reaction(const std::vector<Complex>& v, std::vector<Complex>& out);
  void clusters(uint64_t seed, std::vector<double>& a, std::vector<double>& b) const;
  std::vector<double> series(uint64_t seed);

  GrayScottOptions options_;
  double feed_;
  int64_t steps_;
  mutable Fourier fourier_;
  Etdrk4 stepper_;
  std::vector<Complex> v_;  ///< coefficients of A, then of B
  std::vector<double> a_, b_;
};

}  // namespace windtunnel::datasets::lab
