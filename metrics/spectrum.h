#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace windtunnel::metrics {

/// The (mode, bin) list of a window of T frames on an H x W grid: the non-negative octant of index space,
/// radius floor(sqrt(i^2+j^2+k^2)) < bins = min(T/2, H/2, W/2). Bands: low [0,low), mid [low,high), high
/// [high,bins).
struct ModeBins {
  struct Mode {
    int32_t i, j, k, bin;
  };
  int64_t frames = 0, height = 0, width = 0;
  int64_t bins = 0, low = 0, high = 0;
  std::vector<Mode> modes;      ///< sorted by i, j, k
  std::vector<int64_t> counts;  ///< modes per bin
};

/// Computed once per shape and kept; thread safe.
std::shared_ptr<const ModeBins> mode_bins(int64_t frames, int64_t height, int64_t width);

/// floor(sqrt(n)) in integer arithmetic.
int64_t integer_sqrt(int64_t n);

/// Radially binned spectrum of a set of samples, (bin, channel): sqrt(mean over samples of the bin's
/// energy)/(T*H*W). The energy of a bin is the sum over its modes, or their mean if `bin_mean`.
struct Spectrum {
  int64_t bins = 0, low = 0, high = 0, channels = 0;
  std::vector<int64_t> modes_per_bin;
  std::vector<double> error;   ///< of P - Y
  std::vector<double> target;  ///< of Y
  double error_at(int64_t bin, int64_t channel) const {
    return error[static_cast<size_t>(bin * channels + channel)];
  }
  double target_at(int64_t bin, int64_t channel) const {
    return target[static_cast<size_t>(bin * channels + channel)];
  }
};

/// Builds it from energies summed over `samples` samples, (bin, channel).
Spectrum make_spectrum(const ModeBins& bins, int64_t channels, const std::vector<double>& error_energy,
                       const std::vector<double>& target_energy, int64_t samples, bool bin_mean);

/// Mean of `error` over bins [from,to) and channels; NaN for an empty band.
double band_error(const Spectrum& spectrum, int64_t from, int64_t to);

/// Mean of error/target over the band. With `skip_zero`, pairs whose target energy is zero (below the
/// rounding noise of the channel) are left out; otherwise they give inf or NaN.
double band_relative_error(const Spectrum& spectrum, int64_t from, int64_t to, bool skip_zero);

}  // namespace windtunnel::metrics
