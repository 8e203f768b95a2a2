#include "core/torch_file.h"

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>

#include "tests/core/caught.h"
#include "tests/core/torch_builder.h"

namespace windtunnel::core {
namespace {

std::vector<double> doubles(const PickleTensor& tensor) {
  const auto bytes = tensor.dense();
  return to_doubles({tensor.type, tensor.shape, bytes.data()});
}

/// Names, shapes and values equal state.safetensors, which Python's safetensors package wrote of the same
/// module.
void expect_golden_state(const std::filesystem::path& path) {
  SCOPED_TRACE(path.filename());
  const TorchFile file(path);
  const auto state = state_dict(file.root(), file.path());
  const SafetensorsFile expected(golden("state.safetensors"));
  const std::vector<std::string> order = {"a.weight",
                                          "a.bias",
                                          "b.weight",
                                          "b.bias",
                                          "b.running_mean",
                                          "b.running_var",
                                          "b.num_batches_tracked",
                                          "c.weight",
                                          "tied.weight",
                                          "tied.bias"};
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state) {
    names.push_back(name);
    EXPECT_EQ(tensor.shape, expected.at(name).shape) << name;
    EXPECT_EQ(tensor.type, expected.at(name).type) << name;
    EXPECT_EQ(doubles(tensor), expected.doubles(name)) << name;
  }
  EXPECT_EQ(names, order);
}

TEST(TorchFile, StateDictOfEveryWayToSaveIt) {
  for (const char* name : {"bare_state.pth", "state_dict_key.pth", "model_key.pth", "module.pth",
                           "everything_p2.pth", "everything_p4.pth", "everything_legacy_p2.pth"})
    expect_golden_state(golden(name));
}

TEST(TorchFile, TiedWeightsShareTheirStorage) {
  const TorchFile file(golden("bare_state.pth"));
  const auto state = state_dict(file.root(), file.path());
  EXPECT_EQ(state[0].second.storage_key, state[8].second.storage_key);
  EXPECT_EQ(state[0].second.storage, state[8].second.storage);
}

class TorchFileProtocols : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Files, TorchFileProtocols,
                         testing::Values("everything_p2.pth", "everything_p3.pth", "everything_p4.pth",
                                         "everything_p5.pth", "everything_legacy_p2.pth",
                                         "everything_legacy_p4.pth"));

TEST_P(TorchFileProtocols, ReadsEveryValue) {
  const TorchFile file(golden(GetParam()));
  const PickleValue& root = file.root();
  const auto at = [&](const char* key) -> const PickleValue& { return *root.find(key); };
  EXPECT_EQ(at("train_losses").list().items[1]->real(), 0.25);
  EXPECT_EQ(at("val_losses").find("rmse")->list().items[0]->real(), 0.5);
  EXPECT_TRUE(std::isnan(at("val_losses").find("rmse")->list().items[1]->real()));
  EXPECT_EQ(at("iteration").integer(), 3);
  EXPECT_EQ(at("best_val_loss").real(), 0.25);
  EXPECT_EQ(at("numpy_f64").real(), 0.25);
  EXPECT_EQ(at("numpy_f32").real(), 1.5);
  EXPECT_EQ(at("numpy_f16").real(), 0.5);
  EXPECT_EQ(at("numpy_i64").integer(), -7);
  EXPECT_EQ(at("numpy_u8").integer(), 200);
  EXPECT_TRUE(std::get<bool>(at("numpy_bool").value));
  EXPECT_TRUE(std::holds_alternative<PickleOpaque>(at("numpy_array").value));
  EXPECT_EQ(at("long").integer(), int64_t{1} << 40);
  EXPECT_EQ(at("negative_long").integer(), -(int64_t{1} << 40));
  EXPECT_TRUE(std::holds_alternative<PickleOpaque>(at("longer_than_64_bits").value));
  EXPECT_EQ(at("negative").integer(), -5);
  EXPECT_EQ(at("set").list().kind, "set");
  EXPECT_EQ(at("set").list().items.at(0)->integer(), 7);
  EXPECT_EQ(at("frozenset").list().items.at(0)->integer(), 3);
  EXPECT_EQ(at("bytes").text(), std::string("\xff\0a", 3));
  EXPECT_EQ(at("size").list().items.at(1)->integer(), 2);
  EXPECT_EQ(at("defaultdict").dict().kind, "defaultdict");
  EXPECT_EQ(at("defaultdict").find("x")->list().items.at(0)->integer(), 1);
  EXPECT_EQ(std::get<PickleOpaque>(at("dtype").value).callable, "torch.float32");
  EXPECT_EQ(std::get<PickleOpaque>(at("device").value).callable, "torch.device");
  EXPECT_EQ(std::get<PickleOpaque>(at("namespace").value).callable, "argparse.Namespace");
  EXPECT_EQ(std::get<PickleOpaque>(at("namespace").value).state->find("a")->integer(), 1);
  EXPECT_TRUE(at("none").is_none());
  EXPECT_TRUE(std::get<bool>(at("true").value));
  EXPECT_EQ(at("tuple").list().items.size(), 4u);
  EXPECT_EQ(at("text").text(),
            "gr\xc3\xb6\xc3\x9f"
            "er");
  EXPECT_TRUE(std::holds_alternative<PickleOpaque>(at("unknown_type").value));
  EXPECT_EQ(root.find("none such"), nullptr);
}

// views.safetensors holds the same tensors, made dense by Python.
TEST_P(TorchFileProtocols, AppliesStridesConjugationAndTypes) {
  const TorchFile file(golden(GetParam()));
  const SafetensorsFile expected(golden("views.safetensors"));
  const auto views = file.root().find("views");
  ASSERT_EQ(views->dict().items.size(), 15u);
  for (const auto& [name, value] : views->dict().items) {
    SCOPED_TRACE(name->text());
    const TensorView& plain = expected.at(name->text());
    const PickleTensor& tensor = value->tensor();
    EXPECT_EQ(tensor.type, plain.type);
    EXPECT_EQ(tensor.shape, plain.shape);
    const auto bytes = tensor.dense();
    ASSERT_EQ(bytes.size(), plain.bytes());
    EXPECT_TRUE(bytes.empty() || std::memcmp(bytes.data(), plain.data, bytes.size()) == 0);
  }
}

TEST(TorchFile, BareTensorIsARootButNoStateDict) {
  const TorchFile file(golden("bare_tensor.pth"));
  EXPECT_EQ(file.root().tensor().shape, (Shape{2, 3}));
  const Error error = caught([&] { state_dict(file.root(), file.path()); });
  EXPECT_TRUE(has(error.found(), "bare_tensor.pth holds a tensor (2, 3)"));
}

TEST(TorchFile, TypedAccessSaysWhatWasFound) {
  const TorchFile file(golden("everything_p2.pth"));
  const Error error = caught([&] { file.root().find("text")->integer(); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_TRUE(has(error.found(), "found the text 'gr"));
  EXPECT_EQ(error.expected(), "an integer");
  EXPECT_EQ(caught([&] { file.root().find("iteration")->tensor(); }).found(), "found the integer 3");
  EXPECT_EQ(caught([&] { file.root().find("tuple")->dict(); }).found(), "found a tuple of 4 entries");
  EXPECT_EQ(caught([&] { file.root().find("none")->list(); }).found(), "found None");
}

TEST(TorchFile, StateDictNamesTheEntryThatIsNoTensor) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "a.pth", torch_zip(pickle::dict({{"weight", pickle::integer(3)}})));
  const TorchFile file(folder / "a.pth");
  EXPECT_TRUE(
      has(caught([&] { state_dict(file.root(), file.path()); }).found(), "entry 'weight' is the integer 3"));
}

TEST(TorchFile, WritesWhatItReads) {
  const TemporaryFolder folder;
  const std::vector<float> floats{1.5f, -2, 3};
  const std::vector<std::complex<float>> pairs{{1, 2}, {3, 4}};
  const int64_t counter = 7;
  const auto raw = [](const auto& list) { return reinterpret_cast<const std::byte*>(list.data()); };
  write_torch_state(
      folder / "model_0100.pth",
      {{"norm.weight", {DType::f32, {3, 1}, raw(floats)}},
       {"norm.num_batches_tracked", {DType::i64, {}, reinterpret_cast<const std::byte*>(&counter)}},
       {"spectral", {DType::c64, {2}, raw(pairs)}},
       {"none", {DType::f32, {0, 2}, nullptr}}},
      {{"iteration", 100}, {"best_val_loss", 0.5}, {"big", 1e12}, {"nan", std::nan("")}});
  const TorchFile file(folder / "model_0100.pth");
  const auto state = state_dict(file.root(), file.path());
  ASSERT_EQ(state.size(), 4u);
  EXPECT_EQ(state[0].first, "norm.weight");
  EXPECT_EQ(state[0].second.shape, (Shape{3, 1}));
  EXPECT_EQ(doubles(state[0].second), (std::vector<double>{1.5, -2, 3}));
  EXPECT_EQ(doubles(state[1].second), std::vector<double>{7});
  const auto bytes = state[2].second.dense();
  EXPECT_EQ(std::memcmp(bytes.data(), pairs.data(), bytes.size()), 0);
  EXPECT_EQ(state[3].second.shape, (Shape{0, 2}));
  for (const auto& [name, tensor] :
       state)  // payloads stand on 64-byte boundaries of the file, and so in memory
    if (tensor.storage_numel) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.storage) % 64, 0u) << name;
    }
  EXPECT_EQ(file.root().find("iteration")->integer(), 100);
  EXPECT_EQ(file.root().find("best_val_loss")->real(), 0.5);
  EXPECT_EQ(file.root().find("big")->integer(), 1'000'000'000'000);
  EXPECT_TRUE(std::isnan(file.root().find("nan")->real()));
  EXPECT_TRUE(has(caught([&] {
                    write_torch_state(folder / "b.pth",
                                      {{"a", {DType::f32, {0}, nullptr}}, {"a", {DType::f32, {0}, nullptr}}});
                  }).found(),
                  "'a' is taken"));
  EXPECT_EQ(caught([&] { write_torch_state(folder / "none/b.pth", {}); }).kind(), ErrorKind::environment);
}

}  // namespace
}  // namespace windtunnel::core
