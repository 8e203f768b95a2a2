#include "tokenizers/transformer/presets.h"

#include "core/embedded.h"
#include "core/error.h"
#include "core/text.h"

namespace windtunnel::tokenizers {

const std::vector<core::EmbeddedFile>& embedded_files();

namespace {

constexpr const char* kFile = "transformer.yaml";

core::Json load() {
  for (const auto& file : embedded_files())
    if (file.name == kFile) return core::parse_yaml(file.text, file.name);
  throw environment_error(std::string("this build lacks ") + kFile, "the presets of the token transformer");
}

}  // namespace

core::Json transformer_preset(const std::string& size) {
  const core::Json sizes = load();
  if (!sizes.contains(size))
    throw usage_error("unknown size '" + size + "' of the token transformer", "a declared size",
                      core::suggestion(size, transformer_presets()));
  return sizes.at(size);
}

std::vector<std::string> transformer_presets() {
  std::vector<std::string> names;
  const core::Json sizes = load();
  for (const auto& [name, options] : sizes.items()) names.push_back(name);
  return names;
}

}  // namespace windtunnel::tokenizers
