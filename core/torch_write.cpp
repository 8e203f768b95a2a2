#include <zlib.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>

#include "core/error.h"
#include "core/torch_file.h"

namespace windtunnel::core {
namespace {

constexpr size_t kAlignment = 64;
constexpr uint64_t kWide = 0xffffffff;  // sizes and offsets from here on need ZIP64 fields

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Pickle of protocol 2, built from the few opcodes a checkpoint needs.
class PickleWriter {
 public:
  std::string bytes = "\x80\x02";

  PickleWriter& op(const char* opcodes) {
    bytes += opcodes;
    return *this;
  }
  PickleWriter& global(const std::string& module, const std::string& name) {
    bytes += "c" + module + "\n" + name + "\n";
    return *this;
  }
  PickleWriter& text(const std::string& value) {
    bytes += 'X';
    put(bytes, static_cast<uint32_t>(value.size()));
    bytes += value;
    return *this;
  }
  PickleWriter& integer(int64_t value) {
    if (value >= INT32_MIN && value <= INT32_MAX) {
      bytes += 'J';
      put(bytes, static_cast<int32_t>(value));
    } else {
      bytes += "\x8a\x08";
      put(bytes, value);
    }
    return *this;
  }
  PickleWriter& real(double value) {
    bytes += 'G';
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    put(bytes, __builtin_bswap64(bits));
    return *this;
  }
  PickleWriter& number(double value) {
    return std::trunc(value) == value && std::abs(value) < 0x1p53 ? integer(static_cast<int64_t>(value))
                                                                  : real(value);
  }
  PickleWriter& tuple(const Shape& values) {
    bytes += '(';
    for (const int64_t value : values) integer(value);
    bytes += 't';
    return *this;
  }
  PickleWriter& ordered_dict() { return global("collections", "OrderedDict").op(")R"); }
};

const char* storage_class(DType type) {
  switch (type) {
    case DType::f64:
      return "DoubleStorage";
    case DType::f32:
      return "FloatStorage";
    case DType::f16:
      return "HalfStorage";
    case DType::bf16:
      return "BFloat16Storage";
    case DType::i64:
      return "LongStorage";
    case DType::i32:
      return "IntStorage";
    case DType::i16:
      return "ShortStorage";
    case DType::i8:
      return "CharStorage";
    case DType::u8:
      return "ByteStorage";
    case DType::boolean:
      return "BoolStorage";
    case DType::c64:
      return "ComplexFloatStorage";
    case DType::c128:
      return "ComplexDoubleStorage";
  }
  return "FloatStorage";
}

void put_tensor(PickleWriter& out, const TensorView& view, size_t key) {
  Shape strides(view.shape.size(), 1);
  for (size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(view.shape[i], 1);
  out.global("torch._utils", "_rebuild_tensor_v2").op("((");
  out.text("storage").global("torch", storage_class(view.type)).text(std::to_string(key)).text("cpu");
  out.integer(view.numel())
      .op("tQ")
      .integer(0)
      .tuple(view.shape)
      .tuple(strides)
      .op("\x89")
      .ordered_dict()
      .op("tR");
}

/// Version of every module on the way to a tensor; batch norm is known by its counter and has version 2.
void put_metadata(PickleWriter& out, const std::vector<std::pair<std::string, TensorView>>& tensors) {
  std::set<std::string> modules{""}, counted;
  for (const auto& [name, view] : tensors) {
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      modules.insert(name.substr(0, dot));
    if (const size_t dot = name.rfind('.');
        dot != std::string::npos && name.substr(dot) == ".num_batches_tracked")
      counted.insert(name.substr(0, dot));
  }
  out.op("}(").text("_metadata").ordered_dict().op("(");
  for (const auto& module : modules)
    out.text(module).op("}").text("version").integer(counted.count(module) ? 2 : 1).op("s");
  out.op("uub");
}

/// Zip of stored entries whose payloads start on 64-byte boundaries, as torch.save lays them out.
class ZipWriter {
 public:
  explicit ZipWriter(std::ofstream& out) : out_(out) {}

  void add(const std::string& name, const char* data, uint64_t size) {
    const auto crc =
        static_cast<uint32_t>(crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(data), size));
    std::string extra;
    if (size >= kWide) {
      put<uint16_t>(extra, 1);
      put<uint16_t>(extra, 16);
      put(extra, size);
      put(extra, size);
    }
    const uint64_t unpadded = at_ + 30 + name.size() + extra.size() + 4;
    const auto pad = static_cast<uint16_t>((kAlignment - unpadded % kAlignment) % kAlignment);
    extra += "FB";
    put(extra, pad);
    extra.append(pad, 'Z');

    std::string header("PK\3\4", 4);
    put<uint16_t>(header, size >= kWide ? 45 : 0);
    put_common(header, crc, size >= kWide ? kWide : size, name.size(), extra.size());
    write(header + name + extra);

    std::string wide;
    if (size >= kWide) {
      put(wide, size);
      put(wide, size);
    }
    const uint64_t offset = at_ - header.size() - name.size() - extra.size();
    if (offset >= kWide) put(wide, offset);
    std::string field;
    if (!wide.empty()) {
      put<uint16_t>(field, 1);
      put(field, static_cast<uint16_t>(wide.size()));
      field += wide;
    }
    directory_ += std::string("PK\1\2", 4);
    put<uint16_t>(directory_, 45);
    put<uint16_t>(directory_, wide.empty() ? 0 : 45);
    put_common(directory_, crc, size >= kWide ? kWide : size, name.size(), field.size());
    directory_.append(10, '\0');  // comment length, disk, attributes
    put(directory_, static_cast<uint32_t>(std::min<uint64_t>(offset, kWide)));
    directory_ += name + field;
    ++count_;
    write(std::string_view(data, size));
  }

  void finish() {
    const uint64_t begin = at_, size = directory_.size();
    write(directory_);
    const uint64_t end64 = at_;
    std::string tail("PK\6\6", 4);
    put<uint64_t>(tail, 44);
    put<uint16_t>(tail, 45);
    put<uint16_t>(tail, 45);
    put<uint64_t>(tail, 0);
    put(tail, count_);
    put(tail, count_);
    put(tail, size);
    put(tail, begin);
    tail += std::string("PK\6\7", 4);
    put<uint32_t>(tail, 0);
    put(tail, end64);
    put<uint32_t>(tail, 1);
    tail += std::string("PK\5\6", 4);
    put<uint32_t>(tail, 0);
    for (int i = 0; i < 2; ++i) put(tail, static_cast<uint16_t>(std::min<uint64_t>(count_, 0xffff)));
    put(tail, static_cast<uint32_t>(std::min<uint64_t>(size, kWide)));
    put(tail, static_cast<uint32_t>(std::min<uint64_t>(begin, kWide)));
    put<uint16_t>(tail, 0);
    write(tail);
  }

 private:
  /// Flags (UTF-8 names), method "stored", time, CRC, both sizes, lengths: equal in local and central
  /// headers.
  static void put_common(std::string& out, uint32_t crc, uint64_t size, size_t name, size_t extra) {
    put<uint16_t>(out, 0x0800);
    put<uint16_t>(out, 0);
    put<uint16_t>(out, 0);
    put<uint16_t>(out, 0x21);  // 1980-01-01
    put(out, crc);
    put(out, static_cast<uint32_t>(size));
    put(out, static_cast<uint32_t>(size));
    put(out, static_cast<uint16_t>(name));
    put(out, static_cast<uint16_t>(extra));
  }
  void write(std::string_view bytes) {
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    at_ += bytes.size();
  }

  std::ofstream& out_;
  std::string directory_;
  uint64_t at_ = 0, count_ = 0;
};

}  // namespace

void write_torch_state(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, TensorView>>& tensors,
                       const std::vector<std::pair<std::string, double>>& extra) {
  std::set<std::string> seen;
  PickleWriter pickle;
  pickle.op("}(").text("model_state_dict").ordered_dict().op("(");
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!seen.insert(tensors[i].first).second)
      throw data_error("cannot write " + path.string() + ": tensor name '" + tensors[i].first + "' is taken",
                       "different names");
    pickle.text(tensors[i].first);
    put_tensor(pickle, tensors[i].second, i);
  }
  pickle.op("u");
  put_metadata(pickle, tensors);
  for (const auto& [key, value] : extra) pickle.text(key).number(value);
  pickle.op("u.");

  const std::string stem = path.stem().string();
  write_atomic(path, [&](const std::filesystem::path& temporary) {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    if (!out)
      throw environment_error("cannot write " + path.string() + ": " + std::strerror(errno),
                              "an existing folder with write permission");
    ZipWriter zip(out);
    const auto add_text = [&](const char* name, const std::string& text) {
      zip.add(stem + "/" + name, text.data(), text.size());
    };
    add_text("data.pkl", pickle.bytes);
    add_text(".format_version", "1");
    add_text(".storage_alignment", std::to_string(kAlignment));
    add_text("byteorder", "little");
    for (size_t i = 0; i < tensors.size(); ++i)
      zip.add(stem + "/data/" + std::to_string(i), reinterpret_cast<const char*>(tensors[i].second.data),
              tensors[i].second.bytes());
    add_text("version", "3\n");
    zip.finish();
    out.close();
    if (!out)
      throw environment_error("cannot write " + path.string() + ": " + std::strerror(errno),
                              "room on the disk", "free disk space or choose another folder");
  });
}

}  // namespace windtunnel::core
