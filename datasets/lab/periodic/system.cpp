#include "datasets/lab/periodic/system.h"

namespace windtunnel::datasets::lab {

core::Registry<SystemInfo>& periodic_systems() {
  static core::Registry<SystemInfo> registry("periodic system");
  return registry;
}

}  // namespace windtunnel::datasets::lab
