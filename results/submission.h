#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "results/check.h"

namespace windtunnel::results {

/// Who publishes; empty members leave the record as it is.
struct Submitter {
  std::string name, organisation, relationship, licence, code_url;
};

struct Submission {
  std::filesystem::path folder;  ///< where it lies now; empty: refused
  std::string record_id;
  std::vector<Finding> findings;
};

/// Adds the record of a run folder (or a record file) to a board: a folder in git with
///   <scenario>/<setting>/<model>/<first 16 digits of id>/<id>.json
/// and beside it the files that the record names (rows per sample, stored predictions), the configuration
/// and, below 8 MB, the report page. With a submitter, or records to replace, the record gets a new id.
/// Everything is checked before it gets its name, together with what the board holds; an error leaves the
/// board as it was.
Submission add_to_board(const std::filesystem::path& run, const std::filesystem::path& board,
                        const CheckOptions& options, const Submitter& submitter = {},
                        const std::vector<std::string>& supersedes = {});

}  // namespace windtunnel::results
