#include "tests/datasets/fetch/hub_stand_in.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "core/json.h"
#include "datasets/fetch/transfer.h"

namespace windtunnel::datasets::testing {
namespace {

constexpr size_t kLarge = 1000;  // files above are redirected, as large ones are on a real hub
constexpr size_t kPage = 3;

std::string reply(const std::string& status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

std::string header_of(const std::string& text, const std::string& name) {
  const size_t at = text.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 4;
  return text.substr(begin, text.find("\r\n", begin) - begin);
}

std::string reason(int status) { return std::to_string(status) + " Refused"; }

}  // namespace

std::string hex_digest(const std::string& content, bool git_blob) {
  fetch::RemoteFile file{"x", static_cast<int64_t>(content.size()), git_blob ? "" : "y", ""};
  fetch::ContentHash hash(file);
  hash.update(content.data(), content.size());
  return hash.hex();
}

HubStandIn::HubStandIn() {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw std::runtime_error("no local socket");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HubStandIn::~HubStandIn() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void HubStandIn::add(const std::string& path, const std::string& content) { files[path] = content; }

std::vector<HubStandIn::Request> HubStandIn::requests() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

int HubStandIn::count(const std::string& text) const {
  int n = 0;
  for (const auto& r : requests()) n += r.has(text);
  return n;
}

void HubStandIn::serve() {
  std::vector<std::thread> connections;
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    const int socket = ::accept(listener_, nullptr, nullptr);
    if (socket >= 0) connections.emplace_back([this, socket] { answer(socket); });
  }
  for (auto& c : connections) c.join();
}

void HubStandIn::answer(int socket) {
  std::string text;
  char buffer[4096];
  while (text.find("\r\n\r\n") == std::string::npos) {
    const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  const Request request{text.substr(0, text.find("\r\n")), header_of(text, "Host"), header_of(text, "Range"),
                        header_of(text, "Authorization")};
  size_t drop_after = std::string::npos;
  std::string out;
  {
    const std::lock_guard lock(mutex_);
    log_.push_back(request);
    out = respond(request, drop_after);
  }
  if (drop_after != std::string::npos)
    out.resize(std::min(out.size(), out.find("\r\n\r\n") + 4 + drop_after));
  for (size_t sent = 0; sent < out.size();) {
    const ssize_t n = ::send(socket, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += static_cast<size_t>(n);
  }
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
}

std::string HubStandIn::respond(const Request& request, size_t& drop_after) {
  const size_t begin = request.line.find(' ') + 1;
  std::string target = request.line.substr(begin, request.line.find(' ', begin) - begin);
  if (target.rfind("http://", 0) == 0) target = target.substr(target.find('/', 7));  // asked as a proxy
  const bool storage = target.rfind("/storage/", 0) == 0;
  if (!storage && !needed_token.empty() && request.authorization != "Bearer " + needed_token)
    return reply("401 Unauthorized", "X-Error-Code: RepoNotFound\r\n", "{}");
  if (target.rfind("/api/", 0) == 0) {
    if (!api_error.empty()) return reply(api_error, "", "{}");
    auto& m = mischief["api"];
    if (m.refuse > 0) return --m.refuse, reply(reason(m.refuse_status), m.refuse_headers, "");
    if (target.find("/revision/") != std::string::npos)
      return reply("200 OK", "", "{\"sha\":\"" + commit() + "\"}");
    return listing(target);
  }
  const std::string mark = storage ? "/storage/" : "/resolve/" + commit() + "/";
  const size_t at = target.find(mark);
  const std::string path = at == std::string::npos ? "" : target.substr(at + mark.size());
  if (!files.count(path)) return reply("404 Not Found", "X-Error-Code: EntryNotFound\r\n", "");
  if (!storage && files[path].size() > kLarge)
    return reply("302 Found",
                 "Location: http://localhost:" + std::to_string(port_) + "/storage/" + path + "\r\n", "");
  return content(path, request, drop_after);
}

std::string HubStandIn::listing(const std::string& target) {
  core::Json all = core::Json::array();
  for (const auto& [path, text] : files) {
    const bool large = text.size() > kLarge;
    const std::string digest = lies.count(path) ? lies[path] : hex_digest(text, !large);
    core::Json entry = {
        {"type", "file"}, {"path", path}, {"size", text.size()}, {"oid", std::string(40, '0')}};
    if (large)
      entry["lfs"] = {{"oid", digest}, {"size", text.size()}, {"pointerSize", 130}};
    else
      entry["oid"] = digest;
    all.push_back(entry);
    all.push_back({{"type", "directory"}, {"path", path.substr(0, path.find('/'))}, {"size", 0}});
  }
  for (const auto& entry : extra_entries) all.push_back(core::Json::parse(entry));
  const size_t cursor = target.find("cursor=");
  const size_t first = cursor == std::string::npos ? 0 : std::stoul(target.substr(cursor + 7));
  core::Json page = core::Json::array();
  for (size_t i = first; i < std::min(first + kPage, all.size()); ++i) page.push_back(all[i]);
  const size_t next = endless_pages ? 0 : first + kPage;
  const std::string link = next < all.size()
                               ? "Link: <" + endpoint() + target.substr(0, target.find('?')) +
                                     "?recursive=true&cursor=" + std::to_string(next) + ">; rel=\"next\"\r\n"
                               : "";
  return reply("200 OK", link, page.dump());
}

std::string HubStandIn::content(const std::string& path, const Request& request, size_t& drop_after) {
  std::string text = files[path];
  auto& m = mischief[path];
  if (m.refuse > 0) return --m.refuse, reply(reason(m.refuse_status), m.refuse_headers, "");
  if (m.corrupt > 0) --m.corrupt, text[text.size() / 2] ^= 1;
  if (m.truncate > 0) return --m.truncate, reply("200 OK", "", text.substr(0, text.size() / 2));
  if (m.extra > 0) return --m.extra, reply("200 OK", "", text + "more");
  if (m.drop > 0) --m.drop, drop_after = m.drop_after;
  if (request.range.empty() || m.ignore_range) return reply("200 OK", "", text);
  const size_t from = std::stoul(request.range.substr(6));
  if (from >= text.size()) return reply("416 Range Not Satisfiable", "", "");
  return reply("206 Partial Content",
               "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(text.size() - 1) + "/" +
                   std::to_string(text.size()) + "\r\n",
               text.substr(from));
}

}  // namespace windtunnel::datasets::testing
