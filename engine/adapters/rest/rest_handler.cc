#include "slipway/adapters/rest/rest_handler.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "slipway/adapters/rest/json_body.h"
#include "slipway/adapters/rest/pages.h"
#include "slipway/adapters/rest/preconditions.h"
#include "slipway/adapters/rest/replies.h"
#include "slipway/adapters/rest/request_fields.h"
#include "slipway/adapters/rest/target.h"
#include "slipway/core/rules.h"
#include "slipway/wire/json_writer.h"
#include "slipway/wire/resources.h"

namespace slipway {
namespace {

using internal::BaseUrls;
using internal::BodyProblem;
using internal::Conditional;
using internal::ErrorReply;
using internal::FailureReply;
using internal::JsonReply;
using internal::JsonWriter;
using internal::PageRequest;
using internal::ParseId;
using internal::RejectionReply;
using internal::Target;

constexpr absl::string_view kApiVersions[] = {"2022-11-28", "2026-03-10"};
constexpr absl::string_view kIdempotencyKey = "Idempotency-Key";
constexpr absl::string_view kRootDocumentation = "https://docs.github.com/rest";

// What every answer has.
std::vector<HttpHeader> HeadersFor(absl::string_view version) {
  return {{"X-GitHub-Media-Type", "github.v3; format=json"},
          {"X-GitHub-Api-Version-Selected", std::string(version)}};
}

// What a path and a method come to.
enum class Endpoint {
  kNone,
  kListDeployments,
  kCreateDeployment,
  kGetDeployment,
  kDeleteDeployment,
  kListStatuses,
  kCreateStatus,
  kGetStatus,
};

struct Route {
  Endpoint endpoint = Endpoint::kNone;
  // One of the two; `repository_id` is 0 for the name.
  v1::RepositoryName repository;
  int64_t repository_id = 0;
  int64_t deployment_id = 0;
  int64_t status_id = 0;
};

absl::string_view DocumentationUrl(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kNone:
      return kRootDocumentation;
    case Endpoint::kListDeployments:
      return "https://docs.github.com/rest/deployments/"
             "deployments#list-deployments";
    case Endpoint::kCreateDeployment:
      return "https://docs.github.com/rest/deployments/"
             "deployments#create-a-deployment";
    case Endpoint::kGetDeployment:
      return "https://docs.github.com/rest/deployments/"
             "deployments#get-a-deployment";
    case Endpoint::kDeleteDeployment:
      return "https://docs.github.com/rest/deployments/"
             "deployments#delete-a-deployment";
    case Endpoint::kListStatuses:
      return "https://docs.github.com/rest/deployments/"
             "statuses#list-deployment-statuses";
    case Endpoint::kCreateStatus:
      return "https://docs.github.com/rest/deployments/"
             "statuses#create-a-deployment-status";
    case Endpoint::kGetStatus:
      return "https://docs.github.com/rest/deployments/"
             "statuses#get-a-deployment-status";
  }
  return kRootDocumentation;
}

// The segments of a path, from the front to the back.
class Path {
 public:
  explicit Path(const std::vector<std::string>& segments)
      : next_(segments.begin()), end_(segments.end()) {}

  bool AtEnd() const { return next_ == end_; }
  // Takes the next segment if it is `text`.
  bool Take(absl::string_view text) {
    if (AtEnd() || *next_ != text) return false;
    ++next_;
    return true;
  }
  // Takes the next segment, whatever it is; empty at the end.
  std::string Take() { return AtEnd() ? std::string() : *next_++; }
  // Takes the next segment as a row's id; 0 where it is none.
  int64_t TakeId() { return ParseId(Take()).value_or(0); }

 private:
  std::vector<std::string>::const_iterator next_;
  std::vector<std::string>::const_iterator end_;
};

bool TakeRepository(Path& path, Route& route) {
  if (path.Take("repositories")) {
    route.repository_id = path.TakeId();
    return route.repository_id != 0;
  }
  if (!path.Take("repos")) return false;
  route.repository.set_owner(path.Take());
  route.repository.set_name(path.Take());
  return !route.repository.owner().empty() && !route.repository.name().empty();
}

// The endpoint below ".../deployments"; kNone for a path or a method that it
// does not have.
Endpoint EndpointOf(absl::string_view method, Path& path, Route& route) {
  const bool get = method == "GET" || method == "HEAD";
  const bool post = method == "POST";
  if (path.AtEnd()) {
    return get    ? Endpoint::kListDeployments
           : post ? Endpoint::kCreateDeployment
                  : Endpoint::kNone;
  }
  route.deployment_id = path.TakeId();
  if (route.deployment_id == 0) return Endpoint::kNone;
  if (path.AtEnd()) {
    return get                  ? Endpoint::kGetDeployment
           : method == "DELETE" ? Endpoint::kDeleteDeployment
                                : Endpoint::kNone;
  }
  if (!path.Take("statuses")) return Endpoint::kNone;
  if (path.AtEnd()) {
    return get    ? Endpoint::kListStatuses
           : post ? Endpoint::kCreateStatus
                  : Endpoint::kNone;
  }
  route.status_id = path.TakeId();
  return get && route.status_id != 0 && path.AtEnd() ? Endpoint::kGetStatus
                                                     : Endpoint::kNone;
}

Route RouteOf(absl::string_view method, RestDialect dialect,
              const Target& target) {
  Route route;
  Path path(target.segments);
  if (dialect == RestDialect::kEnterprise &&
      !(path.Take("api") && path.Take("v3"))) {
    return route;
  }
  if (TakeRepository(path, route) && path.Take("deployments")) {
    route.endpoint = EndpointOf(method, path, route);
  }
  return route;
}

// Whether a Host header can stand in an address as it is.
bool IsHost(absl::string_view host) {
  return !host.empty() &&
         std::all_of(host.begin(), host.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || absl::StrContains(".-_:[]", c);
         });
}

BaseUrls BaseUrlsOf(const RestParams& params, const HttpRequest& request) {
  BaseUrls base;
  base.html = params.base_url;
  if (base.html.empty()) {
    const std::string* host = FindHeader(request.headers, "Host");
    base.html = absl::StrCat(
        "http://", host != nullptr && IsHost(*host) ? *host : "localhost");
  }
  base.html = std::string(absl::StripSuffix(base.html, "/"));
  base.api = params.dialect == RestDialect::kEnterprise
                 ? absl::StrCat(base.html, "/api/v3")
                 : base.html;
  return base;
}

// The filter of a list; "none" and nothing are none (R70).
absl::optional<std::string> FilterOf(const Target& target,
                                     absl::string_view name) {
  const std::string* value = target.Find(name);
  if (value == nullptr || value->empty() || *value == "none") {
    return absl::nullopt;
  }
  return *value;
}

// Answers one request whose route is known.
class Exchange {
 public:
  Exchange(const RestParams& params, const v1::Limits& limits,
           const HttpRequest& request, const Target& target, const Route& route)
      : params_(params),
        limits_(limits),
        request_(request),
        target_(target),
        route_(route),
        base_(BaseUrlsOf(params, request)),
        documentation_url_(DocumentationUrl(route.endpoint)) {}

  HttpResponse Answer() {
    if (route_.endpoint == Endpoint::kNone) return NotFound();
    absl::StatusOr<absl::optional<v1::Repository>> repository =
        route_.repository_id != 0
            ? params_.store->FindRepositoryById(route_.repository_id)
            : params_.store->FindRepository(route_.repository);
    if (!repository.ok()) return Failure(repository.status());
    repository_exists_ = repository->has_value();
    if (repository_exists_) {
      repository_ = **repository;
      route_.repository.set_owner(repository_.owner());
      route_.repository.set_name(repository_.name());
    } else if (!MayBeReplayed()) {
      return NotFound();
    }
    switch (route_.endpoint) {
      case Endpoint::kListDeployments:
        return ListDeployments();
      case Endpoint::kCreateDeployment:
        return CreateDeployment();
      case Endpoint::kGetDeployment:
        return GetDeployment();
      case Endpoint::kDeleteDeployment:
        return DeleteDeployment();
      case Endpoint::kListStatuses:
        return ListStatuses();
      case Endpoint::kCreateStatus:
        return CreateStatus();
      case Endpoint::kGetStatus:
        return GetStatus();
      case Endpoint::kNone:
        break;
    }
    return NotFound();
  }

 private:
  // What was answered under a key outlives its repository (R100).
  bool MayBeReplayed() const {
    return route_.repository_id == 0 &&
           (request_.method == "POST" || request_.method == "DELETE") &&
           FindHeader(request_.headers, kIdempotencyKey) != nullptr;
  }

  HttpResponse NotFound() const {
    return ErrorReply(404, "Not Found", documentation_url_);
  }
  HttpResponse Failure(const absl::Status& status) const {
    if (params_.on_failure != nullptr) params_.on_failure(status);
    return FailureReply(status, documentation_url_);
  }
  HttpResponse Problem(const BodyProblem& problem) const {
    return ErrorReply(problem.status, problem.message, documentation_url_);
  }

  // The address of a list by the repository's id, as `Link` has it.
  std::string ListUrl() const {
    std::string url = absl::StrCat(base_.api, "/repositories/",
                                   repository_.id(), "/deployments");
    if (route_.endpoint == Endpoint::kListStatuses) {
      absl::StrAppend(&url, "/", route_.deployment_id, "/statuses");
    }
    return url;
  }

  template <typename Row, typename WriteRow>
  HttpResponse ListReply(const PageRequest& page_request,
                         const Store::Page<Row>& page, WriteRow write_row) {
    std::string body;
    JsonWriter json(&body);
    json.Open('[');
    for (const Row& row : page.rows) {
      write_row(base_, repository_, row, json);
    }
    json.Close(']');
    HttpResponse response = JsonReply(200, std::move(body));
    std::string link =
        internal::LinkHeader(ListUrl(), target_, page_request, page.total);
    if (!link.empty()) response.headers.push_back({"Link", std::move(link)});
    return Conditional(request_, /*last_modified_ms=*/-1, std::move(response));
  }

  template <typename Row, typename WriteRow>
  HttpResponse RowReply(int status, const Row& row, WriteRow write_row) {
    std::string body;
    JsonWriter json(&body);
    write_row(base_, repository_, row, json);
    return JsonReply(status, std::move(body));
  }

  HttpResponse ListDeployments() {
    const PageRequest page_request = internal::PageRequestOf(target_, limits_);
    Store::ListDeploymentsParams params;
    params.repository = route_.repository;
    params.sha = FilterOf(target_, "sha");
    params.ref = FilterOf(target_, "ref");
    params.task = FilterOf(target_, "task");
    params.environment = FilterOf(target_, "environment");
    params.environment_match = params_.runner->rules().list_environment_match();
    params.offset = page_request.offset();
    params.limit = page_request.per_page;
    const auto page = params_.store->ListDeployments(params);
    if (!page.ok()) return Failure(page.status());
    if (!page->has_value()) return NotFound();
    return ListReply(page_request, **page, internal::WriteDeployment);
  }

  HttpResponse GetDeployment() {
    const auto found = params_.store->FindDeployment(
        {route_.repository, route_.deployment_id});
    if (!found.ok()) return Failure(found.status());
    if (!found->has_value()) return NotFound();
    const v1::Deployment& deployment = (*found)->deployment;
    HttpResponse response =
        RowReply(200, deployment, internal::WriteDeployment);
    std::string tag =
        internal::DeploymentTag(IdOfLatestStatus(**found), response.body);
    return Conditional(request_, deployment.updated_at_ms(),
                       std::move(response), std::move(tag));
  }

  static int64_t IdOfLatestStatus(const Store::DeploymentResult& found) {
    return found.latest_status.has_value() ? found.latest_status->id() : 0;
  }

  // Takes the key of the request into the command; what is wrong with it, or
  // nothing.
  absl::optional<HttpResponse> AddKey(v1::Command& command) const {
    const std::vector<absl::string_view> keys =
        internal::HeaderValues(request_.headers, kIdempotencyKey);
    if (keys.empty()) return absl::nullopt;
    if (keys.size() > 1 || keys[0].empty()) {
      return ErrorReply(
          422,
          absl::StrCat(kIdempotencyKey,
                       keys.size() > 1 ? " is given twice" : " is empty"),
          documentation_url_);
    }
    command.set_idempotency_key(std::string(keys[0]));
    return absl::nullopt;
  }

  // Takes If-Match into the command. The same header makes the same expectation
  // whatever has come since, so that a request that is sent again is the same
  // one (R100).
  void AddExpectation(v1::Command& command) const {
    const absl::optional<internal::IfMatch> wanted =
        internal::IfMatchOf(request_.headers);
    if (!wanted.has_value() || wanted->any) return;
    v1::Expectation& expectation = *command.mutable_expectation();
    for (const int64_t id : wanted->latest_status_ids) {
      expectation.add_latest_status_ids(id);
    }
  }

  HttpResponse ListStatuses() {
    const PageRequest page_request = internal::PageRequestOf(target_, limits_);
    Store::ListStatusesParams params;
    params.repository = route_.repository;
    params.deployment_id = route_.deployment_id;
    params.offset = page_request.offset();
    params.limit = page_request.per_page;
    const auto page = params_.store->ListStatuses(params);
    if (!page.ok()) return Failure(page.status());
    if (!page->has_value()) return NotFound();
    return ListReply(page_request, **page, internal::WriteStatus);
  }

  HttpResponse GetStatus() {
    const auto found = params_.store->FindStatus(
        {route_.repository, route_.deployment_id, route_.status_id});
    if (!found.ok()) return Failure(found.status());
    if (!found->has_value()) return NotFound();
    return Conditional(request_, (*found)->created_at_ms(),
                       RowReply(200, **found, internal::WriteStatus));
  }

  // Decides and commits. Gives the decision to `accepted`, or answers itself.
  template <typename Accepted>
  HttpResponse Execute(v1::Command& command, Accepted accepted) {
    if (absl::optional<HttpResponse> problem = AddKey(command)) {
      return *std::move(problem);
    }
    *command.mutable_repository() = route_.repository;
    *command.mutable_actor() = params_.actor;
    const absl::StatusOr<v1::Decision> decision =
        params_.runner->Execute(command);
    if (!decision.ok()) return Failure(decision.status());
    HttpResponse response;
    if (decision->has_rejection()) {
      const v1::Rejection& rejection = decision->rejection();
      // Of a repository that is not there no more than that is told.
      response = !repository_exists_ &&
                         rejection.reason() == v1::REASON_MALFORMED_COMMAND
                     ? NotFound()
                     : RejectionReply(rejection, documentation_url_);
    } else {
      if (!decision->acceptance().events().empty()) {
        // As it was spelled then, so that an answer is the same each time.
        const v1::Event& event = decision->acceptance().events(0);
        repository_.set_owner(event.repository().owner());
        repository_.set_name(event.repository().name());
      }
      response = accepted(decision->acceptance());
    }
    if (decision->replayed()) {
      response.headers.push_back({"Idempotent-Replayed", "true"});
    }
    return response;
  }

  internal::JsonBody ParseBody() const {
    return internal::ParseJsonBody(
        request_.body,
        static_cast<int>(std::min<int64_t>(limits_.json_depth_max(), 1 << 20)),
        {internal::kRequiredContextsField});
  }

  HttpResponse CreateDeployment() {
    v1::Command command;
    const BodyProblem problem = internal::ReadCreateDeployment(
        ParseBody(), command.mutable_create_deployment());
    if (problem.status != 0) {
      return repository_exists_ ? Problem(problem) : NotFound();
    }
    return Execute(command, [&](const v1::Acceptance& acceptance) {
      if (acceptance.outcome() == v1::OUTCOME_AUTO_MERGED) {
        std::string body;
        JsonWriter json(&body);
        json.Open('{');
        json.Field("message", acceptance.message());
        json.Close('}');
        return JsonReply(202, std::move(body));
      }
      const v1::Deployment& deployment = acceptance.events(0).deployment();
      HttpResponse response =
          RowReply(201, deployment, internal::WriteDeployment);
      response.headers.push_back(
          {"Location",
           internal::DeploymentUrl(base_, repository_, deployment.id())});
      return response;
    });
  }

  HttpResponse CreateStatus() {
    v1::Command command;
    v1::CreateStatus& create = *command.mutable_create_status();
    const BodyProblem problem =
        internal::ReadCreateStatus(ParseBody(), &create);
    create.set_deployment_id(route_.deployment_id);
    if (problem.status != 0) {
      // What is not there is told before what is wrong with the body.
      const auto found = params_.store->FindDeployment(
          {route_.repository, route_.deployment_id});
      if (!found.ok()) return Failure(found.status());
      return found->has_value() ? Problem(problem) : NotFound();
    }
    AddExpectation(command);
    return Execute(command, [&](const v1::Acceptance& acceptance) {
      const v1::DeploymentStatus& status = acceptance.events(0).status();
      HttpResponse response = RowReply(201, status, internal::WriteStatus);
      response.headers.push_back(
          {"Location",
           internal::StatusUrl(base_, repository_, status.deployment_id(),
                               status.id())});
      return response;
    });
  }

  HttpResponse DeleteDeployment() {
    v1::Command command;
    command.mutable_delete_deployment()->set_deployment_id(
        route_.deployment_id);
    AddExpectation(command);
    return Execute(command, [&](const v1::Acceptance& /*acceptance*/) {
      HttpResponse response;
      response.status = 204;
      return response;
    });
  }

  const RestParams& params_;
  const v1::Limits& limits_;
  const HttpRequest& request_;
  const Target& target_;
  Route route_;
  const BaseUrls base_;
  const absl::string_view documentation_url_;
  v1::Repository repository_;
  bool repository_exists_ = false;
};

}  // namespace

RestHandler::RestHandler(RestParams params)
    : params_(std::move(params)), limits_(LimitsOf(params_.runner->rules())) {}

std::vector<HttpHeader> RestHandler::CommonHeaders() {
  return HeadersFor(kApiVersions[0]);
}

HttpResponse RestHandler::Handle(const HttpRequest& request) {
  absl::string_view version = kApiVersions[0];
  bool version_known = true;
  if (const std::string* asked =
          FindHeader(request.headers, "X-GitHub-Api-Version")) {
    const auto* known =
        std::find(std::begin(kApiVersions), std::end(kApiVersions), *asked);
    version_known = known != std::end(kApiVersions);
    if (version_known) version = *known;
  }

  HttpResponse response;
  if (!version_known) {
    response = ErrorReply(
        400,
        absl::StrCat("Unsupported X-GitHub-Api-Version. Supported are: ",
                     absl::StrJoin(kApiVersions, ", "), "."),
        kRootDocumentation);
  } else if (static_cast<int64_t>(request.body.size()) >
             limits_.request_body_bytes_max()) {
    response = ErrorReply(413, "Payload Too Large", kRootDocumentation);
  } else if (const absl::optional<Target> target =
                 internal::ParseTarget(request.target)) {
    const Route route = RouteOf(request.method, params_.dialect, *target);
    response = Exchange(params_, limits_, request, *target, route).Answer();
  } else {
    response = ErrorReply(404, "Not Found", kRootDocumentation);
  }
  for (HttpHeader& header : HeadersFor(version)) {
    response.headers.push_back(std::move(header));
  }
  if (!request.id.empty()) {
    response.headers.push_back({"X-GitHub-Request-Id", request.id});
  }
  return response;
}

}  // namespace slipway
