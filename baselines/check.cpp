#include "baselines/check.h"

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {

void check_field(const at::Tensor& x, const SampleShape& shape, const std::string& model) {
  const std::vector<int64_t> expected{shape.frames, shape.height, shape.width, shape.channels};
  if (x.dim() == 5 && x.sizes().slice(1) == at::IntArrayRef(expected) && at::isFloatingType(x.scalar_type()))
    return;
  throw model_error(model + ": input has axes " + core::to_string(x.sizes().vec()),
                    "(B,T,H,W,C) with T,H,W,C = " + core::to_string(expected),
                    "build the model for the shape of the data");
}

int64_t frame_ratio(const ModelContext& context, const std::string& model) {
  const int64_t in = context.input.frames, out = context.output.frames;
  if (in > 0 && out > 0 && out % in == 0) return out / in;
  throw model_error(
      model + ": " + std::to_string(in) + " input and " + std::to_string(out) + " output frames",
      "output frames a multiple of the input frames", "change the window of the task");
}

}  // namespace windtunnel::baselines
