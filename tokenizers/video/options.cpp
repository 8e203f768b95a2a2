#include "tokenizers/video/options.h"

#include <algorithm>
#include <set>

#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

/// log2 of compression/patch, or -1 if it is not a power of two.
int64_t halvings(int64_t compression, int64_t patch) {
  int64_t count = 0;
  for (int64_t factor = patch; factor <= compression; factor *= 2, ++count)
    if (factor == compression) return count;
  return -1;
}

}  // namespace

void VideoTokenizerOptions::describe(core::OptionVisitor& v) {
  v("in_channels", in_channels, "input channels before inflation", core::kPositive);
  v("out_channels", out_channels, "output channels before inflation", core::kPositive);
  v("modified_in_channels", modified_in_channels, "input channels (0: in_channels)", core::kNotNegative);
  v("modified_out_channels", modified_out_channels, "output channels (0: out_channels)", core::kNotNegative);
  v("channels", channels, "base width", core::kPositive);
  v("channels_mult", channels_mult, "width of each level in units of the base width");
  v("num_res_blocks", num_res_blocks, "residual blocks per encoder level; the decoder has one more",
    core::kPositive);
  v("attn_resolutions", attn_resolutions, "nominal resolutions whose levels have attention");
  v("resolution", resolution, "nominal resolution of level 0", core::kPositive);
  v("patch_size", patch_size, "side of a wavelet patch, a power of two", core::kPositive);
  v.choice("patch_method", patch_method, {"haar", "rearrange"}, "how patches become channels");
  v("z_channels", z_channels, "channels of the decoder's input", core::kPositive);
  v("z_factor", z_factor, "encoder output channels in units of z_channels", core::kPositive);
  v("levels", levels, "quantisation levels per latent dimension");
  v("spatial_compression", spatial_compression, "pixels per latent position and axis", core::kPositive);
  v("temporal_compression", temporal_compression, "frames per latent frame", core::kPositive);
  v("dropout", dropout, "dropout inside residual blocks", core::Range{0, 1});
  v("num_groups", num_groups, "groups of the normalisation (full convolutions only)", core::kPositive);
  v("legacy_mode", legacy_mode, "older rule for the decoder's up-sampling");
  v.choice("convolutions", convolutions, {"factorised", "full"}, "1x3x3 then 3x1x1, or 3x3x3");
  v("film", film, "hold the published, unused modulation weights");
  v("film_embedding", film_embedding, "width of the data set embedding", core::kPositive);
  v("learnable_padding", learnable_padding, "absent channels are a learnt image instead of zero");
  v("max_video_size", max_video_size, "frames, rows and columns of the learnt image");
  v.choice("kernels", kernels, {"auto", "fast", "reference"}, "form of the arithmetic; no effect on results");
}

VideoTokenizerOptions VideoTokenizerOptions::from_published(const core::Json& config,
                                                            const std::string& origin) {
  VideoTokenizerOptions options;
  std::set<std::string> known;
  for (const auto& option : core::list_options(options)) known.insert(option.key);
  core::Json values = core::Json::object();
  for (const auto& [key, value] : config.items())
    if (known.contains(key) && !value.is_null()) values[key] = value;
  const auto form = [&](const char* key) { return config.value(key, std::string("FACTORIZED")) == "BASE"; };
  if (form("encoder") != form("decoder"))
    throw model_error(origin + ": encoder and decoder of different kinds", "both BASE or both factorised");
  if (form("encoder")) values["convolutions"] = "full";
  core::read_options(options, values, origin);
  if (config.contains("embedding_dim") && !config.at("embedding_dim").is_null() &&
      config.at("embedding_dim").get<size_t>() != options.levels.size())
    throw model_error(origin + ": embedding_dim " + config.at("embedding_dim").dump(),
                      "the number of levels, " + std::to_string(options.levels.size()));
  return options;
}

int64_t VideoTokenizerOptions::space_halvings() const { return halvings(spatial_compression, patch_size); }
int64_t VideoTokenizerOptions::time_halvings() const { return halvings(temporal_compression, patch_size); }

int64_t VideoTokenizerOptions::space_factor() const {
  return factorised() ? spatial_compression : patch_size << (level_count() - 1);
}
int64_t VideoTokenizerOptions::time_factor() const {
  return factorised() ? temporal_compression : int64_t{1} << level_count();
}

bool VideoTokenizerOptions::upsamples_time(int64_t level) const {
  const int64_t r = level_count() - 1 - level;
  return legacy_mode ? r < time_halvings() : 0 < r && r < time_halvings() + 1;
}

bool VideoTokenizerOptions::upsamples_space(int64_t level) const {
  const int64_t r = level_count() - 1 - level;
  return upsamples_time(level) || (r < space_halvings() && space_halvings() > time_halvings());
}

bool VideoTokenizerOptions::attention_in(int64_t level) const {
  int64_t counter = resolution / patch_size;
  for (int64_t i = 0; i < level; ++i) counter /= 2;
  return std::find(attn_resolutions.begin(), attn_resolutions.end(), counter) != attn_resolutions.end();
}

void VideoTokenizerOptions::check() const {
  if (channels_mult.empty()) throw model_error("channels_mult is empty", "one width per level");
  if (std::any_of(channels_mult.begin(), channels_mult.end(), [](int64_t m) { return m < 1; }))
    throw model_error("channels_mult holds a number below 1", "positive widths");
  if (!factorised()) {
    for (int64_t i = 0; i < level_count(); ++i)
      if (width(i) % num_groups != 0)
        throw model_error(std::to_string(width(i)) + " channels in " + std::to_string(num_groups) + " groups",
                          "widths that num_groups divides");
    return;
  }
  const std::string compression = std::to_string(temporal_compression) + "x" +
                                  std::to_string(spatial_compression) + "x" +
                                  std::to_string(spatial_compression);
  if (num_groups != 1)
    throw model_error("num_groups " + std::to_string(num_groups) + " with factorised convolutions", "1");
  if (space_halvings() < 0 || time_halvings() < 0)
    throw model_error("compression " + compression + " with patches of " + std::to_string(patch_size),
                      "the patch size times powers of two");
  int64_t space = 0, time = 0;
  for (int64_t i = level_count() - 1; i > 0; --i) {
    space += upsamples_space(i);
    time += upsamples_time(i);
  }
  if (space != space_halvings() || time != time_halvings() || space > level_count() - 1 ||
      time > level_count() - 1)
    throw model_error("compression " + compression + " with " + std::to_string(level_count()) + " levels" +
                          (legacy_mode ? " in legacy mode" : ""),
                      "temporal compression up to the spatial one and enough levels (two more than temporal "
                      "halvings, one more than spatial ones)",
                      "add an entry to channels_mult");
}

LatentGrid VideoTokenizerOptions::grid(int64_t frames, int64_t height, int64_t width) const {
  const int64_t t = time_factor(), s = space_factor();
  if (frames < 1 || (frames - 1) % t != 0)
    throw data_error("a video of " + std::to_string(frames) + " frames",
                     "1 + k*" + std::to_string(t) + " frames");
  if (height < s || width < s || height % s != 0 || width % s != 0)
    throw data_error("frames of " + std::to_string(height) + "x" + std::to_string(width) + " pixels",
                     "multiples of " + std::to_string(s));
  return {1 + (frames - 1) / t, height / s, width / s};
}

}  // namespace windtunnel::tokenizers
