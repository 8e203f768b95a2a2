#include "baselines/trivial/trivial.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>

#include "network_case.h"

namespace windtunnel::baselines {
namespace {

TEST(Trivial, PersistenceRepeatsTheLastFrame) {
  const at::Tensor x = at::rand({2, 4, 3, 5, 3});
  const at::Tensor y = make_baseline("persistence", {{4, 3, 5, 3}, {6, 3, 5, 3}}, {})->forward(x);
  ASSERT_EQ(y.sizes(), (at::IntArrayRef{2, 6, 3, 5, 3}));
  for (int64_t t = 0; t < 6; ++t) EXPECT_TRUE(y.select(1, t).equal(x.select(1, 3)));
}

TEST(Trivial, MeanAveragesTheWindow) {
  const at::Tensor x = at::rand({2, 4, 3, 5, 3});
  const at::Tensor y = make_baseline("mean", {{4, 3, 5, 3}, {4, 3, 5, 3}}, {})->forward(x);
  ASSERT_EQ(y.sizes(), x.sizes());
  const at::Tensor expected = (x.select(1, 0) + x.select(1, 1) + x.select(1, 2) + x.select(1, 3)) / 4;
  for (int64_t t = 0; t < 4; ++t) EXPECT_LT(largest(y.select(1, t) - expected), 1e-6);
}

TEST(Trivial, AnswersInTheTargetsChannels) {
  const at::Tensor x = at::rand({1, 2, 3, 4, 5});
  for (const char* name : {"persistence", "mean"}) {
    const at::Tensor fewer = make_baseline(name, {{2, 3, 4, 5}, {2, 3, 4, 3}}, {})->forward(x);
    const at::Tensor all = make_baseline(name, {{2, 3, 4, 5}, {2, 3, 4, 5}}, {})->forward(x);
    EXPECT_TRUE(fewer.equal(all.narrow(4, 0, 3))) << name;
    const at::Tensor more = make_baseline(name, {{2, 3, 4, 5}, {2, 3, 4, 7}}, {})->forward(x);
    EXPECT_TRUE(more.narrow(4, 0, 5).equal(all)) << name;
    EXPECT_EQ(largest(more.narrow(4, 5, 2)), 0) << name;
  }
}

TEST(Trivial, HasNothingToTrain) {
  for (const char* name : {"persistence", "mean"}) {
    const auto model = make_baseline(name, {{2, 3, 4, 1}, {2, 3, 4, 1}}, {});
    EXPECT_FALSE(registry().at(name).trainable);
    EXPECT_EQ(model->parameter_count(), 0);
    EXPECT_TRUE(model->state().empty());
    EXPECT_NE(thrown_by([&] {
                model->forward(at::rand({2, 3, 4, 1}));
              }).find("(B,T,H,W,C)"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace windtunnel::baselines
