#pragma once

#include <memory>

#include "baselines/baseline.h"
#include "baselines/exported/exported_module.h"

namespace windtunnel::baselines {

/// True for a file of the ending .pt2: a package compiled by AOTInductor.
bool is_package(const std::filesystem::path& file);

/// Runs a package on the processor; inference only. Batches of any size are cut into calls of at most
/// `max_batch` samples and at least two (an exported free axis starts at two), or of exactly `batch`, filled
/// up with copies of the last sample that are dropped again. The weights are compiled in: state() shows them
/// frozen, without the few that the compiler wrote into the code, and with the file's hash as package_sha256
/// (32 bytes); load_state() takes an equal state only.
/// Model errors: no package, one without compiled code (torch.export.save), one for another machine or with
/// instructions that this processor lacks, other shapes, training.
std::shared_ptr<Baseline> make_packaged(const ExportedModule& about, const ModelContext& context);

}  // namespace windtunnel::baselines
