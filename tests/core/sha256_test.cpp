#include "core/sha256.h"

#include "core/file.h"
#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

TEST(Sha256, KnownVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, PiecesAndFilesGiveTheSame) {
  const std::string text(3'000'000, 'a');
  Sha256 hash;
  for (size_t i = 0; i < text.size(); i += 777)
    hash.update(text.data() + i, std::min<size_t>(777, text.size() - i));
  const std::string digest = sha256(text);
  EXPECT_EQ(hash.hex(), digest);
  const TemporaryFolder folder;
  write_file_atomic(folder / "a", text);
  EXPECT_EQ(sha256_file(folder / "a"), digest);
  EXPECT_EQ(caught([&] { sha256_file(folder / "none"); }).kind(), ErrorKind::data);
}

// SHA-256("7/cylinder/12") begins with 939206246db42e68.
TEST(Sha256, StreamSeedIsTheHeadOfTheDigest) {
  EXPECT_EQ(stream_seed(7, "cylinder/12"), 0x939206246db42e68u);
  EXPECT_NE(stream_seed(7, "cylinder/12"), stream_seed(8, "cylinder/12"));
  EXPECT_NE(stream_seed(7, "cylinder/12"), stream_seed(7, "cylinder/13"));
}

}  // namespace
}  // namespace windtunnel::core
