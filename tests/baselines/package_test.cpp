#include "baselines/exported/package.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <torch/script.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/file.h"

namespace windtunnel::baselines {
namespace {

namespace fs = std::filesystem;

const fs::path kExample = WINDTUNNEL_SOURCE "/examples/pytorch_module";

/// The example's package with another description.
ExportedModule described(const std::string& extra) {
  const fs::path folder = fs::temp_directory_path() / ("windtunnel-package-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  fs::copy_file(kExample / "residual_conv_compiled.pt2", folder / "m.pt2",
                fs::copy_options::overwrite_existing);
  core::write_file_atomic(folder / "m.yaml", "name: m\nmodule: m.pt2\nlayout: BCTHW\n" + extra);
  return read_exported_module(folder / "m.yaml");
}

ModelContext context(int64_t frames = 6, int64_t height = 16, int64_t width = 24) {
  ModelContext c;
  c.input = c.output = {frames, height, width, 3};
  return c;
}

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.found() + " / " + error.expected() + " / " + error.hint();
  }
  return "nothing was refused";
}

/// The same module as TorchScript, on (B,T,H,W,C).
at::Tensor scripted(const at::Tensor& x) {
  auto module = torch::jit::load((kExample / "residual_conv.pt").string());
  return module.forward({x.permute({0, 4, 1, 2, 3}).contiguous()}).toTensor().permute({0, 2, 3, 4, 1});
}

TEST(Package, ForecastsLikeTheModuleItWasCompiledFrom) {
  const at::NoGradGuard guard;
  const auto info = exported_baseline(read_exported_module(kExample / "residual_conv_compiled.yaml"));
  EXPECT_FALSE(info.trainable);
  for (const auto& c : {context(), context(4, 12, 20)}) {
    const auto model = info.create(c, *info.options());
    model->eval();
    const at::Tensor x = at::randn({3, c.input.frames, c.input.height, c.input.width, 3});
    EXPECT_TRUE(at::allclose(model->predict(x), scripted(x), 1e-5, 1e-5));
  }
}

TEST(Package, BatchesAreCutAndFilled) {
  const at::NoGradGuard guard;
  const at::Tensor x = at::randn({5, 6, 16, 24, 3});
  for (const char* size :
       {"max_batch: 3\n", "max_batch: 2\n", "batch: 2\n", "batch: 5\n", "max_batch: 64\n"}) {
    const auto info = exported_baseline(described(size));
    const auto model = info.create(context(), *info.options());
    model->eval();
    const at::Tensor y = model->predict(x);
    ASSERT_EQ(y.size(0), 5) << size;
    EXPECT_TRUE(at::allclose(y, scripted(x), 1e-5, 1e-5)) << size;
  }
}

TEST(Package, ItsWeightsAreShownAndFrozen) {
  const auto info = exported_baseline(described("max_batch: 64\n"));
  const auto model = info.create(context(), *info.options()), twin = info.create(context(), *info.options());
  EXPECT_TRUE(model->trainable_parameters().empty());
  const auto original = torch::jit::load((kExample / "residual_conv.pt").string());
  int64_t count = 0;
  for (const auto& p : original.parameters()) count += p.numel();
  EXPECT_LE(model->parameter_count(), count);  // the compiler writes small ones into the code
  EXPECT_GT(model->parameter_count(), count / 2);
  const auto told = exported_baseline(read_exported_module(kExample / "residual_conv_compiled.yaml"));
  EXPECT_EQ(told.create(context(), *told.options())->parameter_count(), count);
  StateDict state = model->state();
  twin->load_state(state, "itself");
  state[0].second = state[0].second + 1;
  EXPECT_NE(refusal([&] { twin->load_state(state, "other.safetensors"); }).find("compiled into"),
            std::string::npos);
  model->train();
  EXPECT_NE(refusal([&] {
              model->forward(at::randn({1, 6, 16, 24, 3}));
            }).find("cannot be trained"),
            std::string::npos);
}

TEST(Package, ShapesBeyondTheExportedRangeAreErrorsNotNumbers) {
  const at::NoGradGuard guard;
  const auto info = exported_baseline(described("max_batch: 200\n"));
  const auto model = info.create(context(), *info.options());
  model->eval();
  EXPECT_NE(refusal([&] {
              model->predict(at::randn({100, 6, 16, 24, 3}));
            }).find("failed on (100, 3, 6"),
            std::string::npos);
  ModelContext two_fields = context();
  two_fields.input.channels = two_fields.output.channels = 2;
  const auto other = info.create(two_fields, *info.options());
  other->eval();
  EXPECT_NE(refusal([&] {
              other->predict(at::randn({1, 6, 16, 24, 2}));
            }).find("shapes it was compiled for"),
            std::string::npos);
}

TEST(Package, DescriptionsThatCannotBeMeantAreRefused) {
  EXPECT_NE(refusal([] { described(""); }).find("needs one of batch and max_batch"), std::string::npos);
  EXPECT_NE(refusal([] { described("batch: 2\nmax_batch: 4\n"); }).find("one of"), std::string::npos);
  EXPECT_NE(refusal([] { described("batch: 0\n"); }).find("from 1"), std::string::npos);
  EXPECT_NE(refusal([] { described("batch: 2\ntrainable: true\n"); }).find("cannot be trained"),
            std::string::npos);
  const auto info = exported_baseline(described("batch: 2\ninput: [4, 8, 8, 3]\n"));
  EXPECT_NE(refusal([&] { info.create(context(), *info.options()); }).find("was exported for input"),
            std::string::npos);
}

TEST(Package, FilesThatAreNoPackageAreRefused) {
  ExportedModule about = described("batch: 2\n");
  std::ofstream(about.module) << "no archive";
  EXPECT_NE(refusal([&] { make_packaged(about, context()); }).find("not a compiled package"),
            std::string::npos);
  fs::copy_file(kExample / "residual_conv.pt", about.module, fs::copy_options::overwrite_existing);
  EXPECT_NE(refusal([&] { make_packaged(about, context()); }).find("not a compiled package"),
            std::string::npos);
}

}  // namespace
}  // namespace windtunnel::baselines
