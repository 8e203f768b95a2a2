// Libraries that must be refused before they are used: of another interface, of another build, without the
// entry point. No header of ours, as in an old binary.
#include <cstdint>

namespace {
struct Table {
  uint32_t struct_size, abi;
  const char* build;
  uint64_t layout;
  const char *name, *version, *licence;
  int (*install)(void*);
  const char* (*last_error)();
};
}  // namespace

extern "C" __attribute__((visibility("default"))) const void* FOREIGN_SYMBOL() {
  static const Table table = {
      sizeof(Table),           FOREIGN_ABI, FOREIGN_BUILD, 0, "foreign", "1", "none", [](void*) { return 1; },
      []() { return "never"; }};
  return &table;
}
