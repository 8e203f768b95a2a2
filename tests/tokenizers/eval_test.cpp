#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tokenizers/eval/losses.h"
#include "tokenizers/eval/resize.h"
#include "tokenizers/eval/statistics.h"

namespace windtunnel::tokenizers {
namespace {

TEST(Statistics, PartsGiveWhatTheWholeGives) {
  core::Array whole({6, 1, 1, 2}, {1, 10, 2, 10, 3, 40, 4, 10, 5, 10, 9, 10});
  StatisticsGatherer one, two;
  one.add(whole);
  two.add({{2, 1, 1, 2}, {whole.data.begin(), whole.data.begin() + 4}});
  two.add({{4, 1, 1, 2}, {whole.data.begin() + 4, whole.data.end()}});
  for (const auto& list : {one.result(), two.result()}) {
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].count, 6);
    EXPECT_EQ(list[0].min, 1);
    EXPECT_EQ(list[0].max, 9);
    EXPECT_NEAR(list[0].mean, 4, 1e-14);
    EXPECT_NEAR(list[0].std, std::sqrt(40.0 / 5), 1e-14);
    EXPECT_NEAR(list[1].mean, 15, 1e-13);
  }
  EXPECT_THROW(two.add(core::Array({1, 1, 1, 3})), Error);
  const auto back = read_statistics(write_statistics(one.result()), "test");
  EXPECT_EQ(back[1].std, one.result()[1].std);
  EXPECT_THROW(read_statistics(core::Json::array({{{"min", 1}}}), "test"), Error);
}

TEST(Statistics, ScalingsAreInvertible) {
  const std::vector<ChannelStatistics> statistics{{-2, 6, 1, 2, 10}, {0, 0, 0, 0, 10}};
  const core::Array x({2, 2}, {-2, 0, 6, 0});
  const auto minmax = ChannelScaling::minmax(statistics);
  EXPECT_NEAR(minmax.apply(x)[0], -1, 1e-7);
  EXPECT_NEAR(minmax.apply(x)[2], 1, 1e-7);
  const auto standard = ChannelScaling::standard(statistics);
  EXPECT_NEAR(standard.apply(x)[2], 2.5, 1e-6);
  EXPECT_EQ(standard.apply(x)[3], 0);  // a constant channel stays finite
  EXPECT_NEAR(standard.restored(standard.normalised(x))[2], 6, 1e-6);
  EXPECT_THROW(standard.apply(core::Array({3})), Error);
}

TEST(Resize, CoversAndCutsTheCentre) {
  const at::Tensor x = at::arange(4 * 6, at::kFloat).view({1, 1, 4, 6});
  EXPECT_TRUE(resize_to_cover(x, 4, 6).equal(x));
  EXPECT_TRUE(resize_to_cover(x, 4, 4).equal(x.narrow(3, 1, 4)));
  const at::Tensor large = resize_to_cover(x, 8, 8);
  EXPECT_EQ(large.sizes().vec(), (std::vector<int64_t>{1, 1, 8, 8}));
  EXPECT_NEAR(large.mean().item<double>(), x.mean().item<double>(), 1e-4);
  EXPECT_THROW(resize_to_cover(x[0], 8, 8), Error);
}

TEST(Losses, HaveTheirScale) {
  const at::Tensor y = at::randn({2, 3, 4, 8, 8});
  for (const auto& name : field_losses()) EXPECT_EQ(field_loss(name, y, y).item<double>(), 0) << name;
  // The spatial mean in place of the field scores sqrt((n-1)/n) on VRMSE.
  const at::Tensor mean = y.mean({-2, -1}, true).expand_as(y);
  EXPECT_NEAR(field_loss("vrmse", mean, y).item<double>(), std::sqrt(63.0 / 64), 1e-5);
  EXPECT_NEAR(field_loss("mse", y + 0.5, y).item<double>(), 0.25, 1e-6);
  EXPECT_NEAR(field_loss("l1", y + 0.5, y).item<double>(), 0.5, 1e-6);
  EXPECT_THROW(field_loss("l3", y, y), Error);
  EXPECT_TRUE(without_channels(y, 1, {1}).select(1, 1).equal(y.select(1, 2)));
}

}  // namespace
}  // namespace windtunnel::tokenizers
