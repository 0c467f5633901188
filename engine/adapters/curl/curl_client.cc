#include "slipway/adapters/curl/curl_client.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <array>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "slipway/adapters/curl/public_address.h"

namespace slipway {
namespace {

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

// The answer as it comes in, and what ended it.
struct Receiver {
  explicit Receiver(const HttpCall& of) : call(of) {}

  const HttpCall& call;
  HttpResponse response;
  bool too_large = false;
  bool has_refused_address = false;
  bool has_opened_socket = false;
};

// Looks at the address that the connection would go to, whatever the name said
// before (R106).
curl_socket_t OpenSocket(void* user, curlsocktype /*purpose*/,
                         curl_sockaddr* address) {
  auto& receiver = *static_cast<Receiver*>(user);
  if (receiver.call.public_addresses_only &&
      !internal::IsPublicAddress(address->addr)) {
    receiver.has_refused_address = true;
    return CURL_SOCKET_BAD;
  }
  receiver.has_opened_socket = true;
  return socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);
}

int LookWhetherCancelled(void* user, curl_off_t /*to_receive*/,
                         curl_off_t /*received*/, curl_off_t /*to_send*/,
                         curl_off_t /*sent*/) {
  const auto& receiver = *static_cast<const Receiver*>(user);
  return receiver.call.cancelled != nullptr && receiver.call.cancelled->load()
             ? 1
             : 0;
}

size_t ReceiveBody(char* data, size_t size, size_t count, void* user) {
  auto& receiver = *static_cast<Receiver*>(user);
  const size_t bytes = size * count;
  if (static_cast<int64_t>(receiver.response.body.size() + bytes) >
      receiver.call.response_bytes_max) {
    receiver.too_large = true;
    return 0;
  }
  receiver.response.body.append(data, bytes);
  return bytes;
}

size_t ReceiveHeader(char* data, size_t size, size_t count, void* user) {
  auto& receiver = *static_cast<Receiver*>(user);
  const absl::string_view line(data, size * count);
  if (absl::StartsWith(line, "HTTP/")) {
    // Also after an interim answer, such as 100 Continue.
    receiver.response.headers.clear();
    return line.size();
  }
  const size_t colon = line.find(':');
  if (colon != absl::string_view::npos) {
    receiver.response.headers.push_back(
        {std::string(line.substr(0, colon)),
         std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)))});
  }
  return line.size();
}

absl::Status StatusOf(CURLcode code, const Receiver& receiver,
                      absl::string_view detail) {
  const HttpCall& call = receiver.call;
  const std::string message =
      absl::StrCat(call.method, " ", call.url, ": ",
                   detail.empty() ? curl_easy_strerror(code) : detail);
  if (receiver.too_large) {
    return absl::ResourceExhaustedError(
        absl::StrCat(call.method, " ", call.url, ": the answer has more than ",
                     call.response_bytes_max, " bytes"));
  }
  switch (code) {
    case CURLE_OK:
      return absl::OkStatus();
    case CURLE_ABORTED_BY_CALLBACK:
      return absl::CancelledError(
          absl::StrCat(call.method, " ", call.url, ": cancelled"));
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(message);
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(message);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return absl::DataLossError(message);
    default:
      if (receiver.has_refused_address && !receiver.has_opened_socket) {
        return absl::PermissionDeniedError(absl::StrCat(
            call.method, " ", call.url, ": the host has no public address"));
      }
      return absl::UnavailableError(message);
  }
}

}  // namespace

// Handles that are not in use; each keeps its connection, so those that have
// spoken to any address are kept apart.
struct CurlClient::Handles {
  // Of each kind: after a burst the rest are closed.
  static constexpr size_t kIdleMax = 64;

  std::mutex mutex;
  std::array<std::vector<Easy>, 2> idle;

  Easy Take(const HttpCall& call) {
    std::lock_guard<std::mutex> lock(mutex);
    std::vector<Easy>& handles = idle.at(call.public_addresses_only ? 1 : 0);
    if (handles.empty()) return Easy(curl_easy_init());
    Easy easy = std::move(handles.back());
    handles.pop_back();
    return easy;
  }
  void Return(const HttpCall& call, Easy easy) {
    std::lock_guard<std::mutex> lock(mutex);
    std::vector<Easy>& handles = idle.at(call.public_addresses_only ? 1 : 0);
    if (handles.size() < kIdleMax) handles.push_back(std::move(easy));
  }
};

CurlClient::CurlClient() : handles_(std::make_unique<Handles>()) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)initialised;
}
CurlClient::~CurlClient() = default;

absl::StatusOr<HttpResponse> CurlClient::Send(const HttpCall& call) {
  List headers;
  const auto add_header = [&](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  for (const HttpHeader& header : call.headers) {
    const std::string line = absl::StrCat(header.name, ": ", header.value);
    if (line.find_first_of("\r\n\0", 0, 3) != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("header ", header.name, " has a line end in it"));
    }
    add_header(line);
  }
  // Not to wait for an interim answer that few servers give.
  add_header("Expect:");

  Easy easy = handles_->Take(call);
  if (easy == nullptr) {
    return absl::UnavailableError("libcurl could not be set up");
  }
  CURL* const curl = easy.get();
  Receiver receiver(call);
  char detail[CURL_ERROR_SIZE] = "";
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, OpenSocket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &receiver);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, LookWhetherCancelled);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &receiver);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // Else the end of a call waits for a look-up of its host that hangs.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_1_1));  // NOLINT
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(call.timeout_ms));  // NOLINT
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (call.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (call.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(call.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.data());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ReceiveBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, ReceiveHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &receiver);

  const CURLcode code = curl_easy_perform(curl);
  absl::Status status = StatusOf(code, receiver, detail);
  if (!status.ok()) return status;  // and the handle, with its connection, goes
  long http_status = 0;             // NOLINT: libcurl's own type
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http_status);
  receiver.response.status = static_cast<int>(http_status);
  handles_->Return(call, std::move(easy));
  return std::move(receiver.response);
}

}  // namespace slipway
