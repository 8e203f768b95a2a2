#include "tokenizers/video/video_tokenizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "tokenizers/video/inflation.h"

namespace windtunnel::tokenizers {
namespace {

/// Compression t x s x s with two small channels.
VideoTokenizerOptions small(int64_t t, int64_t s) {
  VideoTokenizerOptions o;
  o.in_channels = o.out_channels = 2;
  o.channels = 4;
  o.channels_mult = {1, 2, 2};
  o.num_res_blocks = 1;
  o.levels = {8, 6, 5};
  o.z_channels = 8;
  o.temporal_compression = t;
  o.spatial_compression = s;
  return o;
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

TEST(Patching, ComesBack) {
  const at::Tensor x = at::randn({2, 9, 8, 12, 3});
  for (const char* method : {"haar", "rearrange"})
    for (const int64_t size : {1, 2, 4})
      for (const int64_t axes : {2, 3}) {
        const Patching patching{size, method, axes};
        const at::Tensor y = patch(x, patching);
        EXPECT_EQ(y.size(4), 3 * patching.block());
        EXPECT_EQ(y.size(1), axes == 3 ? 1 + 8 / size : 9);
        EXPECT_LT(largest(unpatch(y, patching) - x), 2e-6);
      }
}

TEST(Patching, FindsTheChannelsOfALayer) {
  const at::Tensor x = at::randn({1, 5, 4, 4, 3});
  for (const char* method : {"haar", "rearrange"}) {
    const Patching patching{2, method, 3};
    const at::Tensor whole = patch(x, patching), part = patch(x.narrow(4, 2, 1), patching);
    for (int64_t band = 0; band < patching.block(); ++band)
      EXPECT_TRUE(whole.select(4, patched_channel(patching, band, 2, 3)).equal(part.select(4, band)));
  }
}

TEST(Fsq, EveryCodeComesBackFromItsIndex) {
  const std::vector<std::vector<int64_t>> all_levels = {{8, 5, 5, 5}, {2, 3, 26}, {7, 5, 5, 5, 5}, {27, 39}};
  for (const auto& levels : all_levels) {
    const Fsq fsq(levels);
    const at::Tensor all = at::arange(fsq.codebook_size());
    const at::Tensor codes = fsq.codes_of(all);
    EXPECT_LE(largest(codes), 1.0 + 1e-6);
    // A latent whose bound is the code: atanh((q + off) / half) - shift.
    at::Tensor z = codes.clone();
    for (size_t d = 0; d < levels.size(); ++d) {
      const double half = static_cast<double>(levels[d] - 1) * 1.001 / 2, off = levels[d] % 2 == 0 ? 0.5 : 0;
      const at::Tensor q = codes.select(1, static_cast<int64_t>(d)).to(at::kDouble) * double(levels[d] / 2);
      z.select(1, static_cast<int64_t>(d)).copy_(((q + off) / half).atanh() - std::atanh(off / half));
    }
    EXPECT_TRUE(fsq.quantise(z).indices.equal(all));
  }
}

TEST(Fsq, RefusesForeignTokens) {
  const Fsq fsq({8, 5});
  EXPECT_THROW(fsq.codes_of(at::arange(41)), Error);
  EXPECT_THROW(fsq.codes_of(at::arange(3) - 1), Error);
  EXPECT_THROW(Fsq({8, 1}), Error);
}

TEST(Fsq, UsageCountsCodes) {
  const CodebookUsage even = codebook_usage({5, 5, 0, 0});
  EXPECT_EQ(even.used, 2);
  EXPECT_DOUBLE_EQ(even.share(), 0.5);
  EXPECT_NEAR(even.perplexity, 2, 1e-12);
  EXPECT_NEAR(codebook_usage({7, 0}).perplexity, 1, 1e-12);
}

TEST(VideoTokenizer, TokensDoNotDependOnLaterFrames) {
  const at::NoGradGuard guard;
  torch::manual_seed(3);
  const std::vector<std::pair<int64_t, int64_t>> compressions = {{4, 8}, {8, 8}, {4, 16}, {8, 16}, {4, 4}};
  for (const auto& [t, s] : compressions) {
    VideoTokenizer model(small(t, s));
    model.eval();
    const at::Tensor x = at::randn({2, 1 + 3 * t, s, 2 * s, 2});
    const at::Tensor tokens = model.encode(x);
    EXPECT_EQ(tokens.sizes(), (at::IntArrayRef{2, 4, 1, 2}));
    for (const int64_t latents : {1, 2, 3})
      EXPECT_TRUE(model.encode(x.narrow(1, 0, 1 + (latents - 1) * t)).equal(tokens.narrow(1, 0, latents)));
    const at::Tensor whole = model.decode(tokens);
    EXPECT_EQ(whole.sizes(), x.sizes());
    const at::Tensor part = model.decode(tokens.narrow(1, 0, 2));
    EXPECT_LT(largest(part - whole.narrow(1, 0, 1 + t)), 1e-5 * largest(whole));
    EXPECT_TRUE(model.encode(at::flip(x, {0})).equal(at::flip(tokens, {0})));
  }
}

TEST(VideoTokenizer, FastAndReferenceKernelsAgree) {
  torch::manual_seed(5);
  for (const char* convolutions : {"factorised", "full"}) {
    VideoTokenizerOptions o = small(4, 8);
    o.convolutions = convolutions;
    o.attn_resolutions = {256};
    VideoTokenizer fast(o);
    o.kernels = "reference";
    VideoTokenizer reference(o);
    reference.load_state(module_state(fast), "fast");
    const int64_t s = o.space_factor(), t = o.time_factor();
    const at::Tensor x = at::randn({2, 1 + t, s, s, 2});
    const at::Tensor a = fast.reconstruct(x), b = reference.reconstruct(x);
    EXPECT_LT(largest((a - b).detach()), 1e-5 * largest(b.detach()));
    (a * x).sum().backward();
    (b * x).sum().backward();
    for (const auto& item : fast.named_parameters()) {
      if (!item.value().grad().defined()) continue;
      const at::Tensor other = reference.named_parameters()[item.key()].grad();
      EXPECT_LT(largest(item.value().grad() - other), 1e-4 * largest(other) + 1e-4) << item.key();
    }
    const at::NoGradGuard guard;
    EXPECT_LT(largest(fast.decode(fast.encode(x)) - b), 1e-5 * largest(b));
  }
}

TEST(VideoTokenizer, RefusesWhatItsDecoderCannotUndo) {
  EXPECT_THROW(VideoTokenizer(small(8, 4)), Error);   // more in time than in space
  EXPECT_THROW(VideoTokenizer(small(4, 32)), Error);  // needs a fourth level
  EXPECT_THROW(VideoTokenizer(small(4, 12)), Error);
  VideoTokenizerOptions two = small(8, 8);
  two.channels_mult = {1, 2};
  EXPECT_THROW(VideoTokenizer{two}, Error);
  two.legacy_mode = true;
  EXPECT_NO_THROW(VideoTokenizer{two});
}

TEST(VideoTokenizer, RefusesFieldsThatDoNotFit) {
  VideoTokenizer model(small(4, 8));
  EXPECT_THROW(model.encode(at::randn({1, 4, 8, 8, 2})), Error);
  EXPECT_THROW(model.encode(at::randn({1, 5, 12, 8, 2})), Error);
  EXPECT_THROW(model.encode(at::randn({1, 5, 8, 8, 3})), Error);
}

TEST(VideoTokenizer, PassesOverForeignEntries) {
  VideoTokenizer model(small(4, 8));
  StateDict state = module_state(model);
  const at::Tensor any = at::randn({1});
  for (const char* name : {"encoder.patcher3d.wavelets", "decoder.unpatcher3d._arange", "quantizer._levels",
                           "encoder.down.1.downsample.conv1.conv3d.weight"})
    state.emplace_back(name, any);
  EXPECT_NO_THROW(model.load_state(state, "published"));
  state.emplace_back("encoder.conv_in.2.conv3d.weight", any);
  EXPECT_THROW(model.load_state(state, "published"), Error);
}

TEST(ChannelDictionary, GatheredChannelsEqualZeroFilledOnes) {
  const at::NoGradGuard guard;
  torch::manual_seed(7);
  const auto dictionary = ChannelDictionary::from_published(
      core::parse_json(
          R"({"data_metadata": {"a": {"channel_names": ["u", "v"]}, "b": {"channel_names": ["p"]}}})",
          "test"),
      "test");
  VideoTokenizer model(small(4, 8), dictionary);
  model.eval();
  const at::Tensor x = at::randn({1, 5, 8, 8, 2});
  const FieldSource source{{2, 0}, "b"};
  const at::Tensor filled = model.in_dictionary(x, source);
  EXPECT_TRUE(filled.select(4, 2).equal(x.select(4, 0)));
  EXPECT_EQ(largest(filled.select(4, 1)), 0);
  const at::Tensor gathered = model.latents(x, source), expected = model.latents(filled, {{}, "b"});
  EXPECT_LT(largest(gathered - expected), 1e-5 * largest(expected));
  const at::Tensor tokens = model.encode(x, source), all = model.decode(tokens, {{}, "b"});
  const at::Tensor chosen = model.decode(tokens, source);
  EXPECT_LT(largest(chosen.select(4, 0) - all.select(4, 2)), 1e-5 * largest(all));
  EXPECT_THROW(model.source("c"), Error);
  EXPECT_THROW(dictionary.positions({"w"}), Error);
}

TEST(Inflation, KeepsTheResponseToEqualInputs) {
  const at::NoGradGuard guard;
  torch::manual_seed(9);
  VideoTokenizer narrow(small(4, 8));
  narrow.eval();
  VideoTokenizerOptions wide = small(4, 8);
  wide.modified_in_channels = 5;
  wide.modified_out_channels = 4;
  VideoTokenizer model(wide);
  model.eval();
  model.load_state(inflate(module_state(narrow), wide, 1, false, "test"), "test");
  const at::Tensor one = at::randn({1, 5, 8, 8, 1});
  const at::Tensor before = narrow.latents(one.expand({-1, -1, -1, -1, 2}));
  EXPECT_LT(largest(model.latents(one.expand({-1, -1, -1, -1, 5})) - before), 1e-5 * largest(before));
  const at::Tensor tokens = narrow.encode(one.expand({-1, -1, -1, -1, 2}));
  const at::Tensor old_fields = narrow.decode(tokens), fields = model.decode(tokens);
  EXPECT_LT(largest(fields.narrow(4, 0, 2) - old_fields), 1e-5 * largest(old_fields));
  for (const int64_t copy : {2, 3})  // each copy is one of the old channels, with its own bias
    EXPECT_LT(std::min(largest(fields.select(4, copy) - old_fields.select(4, 0)),
                       largest(fields.select(4, copy) - old_fields.select(4, 1))),
              1e-5 * largest(old_fields));
}

}  // namespace
}  // namespace windtunnel::tokenizers
