#pragma once

#include <string>
#include <vector>

#include "core/error.h"
#include "datasets/fetch/http.h"

namespace windtunnel::datasets::fetch {

/// A file of the repository.
struct RemoteFile {
  std::string path;
  int64_t size = 0;
  std::string sha256;    ///< of the content, for large files
  std::string git_blob;  ///< SHA-1 of "blob <size>\0<content>", for the others

  /// What identifies the content.
  const std::string& digest() const { return sha256.empty() ? git_blob : sha256; }
};

struct HubSettings {
  std::string endpoint;  ///< "https://host[:port][/path]"
  std::string repository;
  std::string revision = "main";
  std::string token;  ///< sent to the endpoint's own host and port only
};

/// A data-set hub: a git repository behind
///   GET {endpoint}/api/datasets/{repository}/revision/{revision}           -> {"sha": commit}
///   GET {endpoint}/api/datasets/{repository}/tree/{commit}?recursive=true  -> [{type, path, size, oid,
///   lfs}], paged GET {endpoint}/datasets/{repository}/resolve/{commit}/{path}           -> content, or a
///   redirection to it
/// (laboratory specification 5). Used by one thread; the policy must outlive it.
class Hub {
 public:
  /// A usage error if the endpoint is not an http(s) address.
  Hub(HubSettings settings, const HttpPolicy& policy);

  /// Commit of the revision. Errors: environment for refusals and lasting network trouble, data for answers
  /// that make no sense.
  std::string pin();
  /// All files of the commit. Paths that could leave the target folder, doubled paths and entries without
  /// size or hash are data errors.
  std::vector<RemoteFile> list(const std::string& commit);
  /// One try to get a file's bytes from `from` on; redirections are followed.
  HttpAnswer get(const std::string& commit, const RemoteFile& file, int64_t from,
                 const HttpClient::Sink& sink);
  /// The error for a final answer that is no success.
  Error refusal(const HttpAnswer& answer, const std::string& what) const;

 private:
  HttpAnswer follow(std::string url, int64_t from, const HttpClient::Sink& sink);
  HttpAnswer insist(const std::string& url, const std::string& what);

  HubSettings settings_;
  const HttpPolicy& policy_;
  HttpClient client_;
  std::string origin_;
};

/// Throws a data error unless `path` is relative, made of plain names and stays below any folder it is put
/// in.
void check_remote_path(const std::string& path);

}  // namespace windtunnel::datasets::fetch
