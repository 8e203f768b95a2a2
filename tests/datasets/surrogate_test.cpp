#include "datasets/surrogate.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "datasets/formats/hdf5_file.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryFolder;
using testing::write_hdf5;

const fs::path kGolden = fs::path(WINDTUNNEL_GOLDEN) / "datasets/realpdebench/data";

TEST(Surrogate, BothFlavoursHoldTheSameWindows) {
  const Scenario s = load_scenario("combustion");
  const auto arrow = SurrogateClips::open(s, kGolden, 0, SurrogateClips::Flavour::arrow);
  const auto hdf5 = SurrogateClips::open(s, kGolden, arrow->step(), SurrogateClips::Flavour::hdf5);
  EXPECT_EQ(hdf5->starts(), hdf5->frames() - 4 + 1);
  EXPECT_EQ(arrow->starts(), arrow->frames() - 4);  // the cut clips lack the last window
  for (const auto& id : arrow->ids())
    for (int64_t t = 0; t < arrow->starts(); ++t) {
      const auto a = arrow->window(id, t), h = hdf5->window(id, t);
      EXPECT_EQ(a.input.shape, (core::Shape{4, h.input.shape[1], h.input.shape[2], 17}));
      EXPECT_TRUE(a.input.data == h.input.data && a.target.data == h.target.data) << id << " " << t;
      EXPECT_EQ(a.input.data[15], a.parameters[0]);
      EXPECT_EQ(a.input.data[16], static_cast<float>(a.parameters[1]));
    }
}

TEST(Surrogate, StepsAndFoldersThatDoNotFit) {
  const Scenario s = load_scenario("combustion");
  EXPECT_EQ(error_of([&] { SurrogateClips::open(s, kGolden, 5, SurrogateClips::Flavour::arrow); }).kind(),
            core::ErrorKind::usage);
  EXPECT_EQ(error_of([&] { SurrogateClips::open(s, kGolden, 50, SurrogateClips::Flavour::hdf5); }).kind(),
            core::ErrorKind::usage);
  const TemporaryFolder root;
  EXPECT_EQ(error_of([&] { SurrogateClips::open(s, root.path()); }).kind(), core::ErrorKind::data);
  EXPECT_EQ(simulated_part(s).channels(), 15);
  EXPECT_EQ(simulated_part(testing::toy_scenario()).channels(), 1);
  Scenario measured = testing::toy_scenario();
  measured.fields.pop_back();
  EXPECT_EQ(error_of([&] { simulated_part(measured); }).kind(), core::ErrorKind::usage);
}

TEST(Surrogate, DamagedClips) {
  const TemporaryFolder root;
  const Scenario s = load_scenario("combustion");
  const fs::path home = root / "combustion";
  fs::create_directories(home);
  fs::copy(kGolden / "combustion/hf_dataset", home / "hf_dataset", fs::copy_options::recursive);
  const auto open = [&] {
    const auto clips = SurrogateClips::open(s, root.path());
    for (const auto& id : clips->ids()) clips->window(id, 0);
  };
  EXPECT_NO_THROW(open());
  const fs::path list = home / "hf_dataset/surrogate_train_sim_ids.txt";
  const std::string ids = core::read_file(list);
  core::write_file_atomic(list, ids + "80NH3_1.3.h5\n");
  EXPECT_NE(error_of(open).found().find("rows"), std::string::npos);
  core::write_file_atomic(list, ids.substr(ids.find('\n') + 1) + ids.substr(0, ids.find('\n') + 1));
  EXPECT_NE(error_of(open).found().find("holds"), std::string::npos);
  core::write_file_atomic(list, ids);
  core::write_file_atomic(home / "hf_dataset/surrogate_train_meta.json", R"({"step": 4})");
  EXPECT_NE(error_of(open).found().find("n_sim_frame"), std::string::npos);

  for (const int frames : {5, 6}) {
    write_hdf5(home / "numerical_surrogate_train/20NH3_1.h5", "measured_data", {6, 2, 2, 15},
               std::vector<double>(6 * 4 * 15));
    write_hdf5(home / "real_surrogate_train/20NH3_1.h5", "trajectory", {static_cast<hsize_t>(frames), 2, 2},
               std::vector<double>(static_cast<size_t>(frames) * 4));
    const auto hdf5 = [&] { SurrogateClips::open(s, root.path(), 3, SurrogateClips::Flavour::hdf5); };
    if (frames == 6)
      EXPECT_NO_THROW(hdf5());
    else
      EXPECT_NE(error_of(hdf5).found().find("'trajectory' has shape (5, 2, 2)"), std::string::npos);
    fs::remove_all(home / "numerical_surrogate_train");
    fs::remove_all(home / "real_surrogate_train");
  }
}

/// Frames 0, 1, 2, ... whose value is their number.
class Counting : public Trajectory {
 public:
  explicit Counting(int64_t frames) {
    frames_ = frames;
    height_ = width_ = 2;
    parameters_ = {7};
  }
  using Trajectory::read;
  void read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t, float* out,
            int64_t step) const override {
    for (int64_t k = 0; k < (end - begin) * 4; ++k)
      for (size_t f = 0; f < fields.size(); ++f)
        out[k * step + static_cast<int64_t>(f)] = static_cast<float>(begin + k / 4);
  }
  std::string path() const override { return "counting"; }
};

TEST(Surrogate, EveryFrameIsDerivedOnce) {
  Scenario s = testing::toy_scenario();
  s.fields = {s.fields[2], s.fields[2]};
  for (const int64_t frames : {4, 5, 8, 11, 12}) {
    const Counting t(frames);
    const auto got = derive_intensity(t, s, 4, [](const core::Array& x) {
      EXPECT_EQ(x.shape, (core::Shape{4, 2, 2, 3}));
      EXPECT_EQ(x.data[2], 7.0f);
      core::Array y({4, 2, 2, 1});
      for (size_t k = 0; k < y.data.size(); ++k) y.data[k] = 10 * x.data[3 * k];
      return y;
    });
    ASSERT_EQ(got.shape, (core::Shape{frames, 2, 2}));
    for (int64_t k = 0; k < got.numel(); ++k)
      EXPECT_EQ(got.data[static_cast<size_t>(k)], 10.0f * static_cast<float>(k / 4)) << frames;
  }
  EXPECT_EQ(error_of([&] { derive_intensity(Counting(3), s, 4, {}); }).kind(), core::ErrorKind::data);
}

TEST(Surrogate, FilesStandBesideTheSimulatedOnes) {
  const TemporaryFolder root;
  const Scenario s = load_scenario("combustion");
  write_hdf5(root / "combustion/numerical/20NH3_1.h5", "measured_data", {6, 2, 2, 15},
             std::vector<double>(360));
  write_hdf5(root / "combustion/numerical/20NH3_1.h5", "time", {6}, {0, 1, 2, 3, 4, 5}, {.float64 = true});
  core::Array intensity({6, 2, 2});
  for (size_t k = 0; k < intensity.data.size(); ++k) intensity.data[k] = static_cast<float>(k);
  write_surrogate(s, root.path(), "20NH3_1.h5", intensity);
  const auto t = open_trajectories(s, root.path(), Side::numerical)->open("20NH3_1.h5");
  EXPECT_EQ(t->read({0}, 0, 6).data, intensity.data);
  EXPECT_TRUE(Hdf5File(root / "combustion/surrogate/20NH3_1.h5").has("time"));
}

}  // namespace
}  // namespace windtunnel::datasets
