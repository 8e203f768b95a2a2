#include "core/sha256.h"

#include <openssl/evp.h>

#include <fstream>

#include "core/error.h"

namespace windtunnel::core {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}
Sha256::~Sha256() = default;
void Sha256::update(const void* data, size_t bytes) { EVP_DigestUpdate(state_->context, data, bytes); }

std::string Sha256::hex() {
  unsigned char digest[32];
  unsigned length = 0;
  EVP_DigestFinal_ex(state_->context, digest, &length);
  static const char* digits = "0123456789abcdef";
  std::string text;
  for (unsigned char byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes.data(), bytes.size());
  return hash.hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw data_error("cannot read " + path.string(), "a readable file");
  Sha256 hash;
  std::string buffer(1 << 20, '\0');
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0)
    hash.update(buffer.data(), static_cast<size_t>(in.gcount()));
  return hash.hex();
}

uint64_t stream_seed(uint64_t seed, std::string_view id) {
  const std::string digest = sha256(std::to_string(seed) + "/" + std::string(id));
  return std::stoull(digest.substr(0, 16), nullptr, 16);
}

}  // namespace windtunnel::core
