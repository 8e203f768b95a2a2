// Damaged and hostile files: every one must be read correctly or refused with a data error that names the
// file; none may crash, hang or take memory out of proportion.
#include <algorithm>

#include "core/random.h"
#include "core/torch_file.h"
#include "tests/core/caught.h"
#include "tests/core/torch_builder.h"

namespace windtunnel::core {
namespace {

/// Reads everything that a file offers; true if it could be read, false if it was refused as it should be.
bool read_all(const std::filesystem::path& path) {
  try {
    if (path.extension() == ".safetensors") {
      const SafetensorsFile file(path);
      for (const auto& name : file.names()) {
        const TensorView& view = file.at(name);
        if (view.type != DType::c64 && view.type != DType::c128) file.doubles(name);
      }
      return true;
    }
    const TorchFile file(path);
    for (const auto& [name, tensor] : state_dict(file.root(), file.path())) tensor.dense();
    if (const auto views = file.root().find("views"))
      for (const auto& [name, value] : views->dict().items)
        if (std::holds_alternative<PickleTensor>(value->value)) value->tensor().dense();
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_FALSE(error.found().empty());
    return false;
  }
}

Error refused(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "bad.pth", bytes);
  const Error error = caught([&] {
    const TorchFile file(folder / "bad.pth");
    for (const auto& [name, tensor] : state_dict(file.root(), file.path())) tensor.dense();
  });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_TRUE(has(error.found(), "bad.pth"));
  return error;
}

void mutate(std::string& bytes, PythonRandom& random) {
  const auto place = [&] { return random.below(bytes.size()); };
  switch (random.below(5)) {
    case 0:  // some bytes change
      for (uint64_t i = 0, n = 1 + random.below(6); i < n; ++i)
        bytes[place()] = static_cast<char>(random.below(256));
      break;
    case 1:  // one bit flips
      bytes[place()] ^= static_cast<char>(1u << random.below(8));
      break;
    case 2:  // the end is missing
      bytes.resize(place());
      break;
    case 3: {  // a piece is missing
      const size_t begin = place();
      bytes.erase(begin, 1 + random.below(40));
      break;
    }
    default: {  // a number becomes extreme
      const size_t begin = place();
      bytes.replace(begin, std::min<size_t>(bytes.size() - begin, 4),
                    random.below(2) ? "\xff\xff\xff\xff" : "\xff\xff\xff\x7f");
    }
  }
}

class Mutated : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Files, Mutated,
                         testing::Values("everything_p2.pth", "everything_p4.pth", "everything_legacy_p2.pth",
                                         "module.pth", "views.safetensors"));

TEST_P(Mutated, IsReadOrRefused) {
  const TemporaryFolder folder;
  const std::string original = read_file(golden(GetParam()));
  const auto path = folder / (std::string("mutated") + golden(GetParam()).extension().string());
  PythonRandom random(original.size());
  int read = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = original;
    mutate(bytes, random);
    write_file_atomic(path, bytes);
    SCOPED_TRACE(i);
    (read_all(path) ? read : refused)++;
  }
  EXPECT_GT(read, 0);  // a changed weight is still a weight
  EXPECT_GT(refused, 200);
}

TEST(HostileFile, EveryTruncationIsRefused) {
  const TemporaryFolder folder;
  for (const char* name : {"bare_state.pth", "everything_legacy_p4.pth", "state.safetensors"}) {
    const std::string original = read_file(golden(name));
    const auto path = folder / name;
    for (size_t length = 0; length < original.size(); length += 1 + original.size() / 300) {
      write_file_atomic(path, original.substr(0, length));
      EXPECT_FALSE(read_all(path)) << name << " cut to " << length;
    }
  }
}

TEST(HostileFile, WhatIsNoTorchFileIsSaidSo) {
  EXPECT_TRUE(has(refused("").found(), "(0 bytes) is no torch file"));
  EXPECT_TRUE(has(refused("version https://git-lfs.github.com/spec/v1\n").hint(), "Git LFS"));
  EXPECT_TRUE(has(refused(pickle::file("}")).found(), "is no torch file"));
  EXPECT_TRUE(has(refused("PK\3\4 and nothing else").found(), "without its directory"));
  EXPECT_TRUE(has(refused(zip({{"x/readme", ""}})).found(), "without an entry .../data.pkl"));
}

TEST(HostileFile, ZipRules) {
  const std::string body = pickle::dict({{"w", pickle::tensor(pickle::storage("0", 4), 0, {4}, {1})}});
  EXPECT_TRUE(has(refused(zip({{"x/data.pkl", pickle::file(body)}}, 8)).found(), "compressed"));
  EXPECT_TRUE(has(refused(zip({{"x/data.pkl", pickle::file(body)}})).found(), "entry 'x/data/0' is missing"));
  EXPECT_TRUE(has(refused(zip({{"x/data.pkl", ""}, {"x/data.pkl", ""}})).found(), "appears twice"));
  EXPECT_TRUE(has(refused(torch_zip(body, 3)).found(), "has 12 bytes"));
  EXPECT_EQ(refused(zip({{"x/data.pkl", pickle::file(body)}, {"x/byteorder", "big"}})).expected(), "little");
  // The prefix comes from the entry, whatever the file is called; none is fine, too.
  const TemporaryFolder folder;
  write_file_atomic(folder / "good.pth", torch_zip(body));
  write_file_atomic(folder / "plain.pth",
                    zip({{"data.pkl", pickle::file(body)}, {"data/0", std::string(16, '\0')}}));
  EXPECT_TRUE(read_all(folder / "good.pth"));
  EXPECT_TRUE(read_all(folder / "plain.pth"));
}

TEST(HostileFile, TensorsStayInsideTheirStorage) {
  const auto tensor = [](int32_t offset, std::vector<int32_t> shape, std::vector<int32_t> strides) {
    return torch_zip(pickle::dict({{"w", pickle::tensor(pickle::storage("0", 4), offset, shape, strides)}}));
  };
  EXPECT_TRUE(has(refused(tensor(1, {4}, {1})).found(), "leave storage '0' of 4 elements"));
  EXPECT_TRUE(has(refused(tensor(0, {2, 2}, {3, 1})).found(), "leave storage"));
  EXPECT_TRUE(has(refused(tensor(-1, {1}, {1})).found(), "leave storage"));
  EXPECT_TRUE(has(refused(tensor(0, {-1}, {1})).found(), "the integer -1"));
  EXPECT_TRUE(has(refused(tensor(0, {1}, {-1})).found(), "the integer -1"));
  EXPECT_TRUE(has(refused(tensor(0, {1, 1}, {1})).found(), "2 sizes and 1 strides"));
  const int32_t huge = 0x7fffffff;
  EXPECT_TRUE(has(refused(tensor(0, {huge, huge, huge}, {0, 0, 0})).found(), "leave storage"));
  EXPECT_TRUE(has(refused(tensor(0, {huge, huge, huge}, {huge, huge, huge})).found(), "leave storage"));
  EXPECT_TRUE(
      has(refused(tensor(0, std::vector<int32_t>(65, 1), std::vector<int32_t>(65, 1))).found(), "65 axes"));
  EXPECT_TRUE(has(refused(tensor(0, {100'000'000}, {0})).found(), "its tensors take over"));
  EXPECT_TRUE(has(refused(torch_zip(pickle::storage("0", -4))).found(), "element count"));
  EXPECT_TRUE(has(refused(torch_zip(pickle::storage(std::string(300, 'k'), 4))).found(), "300 letters"));
}

TEST(HostileFile, PickleMachineRules) {
  const auto body = [](const std::string& text) { return refused(torch_zip(text)).found(); };
  EXPECT_TRUE(has(body("i"), "opcode 105"));
  EXPECT_TRUE(has(body("0"), "stack is empty"));
  EXPECT_TRUE(has(body("t"), "a mark is needed"));
  EXPECT_TRUE(has(body("h\x05"), "memo slot 5"));
  EXPECT_TRUE(has(body("(N"), "ends with 1 values"));
  EXPECT_TRUE(has(body("(a"), "stack is empty"));
  EXPECT_TRUE(has(body("}(Nu"), "a key without a value"));
  EXPECT_TRUE(has(body("}Na"), "put into a dictionary"));
  EXPECT_TRUE(has(body("NQ"), "found None"));
  EXPECT_TRUE(has(body("X\xff\xff\xff\x7f"), "2147483647 bytes are announced"));
  EXPECT_TRUE(has(body("\x8b\xff\xff\xff\x7f"), "an integer of 2147483647 bytes"));
  EXPECT_TRUE(has(body("ctorch"), "a name without its end"));
  EXPECT_TRUE(
      has(body(pickle::name("collections", "OrderedDict") + "NR"), "arguments of collections.OrderedDict"));
  EXPECT_TRUE(has(body(pickle::name("torch._utils", "_rebuild_tensor_v2") + ")R"), "has 0 arguments"));
  EXPECT_TRUE(has(refused(zip({{"x/data.pkl", "\x80\x01N."}})).found(), "pickle protocol 1"));
  EXPECT_TRUE(has(refused(zip({{"x/data.pkl", "N"}})).found(), "byte 1"));
}

TEST(HostileFile, NothingIsExecuted) {
  const std::string call = pickle::name("os", "system") + pickle::tuple({pickle::text("exit 1")}) + "R";
  const TemporaryFolder folder;
  write_file_atomic(folder / "a.pth", torch_zip(call));
  const TorchFile file(folder / "a.pth");
  const auto& opaque = std::get<PickleOpaque>(file.root().value);
  EXPECT_EQ(opaque.callable, "os.system");
  EXPECT_EQ(opaque.arguments->list().items.at(0)->text(), "exit 1");
}

TEST(HostileFile, DeepAndCyclicValuesAreFreedWithoutRecursion) {
  const TemporaryFolder folder;
  constexpr size_t depth = 300'000;
  write_file_atomic(folder / "deep.pth", torch_zip(std::string(depth, ']') + std::string(depth - 1, 'a')));
  EXPECT_EQ(TorchFile(folder / "deep.pth").root().list().items.size(), 1u);
  write_file_atomic(folder / "cyclic.pth", torch_zip("]q\1h\1a"));
  const TorchFile file(folder / "cyclic.pth");
  EXPECT_EQ(file.root().list().items.at(0).get(), &file.root());
  // A module inside itself: its walk ends.
  const std::string module = pickle::name("x", "Net") + ")Rq\1}(" + pickle::text("_modules") + "}" +
                             pickle::text("again") + "h\1su" + "b";
  EXPECT_TRUE(has(refused(torch_zip(module)).found(), "modules nest deeper than 64"));
}

TEST(HostileFile, RepeatedCopiesOfALargeValueAreBounded) {
  // A list of 200,000 entries, then as many calls as one likes that copy it: 16 bytes each time from 9 bytes
  // of file.
  std::string body =
      "](" + std::string(200'000, 'N') + "e\x85q\1" + "0" + pickle::name("torch", "Size") + "q\2" + "0(";
  for (int i = 0; i < 20'000; ++i) body += "h\2h\1R";
  EXPECT_TRUE(has(refused(torch_zip(body + "t")).found(), "more than 2 GiB"));
}

TEST(HostileFile, SharedModulesDoNotMultiply) {
  // Level i holds level i-1 twice: 2^40 modules from a few hundred bytes.
  std::string body = pickle::name("x", "Net") + ")R}(" + pickle::text("_modules") + "}ub";
  for (int i = 0; i < 40; ++i)
    body += "q\1" + std::string("0") + pickle::name("x", "Net") + ")R}(" + pickle::text("_modules") + "}(" +
            pickle::text("a") + "h\1" + pickle::text("b") + "h\1uub";
  EXPECT_TRUE(has(refused(torch_zip(body)).found(), "entries in its modules"));
}

TEST(HostileFile, LegacyRules) {
  const std::string body = pickle::dict({{"w", pickle::tensor(pickle::storage("k", 4), 0, {4}, {1})}});
  const TemporaryFolder folder;
  write_file_atomic(folder / "good.pth", legacy(body, {{"k", 4}}));
  const TorchFile file(folder / "good.pth");
  EXPECT_EQ(state_dict(file.root(), file.path()).at(0).second.dense().size(), 16u);
  EXPECT_TRUE(has(refused(legacy(body)).found(), "storage 'k' has no data"));
  EXPECT_TRUE(has(refused(legacy(body, {{"k", 4}, {"l", 1}})).found(), "storage 'l' is not used"));
  EXPECT_TRUE(has(refused(legacy(body, {{"k", 5}})).found(), "has 5 elements"));
  std::string cut = legacy(body, {{"k", 4}});
  cut.pop_back();
  EXPECT_TRUE(has(refused(cut).found(), "cut off"));
  // The class of a pickled module comes with its source text.
  const std::string net = pickle::tuple({pickle::text("module"), pickle::name("x", "Net"),
                                         pickle::text("net.py"), pickle::text("class Net: ...")}) +
                          "Q";
  write_file_atomic(folder / "module.pth",
                    legacy(net + ")R}(" + pickle::text("_parameters") + body + "ub", {{"k", 4}}));
  EXPECT_TRUE(read_all(folder / "module.pth"));
}

}  // namespace
}  // namespace windtunnel::core
