#include "baselines/phase_list.h"

namespace windtunnel::baselines {

core::Registry<PhaseList>& phase_lists() {
  static core::Registry<PhaseList> registry("phased baseline");
  return registry;
}

}  // namespace windtunnel::baselines
