#pragma once

#include <ATen/core/Tensor.h>

#include <string>

// Parameter-free maps between fields and blocks of p x p (x p) samples, p = 2^m, channels last.
//   haar       m packet levels; per level and axis low = (a+b)/2, high = (a-b)/2 of neighbours a, b. Channel
//   =
//              band*C + c, bands of a later level slower. Band order of one level: first letter slowest,
//              letters (T,H,W) in 3-D and (W,H) in 2-D. An axis of odd length is continued by reflection,
//              x[n] = x[n-2].
//   rearrange  channel = ((c*p + dt)*p + dh)*p + dw
namespace windtunnel::tokenizers {

struct Patching {
  int64_t size = 4;
  std::string method = "haar";  ///< or "rearrange"
  int64_t space_time = 3;       ///< axes that are split: 3 = T,H,W; 2 = H,W only

  int64_t block() const;  ///< channels per channel, size^space_time
};

/// (B,T,H,W,C) -> (B,T',H/p,W/p,C*block). In 3-D the first frame is repeated to occur p times, so that
/// T' = 1 + (T-1)/p and a single frame works; in 2-D T' = T.
at::Tensor patch(const at::Tensor& x, const Patching& patching);

/// Inverse of patch(), (B,T',H',W',C*block) -> (B,T,H,W,C); in 3-D the p-1 repeated frames are dropped.
at::Tensor unpatch(const at::Tensor& y, const Patching& patching);

/// Position of channel c of block entry `band` among `channels`: where weights of a patched layer find it.
int64_t patched_channel(const Patching& patching, int64_t band, int64_t c, int64_t channels);

}  // namespace windtunnel::tokenizers
