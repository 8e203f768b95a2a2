#include "baselines/unet/unet.h"

#include "baselines/check.h"
#include "core/error.h"

namespace windtunnel::baselines {

namespace {

/// Checks everything that depends on sizes before weights are made.
unet::NetworkShape network_shape(const ModelContext& context, const UnetOptions& options) {
  const SampleShape &in = context.input, &out = context.output;
  unet::NetworkShape shape{options.dim == 0 ? in.height : options.dim, options.dim_mults, in.channels,
                           out.channels};
  unet::Network::check(shape);
  const int64_t factor = int64_t{1} << (options.dim_mults.size() - 1);
  if (in.height % factor != 0 || in.width % factor != 0)
    throw core::model_error("the grid is " + std::to_string(in.height) + " x " + std::to_string(in.width),
                            "height and width divisible by " + std::to_string(factor) + " for " +
                                std::to_string(options.dim_mults.size()) + " levels",
                            "use fewer entries in model.dim_mults");
  if (in.height != out.height || in.width != out.width)
    throw core::model_error("input and output grids differ: " + std::to_string(in.height) + " x " +
                                std::to_string(in.width) + " and " + std::to_string(out.height) + " x " +
                                std::to_string(out.width),
                            "the same grid");
  // The published program silently returns all T frames when one is asked for.
  const bool quirk = context.compat == "published" && out.frames == 1;
  if (in.frames < 1 || out.frames < 1 || (out.frames % in.frames != 0 && !quirk))
    throw core::model_error(
        std::to_string(in.frames) + " input and " + std::to_string(out.frames) + " output frames",
        "as many output frames as input frames, or a multiple");
  return shape;
}

}  // namespace

void UnetOptions::describe(core::OptionVisitor& v) {
  v("dim", dim, "base width, a multiple of 8; 0: the height of the grid, as published", core::kNotNegative);
  v("dim_mults", dim_mults, "width of each level as a multiple of dim; space halves between levels");
  v.choice("kernels", kernels, {"auto", "fast", "reference"}, "implementation of the layers");
}

Unet::Unet(const ModelContext& context, const Options& options)
    : input_(context.input),
      repeats_(std::max<int64_t>(1, context.output.frames / context.input.frames)),
      out_frames_(context.output.frames),
      network_(*this, network_shape(context, options), options.kernels) {}

at::Tensor Unet::forward(const at::Tensor& x) {
  check_field(x, input_, "unet");
  const at::Tensor tiled = repeats_ == 1 ? x.contiguous() : x.repeat({1, repeats_, 1, 1, 1});
  return network_.forward(tiled, {}, out_frames_);
}

WINDTUNNEL_REGISTER_BASELINE(Unet, "unet", true,
                             "3-D space-time U-Net with temporal and linear spatial attention",
                             "Ronneberger et al. 2015 (arXiv:1505.04597); Ho et al. 2022 (arXiv:2204.03458)");

}  // namespace windtunnel::baselines
