#include "baselines/dpot/dpot.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/utils.h>

#include "baselines/layers.h"
#include "baselines/presets.h"
#include "tests/baselines/published_case.h"

namespace windtunnel::baselines {
namespace {

PublishedCase published_case(const std::string& name) {
  return {"dpot", name, "dpot_s", DpotOptions::from_published};
}

TEST(DpotGolden, BothKernelsGiveThePublishedNumbers) {
  expect_published_numbers(published_case("dpot_basic"), false);
}

TEST(DpotGolden, BackboneIsLoadedWhereItFits) {
  const PublishedCase golden = published_case("dpot_backbone");
  const auto file = published_folder("dpot") / "dpot_backbone_upstream.pth";
  core::Json options = golden.options;
  options["backbone"] = file.string();
  const auto model =
      std::dynamic_pointer_cast<Dpot>(make_baseline("dpot_s", golden.context("published"), options));
  ASSERT_TRUE(model);
  const std::map<std::string, at::Tensor> expected(golden.weights.begin(), golden.weights.end());
  for (const auto& [name, value] : model->state()) {
    const auto kept = golden.json.at("kept").get<std::vector<std::string>>();
    const bool fresh = std::find(kept.begin(), kept.end(), name) != kept.end();
    EXPECT_EQ(value.equal(expected.at(name)), !fresh) << name;
  }
  const auto report = model->load_backbone(load_weights(file).state, "backbone");
  EXPECT_EQ(report.loaded, golden.json.at("loaded_from_backbone").get<std::vector<std::string>>());
}

TEST(DpotGolden, ResizingMatches) {
  const core::Json json = core::read_json((published_folder("dpot") / "fft_resize.json").string());
  const PublishedTensors tensors(published_folder("dpot") / "fft_resize.safetensors");
  for (const auto& item : json.at("items")) {
    const std::string index = std::to_string(item.at("index").get<int64_t>());
    const at::Tensor in = tensors.at(index + "/input"), out = tensors.at(index + "/output");
    for (const bool reference : {false, true}) {
      const FourierResize resize(in.size(1), in.size(2), out.size(1), out.size(2), true, reference);
      EXPECT_LE(by_deviation(resize(in.flatten(3)).reshape(out.sizes()), out), 1e-5);
    }
  }
}

class ResizeSizes : public testing::TestWithParam<std::array<int64_t, 4>> {};
INSTANTIATE_TEST_SUITE_P(EvenOddUpDown, ResizeSizes,
                         testing::Values(std::array<int64_t, 4>{6, 9, 8, 8},
                                         std::array<int64_t, 4>{7, 6, 12, 13},
                                         std::array<int64_t, 4>{12, 10, 5, 6},
                                         std::array<int64_t, 4>{8, 12, 16, 12},
                                         std::array<int64_t, 4>{2, 2, 4, 3}));

TEST_P(ResizeSizes, MatricesEqualTheTransform) {
  const auto [x, y, a, b] = GetParam();
  const at::Tensor field = at::randn({2, x, y, 3});
  const at::Tensor fast = FourierResize(x, y, a, b, true, false)(field);
  EXPECT_LE((fast - FourierResize(x, y, a, b, true, true)(field)).abs().max().item<double>(), 2e-5);
  const at::Tensor constant = at::full({1, x, y, 1}, 2.5);
  for (const bool published : {false, true})
    EXPECT_LE((FourierResize(x, y, a, b, published, false)(constant) - 2.5).abs().max().item<double>(), 1e-5);
}

TEST(FourierResize, CorrectedEnlargingAndReducingGivesTheFieldBack) {
  const at::Tensor field = at::randn({1, 8, 12, 2});
  const FourierResize enlarge(8, 12, 16, 24, false, false), reduce(16, 24, 8, 12, false, false);
  const at::Tensor fine = enlarge(field);
  EXPECT_LE((reduce(fine.contiguous()) - field).abs().max().item<double>(), 1e-5);
  // Interpolation: every second point of the finer grid is a point of the coarser one.
  EXPECT_LE((fine.slice(1, 0, 16, 2).slice(2, 0, 24, 2) - field).abs().max().item<double>(), 1e-5);
  const at::Tensor published = FourierResize(8, 12, 16, 24, true, false)(field);
  EXPECT_GT((published - fine).abs().max().item<double>(), 1e-2);
}

DpotOptions small_options() {
  DpotOptions options;
  options.img_size = 16;
  options.patch_size = 4;
  options.embed_dim = 16;
  options.depth = 2;
  options.n_blocks = 2;
  options.out_layer_dim = 6;
  options.n_cls = 2;
  return options;
}

void expect_equal_kernels(DpotOptions options, const ModelContext& context) {
  options.kernels = "fast";
  const auto fast_owner = std::make_shared<Dpot>(context, options);
  Dpot& fast = *fast_owner;
  options.kernels = "reference";
  const auto reference_owner = std::make_shared<Dpot>(context, options);
  Dpot& reference = *reference_owner;
  reference.load_state(fast.state(), "the other kernels");
  const SampleShape& in = context.input;
  const at::Tensor x = at::randn({2, in.frames, in.height, in.width, in.channels});
  const at::Tensor a = fast.forward(x), b = reference.forward(x);
  EXPECT_LE(by_deviation(a, b), 1e-4);
  a.square().mean().backward();
  b.square().mean().backward();
  const auto expected = reference.named_parameters();
  for (const auto& item : fast.named_parameters())
    if (item.value().grad().defined()) {
      EXPECT_LE(l2_norm(item.value().grad() - expected[item.key()].grad()),
                2e-3 * l2_norm(expected[item.key()].grad()) + 1e-8)
          << item.key();
    }
}

TEST(Dpot, KernelsAgreeIncludingGradients) {
  DpotOptions options = small_options();
  expect_equal_kernels(options, context_for({4, 8, 10, 3}, {4, 8, 10, 2}, "published"));
  options.modes = 2;
  expect_equal_kernels(options, context_for({4, 16, 16, 5}, {4, 16, 16, 5}));
  options.time_agg = "mlp";
  options.out_timesteps = 2;
  expect_equal_kernels(options, context_for({3, 8, 8, 2}, {6, 8, 8, 2}));
}

TEST(Dpot, WindowsAreFedBack) {
  DpotOptions options = small_options();
  options.out_timesteps = 2;
  const auto windows_owner = std::make_shared<Dpot>(context_for({3, 16, 16, 2}, {5, 16, 16, 2}), options);
  Dpot& windows = *windows_owner;
  options.out_timesteps = 0;
  const auto once_owner = std::make_shared<Dpot>(context_for({3, 16, 16, 2}, {2, 16, 16, 2}), options);
  Dpot& once = *once_owner;
  once.load_state(windows.state(), "");
  const at::Tensor x = at::randn({1, 3, 16, 16, 2});
  const at::Tensor all = without_gradient(windows, x);
  ASSERT_EQ(all.size(1), 5);
  const at::Tensor first = without_gradient(once, x);
  EXPECT_LE(by_deviation(all.narrow(1, 0, 2), first), 1e-5);
  const at::Tensor next = at::cat({x.narrow(1, 2, 1), first}, 1);
  EXPECT_LE(by_deviation(all.narrow(1, 2, 2), without_gradient(once, next)), 1e-4);
}

TEST(Dpot, CompatChangesResizedFieldsOnly) {
  const auto difference = [](int64_t height) {
    const auto published_owner = std::make_shared<Dpot>(
        context_for({2, height, 16, 3}, {2, height, 16, 3}, "published"), small_options());
    Dpot& published = *published_owner;
    const auto corrected_owner =
        std::make_shared<Dpot>(context_for({2, height, 16, 3}, {2, height, 16, 3}), small_options());
    Dpot& corrected = *corrected_owner;
    corrected.load_state(published.state(), "");
    const at::Tensor x = at::randn({1, 2, height, 16, 3});
    return (without_gradient(published, x) - without_gradient(corrected, x)).abs().max().item<double>();
  };
  EXPECT_EQ(difference(16), 0);
  EXPECT_GT(difference(8), 1e-7);
}

TEST(Dpot, LoadingAcceptsPrefixesInPublishedModeOnly) {
  const auto source_owner =
      std::make_shared<Dpot>(context_for({2, 16, 16, 3}, {2, 16, 16, 3}), small_options());
  Dpot& source = *source_owner;
  StateDict renamed;
  for (const auto& [name, value] : source.state()) renamed.emplace_back("module." + name.substr(11), value);
  const auto published_owner =
      std::make_shared<Dpot>(context_for({2, 16, 16, 3}, {2, 16, 16, 3}, "published"), small_options());
  Dpot& published = *published_owner;
  published.load_state(renamed, "file");
  const auto expected = source.named_parameters();
  for (const auto& item : published.named_parameters()) EXPECT_TRUE(item.value().equal(expected[item.key()]));
  EXPECT_NE(error_of([&] { source.load_state(renamed, "file"); }).find("file"), std::string::npos);
}

TEST(Dpot, RejectsWhatItCannotDo) {
  const auto error = [](std::vector<int64_t> in, std::vector<int64_t> out, core::Json values) {
    core::Json options = {
        {"img_size", 16}, {"patch_size", 4}, {"embed_dim", 16}, {"depth", 1}, {"n_blocks", 2}};
    options.update(values);
    return error_of([&] { make_baseline("dpot_s", context_for(in, out), options); });
  };
  EXPECT_NE(error({2, 8, 8, 3}, {2, 8, 8, 3}, {{"patch_size", 5}}).find("patch_size 5"), std::string::npos);
  EXPECT_NE(error({2, 8, 8, 3}, {2, 8, 8, 3}, {{"embed_dim", 12}}).find("multiple of 8"), std::string::npos);
  EXPECT_NE(error({2, 8, 8, 3}, {2, 8, 8, 3}, {{"in_channels", 3}}).find("in_channels"), std::string::npos);
  EXPECT_NE(error({2, 8, 8, 6}, {2, 8, 8, 6}, {{"out_channels", 7}}).find("out_channels"), std::string::npos);
  EXPECT_NE(error({2, 8, 8, 3}, {2, 8, 8, 3}, {{"in_timesteps", 3}}).find("in_timesteps"), std::string::npos);
  EXPECT_NE(error({2, 8, 8, 3}, {2, 8, 8, 3}, {{"out_timesteps", 3}}).find("out_timesteps"),
            std::string::npos);
  EXPECT_NE(error({2, 8, 8, 3}, {9, 8, 8, 3}, {{"out_timesteps", 4}}).find("leave 1"), std::string::npos);
  EXPECT_NE(error({2, 8, 8, 5}, {4, 8, 8, 3}, {{"out_timesteps", 2}}).find("fed back"), std::string::npos);
  EXPECT_NE(error({2, 8, 8, 3}, {2, 8, 8, 3}, {{"backbone", "absent.pth"}}).find("absent.pth"),
            std::string::npos);
  EXPECT_NE(error_of([] {
              DpotOptions::from_published({{"model_type", "dpot3d"}});
            }).find("dpot3d"),
            std::string::npos);
  EXPECT_NE(error_of([] {
              DpotOptions::from_published({{"normalize", true}});
            }).find("normalize"),
            std::string::npos);
}

TEST(Dpot, PublishedSettingsHaveThePublishedSizes) {
  const ShapeOnly shape_only;
  const auto count = [](const char* name) {
    return make_baseline(name, context_for({20, 64, 64, 16}, {20, 64, 64, 16}),
                         preset(name, "published", "combustion").at("model"))
        ->parameter_count();
  };
  EXPECT_EQ(count("dpot_s"), 41539663);
  EXPECT_EQ(count("dpot_l"), 674151951);
}

}  // namespace
}  // namespace windtunnel::baselines
