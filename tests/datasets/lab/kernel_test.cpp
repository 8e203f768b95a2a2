#include "datasets/lab/kernel.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "datasets/lab/flow.h"
#include "datasets/lab/lattice.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr int kCells = 45;  // no multiple of any vector length

struct RandomRow {
  std::vector<std::vector<float>> in, out;
  std::vector<float> tau0, far, outlet;
  CollisionRow row;

  explicit RandomRow(uint64_t seed) : in(9), out(9, std::vector<float>(kCells)) {
    core::PythonRandom random(seed);
    for (int q = 0; q < 9; ++q)
      for (int x = 0; x < kCells; ++x)
        in[q].push_back(static_cast<float>(kWeight[q] * (0.25 * kCx[q] + 0.1 * (random.random() - 0.5))));
    for (int x = 0; x < kCells; ++x) {
      tau0.push_back(static_cast<float>(0.5005 + 0.3 * random.random()));
      far.push_back(static_cast<float>(0.1 * random.random()));
      outlet.push_back(static_cast<float>(0.1 * random.random()));
    }
    for (int q = 0; q < 9; ++q) {
      row.in[q] = in[q].data();
      row.out[q] = out[q].data();
    }
    row.tau0 = tau0.data();
    row.far = far.data();
    row.outlet = outlet.data();
    row.far_u = 0.08f;
    row.far_v = 0.003f;
    row.closure = 18 * 0.14f * 0.14f;
    row.count = kCells;
  }
};

struct RandomBody {
  std::vector<std::vector<float>> f;
  std::vector<float> chi, push_u, push_v;
  BodyRow row;

  explicit RandomBody(uint64_t seed) : f(RandomRow(seed).in), push_u(kCells), push_v(kCells) {
    core::PythonRandom random(seed + 1);
    for (int x = 0; x < kCells; ++x) chi.push_back(static_cast<float>(random.random()));
    for (int q = 0; q < 9; ++q) row.f[q] = f[q].data();
    row.chi = chi.data();
    row.body_u = 0.01f;
    row.body_v = -0.02f;
    row.body_v_step = 0.001f;
    row.push_u = push_u.data();
    row.push_v = push_v.data();
    row.count = kCells;
  }
};

TEST(LabKernel, EveryVariantAgreesWithTheReference) {
  ASSERT_GE(kernels().size(), 2u);
  const Kernel& reference = kernels().front();
  ASSERT_EQ(reference.name, "reference");
  for (const auto& k : kernels())
    for (uint64_t seed = 0; seed < 5; ++seed)
      for (const bool absorb : {false, true}) {
        RandomRow expected(seed), got(seed);
        (absorb ? reference.collide_absorb : reference.collide)(expected.row);
        (absorb ? k.collide_absorb : k.collide)(got.row);
        for (int q = 0; q < 9; ++q)
          for (int x = 0; x < kCells; ++x)
            ASSERT_NEAR(got.out[q][x], expected.out[q][x], 2e-7)
                << k.name << " q " << q << " x " << x << " " << absorb;
      }
}

TEST(LabKernel, EveryVariantDrivesTheFluidLikeTheReference) {
  for (const auto& k : kernels()) {
    RandomBody expected(3), got(3);
    kernels().front().penalise(expected.row);
    k.penalise(got.row);
    for (int x = 0; x < kCells; ++x) {
      ASSERT_NEAR(got.push_u[x], expected.push_u[x], 2e-7) << k.name;
      ASSERT_NEAR(got.push_v[x], expected.push_v[x], 2e-7) << k.name;
      for (int q = 0; q < 9; ++q) ASSERT_NEAR(got.f[q][x], expected.f[q][x], 2e-7) << k.name;
    }
  }
}

TEST(LabKernel, CollisionKeepsMassAndMomentum) {
  RandomRow row(7);
  kernel("fast").collide(row.row);
  for (int x = 0; x < kCells; ++x) {
    double mass = 0, u = 0, v = 0;
    for (int q = 0; q < 9; ++q) {
      const double change = double{row.out[q][x]} - row.in[q][x];
      mass += change;
      u += kCx[q] * change;
      v += kCy[q] * change;
    }
    EXPECT_NEAR(mass, 0, 3e-7);
    EXPECT_NEAR(u, 0, 3e-7);
    EXPECT_NEAR(v, 0, 3e-7);
  }
}

std::vector<float> state_after(const std::string& variant, int steps) {
  FlowOptions options;
  options.length = 6;
  options.height = 4;
  options.upstream = 2;
  options.cells = 8;
  options.reynolds = 500;
  options.smagorinsky = 0.14;
  options.kernels = variant;
  Body body{std::make_shared<Circle>(1.0), {0.03, 0.05}, std::make_shared<Heave>(0.2, 0.2)};
  Flow flow(options, {body});
  InflowOptions gusts;
  gusts.intensity = 0.05;
  flow.set_inflow(std::make_shared<Inflow>(flow.height(), 8, 8, flow.step_length(), gusts, 1, 2));
  flow.start();
  for (int i = 0; i < steps; ++i) flow.step();
  FlowFields fields;
  flow.fields(fields);
  std::vector<float> all = fields.u;
  all.insert(all.end(), fields.v.begin(), fields.v.end());
  all.insert(all.end(), fields.p.begin(), fields.p.end());
  return all;
}

TEST(LabKernel, AFlowRunsAlikeWithReferenceAndVectorKernels) {
  const auto expected = state_after("reference", 150), got = state_after("fast", 150);
  ASSERT_EQ(got.size(), expected.size());
  const size_t velocities = got.size() / 3 * 2;
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], i < velocities ? 1e-4 : 3e-3) << i;
}

TEST(LabKernel, VectorVariantsGiveTheSameBits) {
  const auto first = state_after(kernels()[1].name, 200);
  for (const auto& k : kernels()) {
    if (k.name == "reference") continue;
    const auto other = state_after(k.name, 200);
    ASSERT_EQ(other.size(), first.size());
    EXPECT_EQ(std::memcmp(other.data(), first.data(), first.size() * sizeof(float)), 0) << k.name;
  }
}

TEST(LabKernel, UnknownNameIsAnError) { EXPECT_THROW(kernel("avx1024"), Error); }

}  // namespace
}  // namespace windtunnel::datasets::lab
