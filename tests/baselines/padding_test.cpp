#include "baselines/padding.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/randn.h>

#include "baselines/presets.h"
#include "network_case.h"

namespace windtunnel::baselines {
namespace {

const core::Json kUnet = {{"dim", 8}, {"dim_mults", {1, 2}}};

TEST(Padding, NextSizes) {
  PaddingRule rule;
  const auto sizes = [&](int64_t t, int64_t h, int64_t w) {
    const SampleShape s = rule.padded({t, h, w, 3});
    return std::vector<int64_t>{s.frames, s.height, s.width, s.channels};
  };
  EXPECT_EQ(sizes(4, 5, 7), (std::vector<int64_t>{4, 5, 7, 3}));
  rule.multiple = 4;
  EXPECT_EQ(sizes(4, 5, 8), (std::vector<int64_t>{4, 8, 8, 3}));
  rule.power_of_two = true;
  EXPECT_EQ(sizes(4, 17, 12), (std::vector<int64_t>{4, 32, 16, 3}));
  rule.minimum = 20;
  rule.frames = 6;
  EXPECT_EQ(sizes(4, 17, 33), (std::vector<int64_t>{6, 32, 64, 3}));
}

TEST(Padding, AModelThatRefusesTheGridRunsPaddedOnContinuedEdges) {
  const ModelContext context{{4, 5, 7, 2}, {4, 5, 7, 2}};
  PaddingRule rule;
  EXPECT_THROW(make_padded_baseline("unet", context, kUnet, rule), Error);
  rule.multiple = 2;
  const auto padded = make_padded_baseline("unet", context, kUnet, rule);
  const auto plain = make_baseline("unet", {{4, 6, 8, 2}, {4, 6, 8, 2}}, kUnet);
  plain->load_state(padded->state(), "the padded model");
  EXPECT_EQ(padded->parameter_count(), plain->parameter_count());

  const at::Tensor x = at::randn({2, 4, 5, 7, 2});
  at::Tensor grown = at::cat({x, x.narrow(2, 4, 1)}, 2);
  grown = at::cat({grown, grown.narrow(3, 6, 1)}, 3);
  const at::Tensor expected = inference(*plain, grown).narrow(2, 0, 5).narrow(3, 0, 7);
  EXPECT_TRUE(at::allclose(inference(*padded, x), expected));

  padded->loss(x, x).backward();
  for (const auto& parameter : padded->trainable_parameters()) EXPECT_TRUE(parameter.grad().defined());
  EXPECT_THROW(padded->forward(grown), Error);
}

TEST(Padding, FramesAreAddedInFront) {
  const ModelContext context{{3, 8, 8, 2}, {3, 8, 8, 2}};
  PaddingRule rule;
  rule.frames = 5;
  const auto padded = make_padded_baseline("mean", context, core::Json::object(), rule);
  const at::Tensor x = at::randn({1, 3, 8, 8, 2});
  const at::Tensor y = padded->forward(x);
  EXPECT_EQ(y.size(1), 3);
  EXPECT_TRUE(
      at::allclose(y.select(1, 0), (3 * x.select(1, 0) + x.select(1, 1) + x.select(1, 2)) / 5, 1e-4, 1e-5));
}

TEST(Padding, NothingIsWrappedWithoutNeedAndOwnLossesAreRefused) {
  const ModelContext context{{4, 6, 8, 2}, {4, 6, 8, 2}};
  PaddingRule rule;
  rule.multiple = 2;
  EXPECT_EQ(make_padded_baseline("unet", context, kUnet, rule)->named_children()[0].key(),
            make_baseline("unet", context, kUnet)->named_children()[0].key());
  rule.multiple = 16;
  EXPECT_THROW(make_padded_baseline("wdno", context, preset("wdno", "tiny", "fsi").at("model"), rule), Error);
}

}  // namespace
}  // namespace windtunnel::baselines
