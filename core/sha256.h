#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace windtunnel::core {

/// Lower-case hexadecimal SHA-256.
std::string sha256(std::string_view bytes);
std::string sha256_file(const std::filesystem::path& path);

/// Streaming form.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(const void* data, size_t bytes);
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// First 8 bytes (big endian) of SHA-256("<seed>/<id>"): the seed of one sample's random stream, independent
/// of the order, thread or rank that reads it.
uint64_t stream_seed(uint64_t seed, std::string_view id);

}  // namespace windtunnel::core
