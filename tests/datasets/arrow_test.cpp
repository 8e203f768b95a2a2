#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "core/file.h"
#include "datasets/dataset.h"
#include "datasets/formats/arrow_table.h"
#include "datasets/formats/arrow_writer.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::TemporaryFolder;
using testing::value_of;

constexpr int64_t kFrames = 12, kHeight = 5, kWidth = 6;

std::string message(const core::Error& e) { return e.found() + " | " + e.expected() + " | " + e.hint(); }

template <class T>
std::string packed(int field, int trajectory, int64_t channels = 1) {
  std::vector<T> values;
  for (int64_t t = 0; t < kFrames; ++t)
    for (int64_t y = 0; y < kHeight; ++y)
      for (int64_t x = 0; x < kWidth; ++x)
        for (int c = 0; c < channels; ++c)
          values.push_back(static_cast<T>(value_of(field + c, trajectory, t, y, x)));
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// u as float32, v as float64, w with two channels.
Scenario arrow_scenario() {
  Scenario s = testing::toy_scenario();
  s.formats = {"realpdebench_arrow"};
  s.fields[0].source["realpdebench_arrow"][Side::real] = "u";
  s.fields[1].source["realpdebench_arrow"][Side::real] = "v";
  s.fields[2].sides = {Side::real};
  s.fields[2].source["realpdebench_arrow"][Side::real] = "w[1]";
  return s;
}

const std::vector<ArrowField> kFields = {{"sim_id", ArrowType::text},    {"u", ArrowType::binary},
                                         {"v", ArrowType::large_binary}, {"shape_t", ArrowType::int32},
                                         {"shape_h", ArrowType::int32},  {"shape_w", ArrowType::int32},
                                         {"w", ArrowType::binary},       {"w_channels", ArrowType::int32},
                                         {"t", ArrowType::binary},       {"t_shape", ArrowType::int32}};

std::vector<ArrowValue> row(int trajectory) {
  std::vector<double> times(kFrames);
  for (size_t i = 0; i < times.size(); ++i) times[i] = 0.25 * static_cast<double>(i);
  const std::string t(reinterpret_cast<const char*>(times.data()), times.size() * sizeof(double));
  return {std::to_string(1000 + 100 * trajectory) + ".h5",
          packed<float>(0, trajectory),
          packed<double>(1, trajectory),
          kFrames,
          kHeight,
          kWidth,
          packed<float>(2, trajectory, 2),
          int64_t{2},
          trajectory == 1 ? ArrowValue() : ArrowValue(t),
          trajectory == 1 ? ArrowValue() : ArrowValue(kFrames)};
}

class Arrow : public ::testing::Test {
 protected:
  fs::path folder() const { return root_ / "toy/hf_dataset/real"; }
  void write(int rows = 3, int shards = 2,
             const std::function<void(int, std::vector<ArrowValue>&)>& change = {}) {
    fs::remove_all(folder());
    fs::create_directories(folder().parent_path());
    write_arrow_folder(folder(), kFields, rows, shards, [&](int64_t i) {
      auto values = row(static_cast<int>(i));
      if (change) change(static_cast<int>(i), values);
      return values;
    });
  }
  std::shared_ptr<const Trajectory> open(const std::string& id = "1000.h5") const {
    return open_trajectories(arrow_scenario(), root_.path(), Side::real)->open(id);
  }
  core::Error error(const std::string& id = "1000.h5") const {
    const auto e = error_of([&] { open(id)->read({0, 1, 2}, 0, kFrames); });
    EXPECT_EQ(e.kind(), core::ErrorKind::data);
    return e;
  }
  TemporaryFolder root_;
};

TEST_F(Arrow, RowsOfEveryShardAndElementSize) {
  write();
  const auto store = open_trajectories(arrow_scenario(), root_.path(), Side::real);
  EXPECT_EQ(store->ids(), (std::vector<std::string>{"1000.h5", "1100.h5", "1200.h5"}));
  for (int i = 0; i < 3; ++i)
    for (const int64_t stride : {1, 2, 4}) {
      const auto t = store->open(store->ids()[static_cast<size_t>(i)]);
      EXPECT_EQ(t->parameters(), std::vector<double>{1000.0 + 100 * i});
      const auto a = t->read({0, 1, 2}, 3, 9, stride);
      ASSERT_EQ(a.shape,
                (core::Shape{6, (kHeight + stride - 1) / stride, (kWidth + stride - 1) / stride, 3}));
      size_t k = 0;
      for (int64_t frame = 3; frame < 9; ++frame)
        for (int64_t y = 0; y < kHeight; y += stride)
          for (int64_t x = 0; x < kWidth; x += stride)
            for (const int field : {0, 1, 3}) ASSERT_EQ(a.data[k++], value_of(field, i, frame, y, x));
    }
  EXPECT_EQ(store->open("1000.h5")->times()[3], 0.75);
  EXPECT_TRUE(store->open("1100.h5")->times().empty());
}

TEST_F(Arrow, FilesOfTheFolderAndTheirOrder) {
  write(7, 3);
  for (const char* name : {"data-00000-of-00003.arrow", "data-00002-of-00003.arrow", "dataset_info.json"})
    EXPECT_TRUE(fs::exists(folder() / name)) << name;
  const auto table = ArrowTable::open_folder(folder());
  ASSERT_EQ(table.rows(), 7);
  for (int64_t i = 0; i < 7; ++i) EXPECT_EQ(table.text(i, "sim_id"), std::to_string(1000 + 100 * i) + ".h5");
  EXPECT_EQ(table.file(2), table.file(0));  // three rows, then two and two
  EXPECT_NE(table.file(3), table.file(2));
  EXPECT_EQ(table.columns().size(), kFields.size());
  EXPECT_EQ(error_of([&] { write_arrow_folder(folder(), kFields, 0, 1, {}); }).kind(),
            core::ErrorKind::usage);
  EXPECT_EQ(arrow_shards(1'000'000'000, 500'000'000, 92), 3);
  EXPECT_EQ(arrow_shards(1'000'000'000, 500'000'000, 2), 2);
  EXPECT_EQ(arrow_shards(10, 500'000'000, 2), 1);
}

TEST_F(Arrow, ThreadsReadTheSame) {
  write();
  const auto t = open();
  const auto expected = t->read({0, 1, 2}, 0, kFrames);
  std::atomic<int> different{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat)
        different += t->read({0, 1, 2}, 0, kFrames).data != expected.data;
    });
  threads.clear();
  EXPECT_EQ(different, 0);
}

TEST_F(Arrow, DeliversWholeSamplesInOnePass) {
  write(2, 1);
  const auto t = open_trajectories(arrow_scenario(), root_.path(), Side::real)->open("1100.h5");
  const std::vector<ChannelSource> channels = {
      {2, 0, 1500, 3}, {-1, 7, 3, 4}, {0, 0, 0, 1}, {1, 0, -2.5f, 0.125f}};
  for (const int64_t stride : {1, 2, 4})
    for (const int64_t step : {4, 6}) {
      const int64_t rows = (kHeight + stride - 1) / stride, columns = (kWidth + stride - 1) / stride;
      std::vector<float> out(static_cast<size_t>(5 * rows * columns * step), 1);
      t->deliver(channels, 4, 9, stride, out.data(), step);
      for (int64_t k = 0; k < 5 * rows * columns; ++k) {
        const auto value = [&](int field) {
          return static_cast<float>(value_of(field, 1, 4 + k / (rows * columns), k / columns % rows * stride,
                                             k % columns * stride));
        };
        const float* at = out.data() + k * step;
        EXPECT_EQ(at[0], (value(3) - 1500) / 3);
        EXPECT_EQ(at[1], 1);
        EXPECT_EQ(at[2], value(0));
        EXPECT_EQ(at[3], (value(1) + 2.5f) / 0.125f);
        if (step > 4) {
          EXPECT_EQ(at[4], 1) << "between the samples nothing is written";
        }
      }
    }
}

TEST_F(Arrow, TruncatedAtEveryPlace) {
  write(2, 1);
  const fs::path shard = folder() / "data-00000-of-00001.arrow";
  const std::string whole = core::read_file(shard);
  for (size_t size = 0; size < whole.size(); size += size < 2000 ? 97 : 1999) {
    std::ofstream(shard, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    EXPECT_NE(message(error()).find("data-00000-of-00001.arrow is not a whole Arrow file"), std::string::npos)
        << size;
  }
  // Without its last row, but closed like a whole stream.
  std::string cut = whole.substr(0, whole.size() / 2) + std::string("\xff\xff\xff\xff\0\0\0\0", 8);
  std::ofstream(shard, std::ios::binary | std::ios::trunc) << cut;
  error();
  std::ofstream(shard, std::ios::binary | std::ios::trunc) << "not Arrow at all, but long enough for it";
  error();
}

TEST_F(Arrow, MutatedBytesAreReadOrRefused) {
  write(2, 1);
  const fs::path shard = folder() / "data-00000-of-00001.arrow";
  const std::string whole = core::read_file(shard);
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string changed = whole;
    for (int n = 0; n < 3; ++n)
      changed[random() % std::min<size_t>(changed.size(), 4000)] = static_cast<char>(random());
    std::ofstream(shard, std::ios::binary | std::ios::trunc) << changed;
    try {
      const auto store = open_trajectories(arrow_scenario(), root_.path(), Side::real);
      for (const auto& id : store->ids()) {
        const auto t = store->open(id);
        t->read({0, 1, 2}, 0, std::min<int64_t>(t->frames(), 2));
      }
    } catch (const core::Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 50);
}

TEST_F(Arrow, MissingIndexAndFiles) {
  write();
  const std::string state = core::read_file(folder() / "state.json");
  const auto with_state = [&](const std::string& text, const std::string& expected) {
    core::write_file_atomic(folder() / "state.json", text);
    EXPECT_NE(message(error()).find(expected), std::string::npos) << message(error());
  };
  with_state("{", "state.json");
  with_state("[]", "_data_files");
  with_state(R"({"_data_files": [7]})", "filename");
  with_state(R"({"_data_files": [{"filename": "../../secret.arrow"}]})", "../../secret.arrow");
  with_state(R"({"_data_files": [{"filename": "data-00009-of-00009.arrow"}]})", "data-00009-of-00009.arrow");
  const std::string twice = R"({"filename": "data-00000-of-00002.arrow"})";
  with_state(R"({"_data_files": [)" + twice + "," + twice + "]}", "'1000.h5' is also in");
  fs::remove(folder() / "state.json");
  EXPECT_NE(message(error()).find("state.json does not exist"), std::string::npos);
  core::write_file_atomic(folder() / "state.json", state);
  EXPECT_NE(message(error("1.h5")).find("trajectory '1.h5' is not in"), std::string::npos);
}

TEST_F(Arrow, NullsLengthsTypesAndNotFiniteValues) {
  write(2, 1, [](int i, auto& values) {
    if (i == 0) values[1] = ArrowValue();
  });
  EXPECT_NE(message(error()).find("(1000.h5): column 'u' is null"), std::string::npos);
  EXPECT_NO_THROW(open("1100.h5"));
  write(2, 1, [](int, auto& values) { std::get<std::string>(values[6]).resize(100); });
  EXPECT_NE(message(error()).find("column 'w' has 100 bytes"), std::string::npos);
  write(2, 1, [](int, auto& values) { values[3] = int64_t{0}; });
  EXPECT_NE(message(error()).find("'shape_t' is 0"), std::string::npos);
  write(2, 1, [](int, auto& values) { values[3] = values[4] = values[5] = int64_t{2147483647}; });
  EXPECT_NE(message(error()).find("column 'u' has"), std::string::npos);
  write(2, 1, [](int, auto& values) { values[7] = int64_t{1}; });
  EXPECT_NE(message(error()).find("column 'w' has 1 channels"), std::string::npos);
  write(2, 1, [](int, auto& values) {
    const double nan = std::nan("");
    std::memcpy(std::get<std::string>(values[2]).data() + ((4 * kHeight + 2) * kWidth + 3) * 8, &nan, 8);
  });
  EXPECT_NE(message(error()).find("field 'v' is not a number at frame 4, row 2, column 3"), std::string::npos)
      << message(error());
  EXPECT_NO_THROW(open()->read({0, 1, 2}, 5, kFrames));

  write();
  Scenario s = arrow_scenario();
  for (const auto& [column, text] : {std::pair("q", "has no column 'q'"), {"shape_t", "has type int32"}}) {
    s.fields[0].source["realpdebench_arrow"][Side::real] = column;
    const auto e = error_of([&] { open_trajectories(s, root_.path(), Side::real)->open("1000.h5"); });
    EXPECT_NE(message(e).find(text), std::string::npos) << message(e);
  }
}

TEST_F(Arrow, DataForALaterReaderAreRefused) {
  write();
  const auto with = [&](const std::string& text) { core::write_file_atomic(root_ / "version.json", text); };
  for (const char* accepted : {R"({"min_code_version": "0.2.0"})", R"({"min_code_version": "next"})", "{",
                               "[]", R"({"min_code_version": "0.1.9.4"})"}) {
    with(accepted);
    EXPECT_NO_THROW(open()) << accepted;
  }
  with(R"({"min_code_version": "0.10.0"})");
  EXPECT_NE(message(error()).find("a reader of version 0.10.0"), std::string::npos);
}

/// Leaves holes where long runs are written.
class SparseFile : public arrow::io::OutputStream {
 public:
  explicit SparseFile(const fs::path& path) : fd_(::open(path.c_str(), O_CREAT | O_RDWR, 0600)) {}
  ~SparseFile() override { ::close(fd_); }
  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }
  arrow::Result<int64_t> Tell() const override { return at_; }
  arrow::Status Write(const void* data, int64_t size) override {
    if (size < 1'000'000 && ::pwrite(fd_, data, static_cast<size_t>(size), at_) != size)
      return arrow::Status::IOError("write");
    if (size >= 1'000'000) value_at_ = at_;
    at_ += size;
    return ::ftruncate(fd_, at_) == 0 ? arrow::Status::OK() : arrow::Status::IOError("size");
  }
  using OutputStream::Write;
  int fd() const { return fd_; }
  int64_t value_at() const { return value_at_; }

 private:
  int fd_;
  int64_t at_ = 0, value_at_ = 0;
};

/// A row above 2^31 bytes, of which 20 frames are stored: reading them leaves the others on disk.
TEST_F(Arrow, WindowOfAHugeRowTouchesItsFramesOnly) {
  constexpr int64_t frames = 18000, height = 128, width = 256, frame_bytes = height * width * 4;
  static_assert(frames * frame_bytes > 2147483648);
  fs::create_directories(folder());
  const auto size = static_cast<size_t>(frames * frame_bytes);
  void* zeros = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(zeros, MAP_FAILED);
  const auto numbers = [](const auto& list) {
    return arrow::Buffer::FromString(std::string(reinterpret_cast<const char*>(list.data()), sizeof list));
  };
  const auto schema =
      arrow::schema({arrow::field("sim_id", arrow::utf8()), arrow::field("u", arrow::large_binary()),
                     arrow::field("shape_t", arrow::int32()), arrow::field("shape_h", arrow::int32()),
                     arrow::field("shape_w", arrow::int32())});
  const auto integer = [&](int64_t n) {
    return arrow::ArrayData::Make(arrow::int32(), 1, {nullptr, numbers(std::array{static_cast<int32_t>(n)})},
                                  0);
  };
  const auto batch = arrow::RecordBatch::Make(
      schema, 1,
      {arrow::ArrayData::Make(arrow::utf8(), 1,
                              {nullptr, numbers(std::array{0, 7}), arrow::Buffer::FromString("1000.h5")}, 0),
       arrow::ArrayData::Make(
           arrow::large_binary(), 1,
           {nullptr, numbers(std::array<int64_t, 2>{0, static_cast<int64_t>(size)}),
            std::make_shared<arrow::Buffer>(static_cast<uint8_t*>(zeros), static_cast<int64_t>(size))},
           0),
       integer(frames), integer(height), integer(width)});
  const fs::path shard = folder() / "data-00000-of-00001.arrow";
  {
    SparseFile file(shard);
    const auto writer = arrow::ipc::MakeStreamWriter(&file, schema).ValueOrDie();
    ASSERT_TRUE(writer->WriteRecordBatch(*batch).ok());
    ASSERT_TRUE(writer->Close().ok());
    const std::vector<float> ones(static_cast<size_t>(20 * height * width), 1.5f);
    ASSERT_EQ(::pwrite(file.fd(), ones.data(), ones.size() * 4, file.value_at() + 17000 * frame_bytes),
              20 * frame_bytes);
    ::fsync(file.fd());
    ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
  }
  ::munmap(zeros, size);
  core::write_file_atomic(folder() / "state.json",
                          R"({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]})");

  Scenario s = arrow_scenario();
  s.fields.resize(1);
  const auto t = open_trajectories(s, root_.path(), Side::real)->open("1000.h5");
  EXPECT_EQ(t->frames(), frames);
  const auto a = t->read({0}, 17000, 17020, 2);
  EXPECT_TRUE(std::all_of(a.data.begin(), a.data.end(), [](float v) { return v == 1.5f; }));
  EXPECT_EQ(t->read({0}, 16999, 17000).data.front(), 0.0f);

  const core::MappedFile mapped(shard);
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((mapped.size() + page - 1) / page);
  ASSERT_EQ(::mincore(mapped.data(), mapped.size(), resident.data()), 0);
  const auto touched = std::count_if(resident.begin(), resident.end(), [](unsigned char c) { return c & 1; });
  // The system reads ahead of what is touched; the row has 2.4 GB.
  EXPECT_LT(static_cast<int64_t>(touched) * static_cast<int64_t>(page), frames * frame_bytes / 20);
}

}  // namespace
}  // namespace windtunnel::datasets
