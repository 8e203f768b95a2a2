#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace windtunnel::core {

/// Pickles of protocol 2 written by hand, for files that no program would write.
namespace pickle {

inline std::string text(const std::string& value) {
  const auto size = static_cast<uint32_t>(value.size());
  return "X" + std::string(reinterpret_cast<const char*>(&size), 4) + value;
}
inline std::string integer(int32_t value) {
  return "J" + std::string(reinterpret_cast<const char*>(&value), 4);
}
inline std::string name(const std::string& module, const std::string& attribute) {
  return "c" + module + "\n" + attribute + "\n";
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const auto& item : items) out += item;
  return out + "t";
}
inline std::string storage(const std::string& key, int32_t count) {
  return tuple({text("storage"), name("torch", "FloatStorage"), text(key), text("cpu"), integer(count)}) +
         "Q";
}
inline std::string tensor(const std::string& storage, int32_t offset, const std::vector<int32_t>& shape,
                          const std::vector<int32_t>& strides) {
  std::vector<std::string> sizes, steps;
  for (const int32_t size : shape) sizes.push_back(integer(size));
  for (const int32_t stride : strides) steps.push_back(integer(stride));
  return name("torch._utils", "_rebuild_tensor_v2") +
         tuple({storage, integer(offset), tuple(sizes), tuple(steps), "\x89",
                name("collections", "OrderedDict") + ")R"}) +
         "R";
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + "u";
}
inline std::string file(const std::string& body) { return "\x80\x02" + body + "."; }

}  // namespace pickle

/// A zip file of stored entries, as small as the format allows.
inline std::string zip(const std::vector<std::pair<std::string, std::string>>& entries, uint16_t method = 0) {
  std::string out, directory;
  const auto put = [](std::string& to, auto value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  for (const auto& [name, content] : entries) {
    const auto offset = static_cast<uint32_t>(out.size()), size = static_cast<uint32_t>(content.size());
    const auto length = static_cast<uint16_t>(name.size());
    // As torch writes them: the local header has neither sizes nor checksum.
    out += std::string("PK\3\4", 4) + std::string(22, '\0');
    put(out, length);
    put(out, uint16_t{0});
    out += name + content;
    directory += std::string("PK\1\2", 4) + std::string(6, '\0');
    put(directory, method);
    directory += std::string(8, '\0');
    put(directory, size);
    put(directory, size);
    put(directory, length);
    directory += std::string(12, '\0');
    put(directory, offset);
    directory += name;
  }
  const auto begin = static_cast<uint32_t>(out.size()), size = static_cast<uint32_t>(directory.size());
  const auto count = static_cast<uint16_t>(entries.size());
  out += directory + std::string("PK\5\6", 4) + std::string(4, '\0');
  put(out, count);
  put(out, count);
  put(out, size);
  put(out, begin);
  put(out, uint16_t{0});
  return out;
}

/// A torch file around one pickle body, with storage "0" of `floats` zeros.
inline std::string torch_zip(const std::string& body, size_t floats = 4) {
  return zip({{"x/data.pkl", pickle::file(body)}, {"x/data/0", std::string(4 * floats, '\0')}});
}

/// The old format: five pickles, then the storages.
inline std::string legacy(const std::string& body,
                          const std::vector<std::pair<std::string, int64_t>>& storages = {}) {
  std::string keys = "](";
  for (const auto& [key, count] : storages) keys += pickle::text(key);
  std::string out = std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) +
                    pickle::file(pickle::integer(1001)) +
                    pickle::file(pickle::dict({{"little_endian", "\x88"}})) + pickle::file(body) +
                    pickle::file(keys + "e");
  for (const auto& [key, count] : storages)
    out += std::string(reinterpret_cast<const char*>(&count), 8) +
           std::string(static_cast<size_t>(count) * 4, '\0');
  return out;
}

}  // namespace windtunnel::core
