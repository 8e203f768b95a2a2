#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace windtunnel::datasets {

/// Work that makes a sample out of a file: `library` calls of HDF5 or NetCDF under their lock (waiting for it
/// included), `decode` decompression, `layout` reading mapped pages, cropping, interleaving and normalising,
/// `noise` drawing it.
enum class Stage { library, decode, layout, noise };
inline constexpr std::array<const char*, 4> kStageNames = {"library", "decode", "layout", "noise"};

/// Seconds spent in each stage by all threads of this process.
std::array<double, 4> stage_seconds();

/// Adds its lifetime to a stage; time of a timer inside counts for the inner stage only.
class StageTimer {
 public:
  explicit StageTimer(Stage stage);
  ~StageTimer();
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  Stage stage_;
  StageTimer* outer_;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::nanoseconds inner_{0};
};

}  // namespace windtunnel::datasets
