#include "baselines/exported/exported_module.h"
#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {

Layout::Layout(const std::string& text) {
  const std::string axes = "BTHWC";
  std::string letters;
  bool open = false;
  for (char c : text) {
    if (c == '(' && !open) {
      open = true;
      groups_.emplace_back(letters.size(), letters.size());
    } else if (c == ')' && open) {
      open = false;
    } else if (axes.find(c) != std::string::npos && letters.find(c) == std::string::npos) {
      if (!open) groups_.emplace_back(letters.size(), letters.size());
      letters += c;
      groups_.back().second = letters.size();
      order_.push_back(static_cast<int64_t>(axes.find(c)));
    } else {
      letters = "wrong";
      break;
    }
  }
  if (letters.size() != axes.size() || open)
    throw usage_error("layout '" + text + "'", "each of B, T, H, W, C once, as BTHWC, BCTHW or B(TC)HW");
}

at::Tensor Layout::apply(const at::Tensor& x) const {
  const at::Tensor moved = x.permute(order_);
  std::vector<int64_t> sizes;
  for (const auto& [begin, end] : groups_) {
    sizes.push_back(1);
    for (size_t i = begin; i < end; ++i) sizes.back() *= moved.size(static_cast<int64_t>(i));
  }
  return moved.reshape(sizes).contiguous();
}

at::Tensor Layout::undo(const at::Tensor& y, const SampleShape& shape) const {
  const std::vector<int64_t> sizes = {y.dim() ? y.size(0) : 0, shape.frames, shape.height, shape.width,
                                      shape.channels};
  std::vector<int64_t> split, merged, back(5);
  for (const auto& [begin, end] : groups_) {
    merged.push_back(1);
    for (size_t i = begin; i < end; ++i) {
      const bool batch = order_[i] == 0;
      split.push_back(batch ? -1 : sizes[static_cast<size_t>(order_[i])]);
      merged.back() *= batch ? 1 : split.back();
      back[static_cast<size_t>(order_[i])] = static_cast<int64_t>(i);
    }
  }
  bool fits = y.dim() == static_cast<int64_t>(groups_.size());
  for (size_t g = 0; fits && g < groups_.size(); ++g) {
    const bool batch = order_[groups_[g].first] == 0 && groups_[g].second - groups_[g].first == 1;
    fits = batch || y.size(static_cast<int64_t>(g)) % merged[g] == 0;
    if (!batch && groups_[g].second - groups_[g].first == 1)
      fits = fits && y.size(static_cast<int64_t>(g)) == merged[g];
  }
  if (!fits)
    throw model_error("the module returns shape " + core::to_string(y.sizes().vec()),
                      core::to_string({-1, shape.frames, shape.height, shape.width, shape.channels}) +
                          " as (B,T,H,W,C) in its layout, -1 being the batch");
  return y.reshape(split).permute(back);
}

}  // namespace windtunnel::baselines
