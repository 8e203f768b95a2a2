#include "core/file.h"

#include <fstream>

#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

namespace fs = std::filesystem;

size_t files_in(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(File, WritesAndReads) {
  const TemporaryFolder folder;
  const std::string bytes("a\0b\n", 4);
  write_file_atomic(folder / "a", bytes);
  EXPECT_EQ(read_file(folder / "a"), bytes);
  write_file_atomic(folder / "a", "second");
  EXPECT_EQ(read_file(folder / "a"), "second");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(File, FailedWriteLeavesTheOldFileAndNoTemporaryOne) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "a", "old");
  EXPECT_THROW(write_atomic(folder / "a",
                            [](const fs::path& temporary) {
                              std::ofstream(temporary) << "half";
                              throw std::runtime_error("disk on fire");
                            }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(File, MissingFolderIsAnEnvironmentError) {
  const TemporaryFolder folder;
  const Error error = caught([&] { write_file_atomic(folder / "none/a", "x"); });
  EXPECT_EQ(error.kind(), ErrorKind::environment);
  EXPECT_TRUE(has(error.found(), "none/a: No such file or directory"));
}

TEST(File, NoPermissionIsAnEnvironmentError) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const Error error = caught([&] { write_file_atomic(folder / "a", "x"); });
  EXPECT_EQ(error.kind(), ErrorKind::environment);
  EXPECT_TRUE(has(error.found(), "Permission denied"));
}

TEST(File, FolderInTheWayIsReported) {
  const TemporaryFolder folder;
  make_folder(folder / "a/b");
  const Error error = caught([&] { write_file_atomic(folder / "a", "x"); });
  EXPECT_EQ(error.kind(), ErrorKind::environment);
  EXPECT_EQ(files_in(folder.path()), 1u);
  EXPECT_TRUE(has(caught([&] { read_file(folder / "a"); }).found(), "it is a folder"));
  EXPECT_EQ(caught([&] { make_folder("/proc/none/a"); }).kind(), ErrorKind::environment);
}

TEST(File, MissingFileIsADataErrorWithItsName) {
  const Error error = caught([] { read_file("none/such.h5"); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_EQ(error.found(), "cannot read none/such.h5: No such file or directory");
}

TEST(File, AppendsLines) {
  const TemporaryFolder folder;
  append_line(folder / "journal", "one");
  append_line(folder / "journal", "two");
  EXPECT_EQ(read_file(folder / "journal"), "one\ntwo\n");
  EXPECT_EQ(caught([&] { append_line(folder / "none/journal", "x"); }).kind(), ErrorKind::environment);
}

TEST(File, MappingShowsTheContentAndNeverChangesIt) {
  const TemporaryFolder folder;
  write_file_atomic(folder / "a", "abc");
  const MappedFile mapping(folder / "a");
  ASSERT_EQ(mapping.size(), 3u);
  EXPECT_EQ(static_cast<char>(mapping.data()[1]), 'b');
  mapping.data()[1] = std::byte{'x'};
  EXPECT_EQ(read_file(folder / "a"), "abc");
  write_file_atomic(folder / "empty", "");
  EXPECT_EQ(MappedFile(folder / "empty").size(), 0u);
  EXPECT_EQ(caught([&] { MappedFile none(folder / "none"); }).kind(), ErrorKind::data);
}

}  // namespace
}  // namespace windtunnel::core
