#include "datasets/fetch/hub.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace windtunnel::datasets::fetch {

using core::Json;

namespace {

constexpr int kRedirections = 8;
constexpr size_t kPages = 100000;
constexpr const char* kApi = "/api/datasets/";

bool redirects(int64_t status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_hex(const std::string& text, size_t length) {
  return text.size() == length && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// Address of rel="next" in a Link header.
std::string next_page(const std::string& link) {
  for (const auto& part : core::split(link, ',')) {
    const size_t open = part.find('<'), close = part.find('>');
    if (open == std::string::npos || close == std::string::npos || close < open) continue;
    if (part.find("rel=\"next\"", close) != std::string::npos) return part.substr(open + 1, close - open - 1);
  }
  return "";
}

RemoteFile parse_entry(const Json& entry, const std::string& where) {
  const auto text = [](const Json& from, const char* key) {
    const auto it = from.find(key);
    return it != from.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  RemoteFile file;
  file.path = text(entry, "path");
  check_remote_path(file.path);
  const auto lfs = entry.find("lfs");
  const bool large = lfs != entry.end() && lfs->is_object();
  const Json& sized = large && lfs->contains("size") ? *lfs : entry;
  const auto size = sized.find("size");
  if (size == sized.end() || !size->is_number_integer() || size->get<int64_t>() < 0)
    throw data_error(where + ": '" + file.path + "' has no size", "a listing with the size of every file");
  file.size = size->get<int64_t>();
  if (large) file.sha256 = text(*lfs, "oid");
  if (file.sha256.rfind("sha256:", 0) == 0) file.sha256.erase(0, 7);
  file.git_blob = large ? "" : text(entry, "oid");
  if (large ? !is_hex(file.sha256, 64) : !is_hex(file.git_blob, 40))
    throw data_error(where + ": '" + file.path + "' has no usable hash", "a SHA-256 or a git blob id");
  return file;
}

}  // namespace

void check_remote_path(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    throw data_error("the repository lists the path '" + path + "', which " + why,
                     "relative paths of plain names", "do not trust this endpoint");
  };
  if (path.empty()) refuse("is empty");
  if (path.size() > 1024) refuse("is too long");
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 32 || c == 127 || c == '\\' || c == ':')
      refuse("holds a character that no file name should have");
  for (const auto& part : core::split(path, '/')) {
    if (part.empty()) refuse("is absolute or has an empty part");
    if (part == "." || part == "..") refuse("has the part '" + part + "'");
    if (part.size() > 200) refuse("has a part that is too long");
  }
}

Hub::Hub(HubSettings settings, const HttpPolicy& policy)
    : settings_(std::move(settings)), policy_(policy), client_(policy) {
  while (!settings_.endpoint.empty() && settings_.endpoint.back() == '/') settings_.endpoint.pop_back();
  origin_ = origin_of(settings_.endpoint);
  if (origin_.rfind("http://", 0) != 0 && origin_.rfind("https://", 0) != 0)
    throw usage_error("endpoint '" + settings_.endpoint + "'",
                      "an address that starts with http:// or https://",
                      "give --endpoint or set HF_ENDPOINT");
  const auto parts = core::split(settings_.repository, '/');
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty())
    throw usage_error("repository '" + settings_.repository + "'", "owner/name");
}

HttpAnswer Hub::follow(std::string url, int64_t from, const HttpClient::Sink& sink) {
  bool foreign = false;
  for (int hop = 0; hop <= kRedirections; ++hop) {
    const std::string origin = origin_of(url);
    std::vector<std::string> headers;
    if (!settings_.token.empty() && origin == origin_)
      headers.push_back("Authorization: Bearer " + settings_.token);
    HttpAnswer answer = client_.get(url, headers, from, sink);
    foreign = foreign || origin != origin_;
    if (!redirects(answer.status)) {
      // A signed address that has expired: the endpoint gives a new one.
      if (foreign && (answer.status == 401 || answer.status == 403) && answer.failure.empty())
        answer.failure = "the storage host answered " + std::to_string(answer.status);
      return answer;
    }
    const std::string next = resolve_url(url, answer.header("location"));
    if (next.empty() || (url.rfind("https://", 0) == 0 && next.rfind("https://", 0) != 0)) {
      answer.failure = "redirection to '" + answer.header("location") + "'";
      answer.hopeless = true;
      return answer;
    }
    url = next;
  }
  HttpAnswer answer;
  answer.failure = "more than " + std::to_string(kRedirections) + " redirections";
  answer.hopeless = true;
  return answer;
}

HttpAnswer Hub::insist(const std::string& url, const std::string& what) {
  for (int64_t failures = 0;;) {
    HttpAnswer answer = follow(url, 0, {});
    if (answer.failure.empty() && answer.status == 200) return answer;
    if (!answer.transient() || ++failures >= policy_.attempts) throw refusal(answer, what);
    policy_.sleep(policy_.wait_after(failures, answer.retry_after));
  }
}

Error Hub::refusal(const HttpAnswer& answer, const std::string& what) const {
  const std::string code = answer.header("x-error-code");
  const std::string place = settings_.endpoint + ", repository " + settings_.repository;
  const std::string got = !answer.failure.empty() ? answer.failure
                                                  : "status " + std::to_string(answer.status) +
                                                        (code.empty() ? "" : " (" + code + ")");
  std::string hint;
  if (code == "GatedRepo" || answer.status == 403)
    hint = "the repository asks for consent: accept its terms on its page, then set HF_TOKEN";
  else if (answer.status == 401)
    hint = settings_.token.empty() ? "it may be private or misspelt: set HF_TOKEN, or check --repository"
                                   : "the token is not accepted; check HF_TOKEN";
  else if (code == "RevisionNotFound")
    hint = "check --revision";
  else if (answer.status == 404)
    hint = "check --repository, --revision and --endpoint";
  else if (answer.hopeless)
    hint = "check --endpoint, the proxy settings and the certificates";
  else
    hint = "the same command goes on where this one stopped";
  return environment_error("cannot get " + what + " from " + place + ": " + got, "a successful answer", hint);
}

std::string Hub::pin() {
  const std::string what = "revision '" + settings_.revision + "'";
  const auto answer = insist(
      settings_.endpoint + kApi + settings_.repository + "/revision/" + encode_path(settings_.revision),
      what);
  const Json reply = core::parse_json(answer.body, what);
  const auto sha = reply.is_object() ? reply.find("sha") : reply.end();
  if (sha == reply.end() || !sha->is_string() || !is_hex(sha->get<std::string>(), 40))
    throw data_error("the answer to " + what + " names no commit", "{\"sha\": \"<40 hexadecimal digits>\"}");
  return sha->get<std::string>();
}

std::vector<RemoteFile> Hub::list(const std::string& commit) {
  std::string url =
      settings_.endpoint + kApi + settings_.repository + "/tree/" + commit + "?recursive=true&expand=false";
  std::vector<RemoteFile> files;
  std::set<std::string> seen, pages;
  while (!url.empty()) {
    if (!pages.insert(url).second || pages.size() > kPages)
      throw data_error("the listing of " + settings_.repository + " does not end: " + url);
    const auto answer = insist(url, "the list of files");
    const Json page = core::parse_json(answer.body, "the list of files");
    if (!page.is_array()) throw data_error("the list of files is not a list", "a JSON array");
    for (const auto& entry : page) {
      if (!entry.is_object() || entry.value("type", Json()) != "file") continue;
      files.push_back(parse_entry(entry, "the list of files"));
      if (!seen.insert(files.back().path).second)
        throw data_error("the list of files names '" + files.back().path + "' twice");
    }
    const std::string link = next_page(answer.header("link"));
    url = link.empty() ? "" : resolve_url(url, link);
    if (!link.empty() && url.empty()) throw data_error("the list of files goes on at '" + link + "'");
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

HttpAnswer Hub::get(const std::string& commit, const RemoteFile& file, int64_t from,
                    const HttpClient::Sink& sink) {
  return follow(settings_.endpoint + "/datasets/" + settings_.repository + "/resolve/" + commit + "/" +
                    encode_path(file.path),
                from, sink);
}

}  // namespace windtunnel::datasets::fetch
