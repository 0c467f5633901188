#include "slipway/wire/resources.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "slipway/wire/percent_encode.h"

namespace slipway {
namespace internal {
namespace {

struct StateNameRow {
  v1::StatusState state;
  absl::string_view name;
};
constexpr StateNameRow kStateNames[] = {
    {v1::STATUS_STATE_ERROR, "error"},
    {v1::STATUS_STATE_FAILURE, "failure"},
    {v1::STATUS_STATE_INACTIVE, "inactive"},
    {v1::STATUS_STATE_IN_PROGRESS, "in_progress"},
    {v1::STATUS_STATE_QUEUED, "queued"},
    {v1::STATUS_STATE_PENDING, "pending"},
    {v1::STATUS_STATE_SUCCESS, "success"},
    {v1::STATUS_STATE_WAITING, "waiting"},
};

// The classic form of a global id, which is opaque to clients.
std::string NodeId(absl::string_view type, int64_t id) {
  return absl::Base64Escape(absl::StrCat("0", type.size(), ":", type, id));
}

absl::string_view TypeName(v1::ActorType type) {
  switch (type) {
    case v1::ACTOR_TYPE_BOT:
      return "Bot";
    case v1::ACTOR_TYPE_ORGANIZATION:
      return "Organization";
    default:
      return "User";
  }
}

// What comes after a repository's URL in those of what belongs to it.
struct UrlRow {
  absl::string_view name;
  absl::string_view path;
};
constexpr UrlRow kRepositoryUrls[] = {
    {"forks_url", "/forks"},
    {"keys_url", "/keys{/key_id}"},
    {"collaborators_url", "/collaborators{/collaborator}"},
    {"teams_url", "/teams"},
    {"hooks_url", "/hooks"},
    {"issue_events_url", "/issues/events{/number}"},
    {"events_url", "/events"},
    {"assignees_url", "/assignees{/user}"},
    {"branches_url", "/branches{/branch}"},
    {"tags_url", "/tags"},
    {"blobs_url", "/git/blobs{/sha}"},
    {"git_tags_url", "/git/tags{/sha}"},
    {"git_refs_url", "/git/refs{/sha}"},
    {"trees_url", "/git/trees{/sha}"},
    {"statuses_url", "/statuses/{sha}"},
    {"languages_url", "/languages"},
    {"stargazers_url", "/stargazers"},
    {"contributors_url", "/contributors"},
    {"subscribers_url", "/subscribers"},
    {"subscription_url", "/subscription"},
    {"commits_url", "/commits{/sha}"},
    {"git_commits_url", "/git/commits{/sha}"},
    {"comments_url", "/comments{/number}"},
    {"issue_comment_url", "/issues/comments{/number}"},
    {"contents_url", "/contents/{+path}"},
    {"compare_url", "/compare/{base}...{head}"},
    {"merges_url", "/merges"},
    {"archive_url", "/{archive_format}{/ref}"},
    {"downloads_url", "/downloads"},
    {"issues_url", "/issues{/number}"},
    {"pulls_url", "/pulls{/number}"},
    {"milestones_url", "/milestones{/number}"},
    {"notifications_url", "/notifications{?since,all,participating}"},
    {"labels_url", "/labels{/name}"},
    {"releases_url", "/releases{/id}"},
    {"deployments_url", "/deployments"},
};

absl::string_view VisibilityName(const v1::Repository& repository) {
  switch (repository.visibility()) {
    case v1::REPOSITORY_VISIBILITY_PRIVATE:
      return "private";
    case v1::REPOSITORY_VISIBILITY_INTERNAL:
      return "internal";
    default:
      return "public";
  }
}

// Without scheme and port.
absl::string_view HostOf(absl::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme != absl::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find('/'));
  // The colons of an IPv6 address are in brackets.
  const size_t port = url.rfind(':');
  if (port != absl::string_view::npos &&
      url.find(']', port) == absl::string_view::npos) {
    url = url.substr(0, port);
  }
  return url;
}

// R11.
void WritePayload(const v1::Deployment& deployment, JsonWriter& json) {
  json.Name("payload");
  switch (deployment.payload_type()) {
    case v1::PAYLOAD_TYPE_OBJECT:
      json.Raw(deployment.payload());
      break;
    case v1::PAYLOAD_TYPE_STRING:
      json.Text(deployment.payload());
      break;
    default:
      json.Raw("{}");
  }
}

}  // namespace

std::string RepositoryUrl(const BaseUrls& base,
                          const v1::Repository& repository) {
  return absl::StrCat(base.api, "/repos/", PercentEncode(repository.owner()),
                      "/", PercentEncode(repository.name()));
}

std::string DeploymentUrl(const BaseUrls& base,
                          const v1::Repository& repository,
                          int64_t deployment_id) {
  return absl::StrCat(RepositoryUrl(base, repository), "/deployments/",
                      deployment_id);
}

std::string StatusUrl(const BaseUrls& base, const v1::Repository& repository,
                      int64_t deployment_id, int64_t status_id) {
  return absl::StrCat(DeploymentUrl(base, repository, deployment_id),
                      "/statuses/", status_id);
}

absl::string_view StateName(v1::StatusState state) {
  for (const StateNameRow& row : kStateNames) {
    if (row.state == state) return row.name;
  }
  return {};
}

v1::StatusState StateOfName(absl::string_view name) {
  for (const StateNameRow& row : kStateNames) {
    if (row.name == name) return row.state;
  }
  return v1::STATUS_STATE_UNSPECIFIED;
}

std::string FormatApiTime(int64_t time_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMillis(time_ms),
                          absl::UTCTimeZone());
}

void WriteUser(const BaseUrls& base, const v1::Actor& actor, JsonWriter& json) {
  const std::string login = PercentEncode(actor.login());
  const std::string url = absl::StrCat(base.api, "/users/", login);
  const bool bot = actor.type() == v1::ACTOR_TYPE_BOT;
  const std::string html_url =
      bot ? absl::StrCat(
                base.html, "/apps/",
                PercentEncode(absl::StripSuffix(actor.login(), "[bot]")))
          : absl::StrCat(base.html, "/", login);
  json.Open('{');
  json.Field("login", actor.login());
  json.Field("id", actor.id());
  json.Field("node_id", NodeId(TypeName(actor.type()), actor.id()));
  json.Field("avatar_url", absl::StrCat(base.html, "/avatars/u/", actor.id()));
  json.Field("gravatar_id", "");
  json.Field("url", url);
  json.Field("html_url", html_url);
  json.Field("followers_url", absl::StrCat(url, "/followers"));
  json.Field("following_url", absl::StrCat(url, "/following{/other_user}"));
  json.Field("gists_url", absl::StrCat(url, "/gists{/gist_id}"));
  json.Field("starred_url", absl::StrCat(url, "/starred{/owner}{/repo}"));
  json.Field("subscriptions_url", absl::StrCat(url, "/subscriptions"));
  json.Field("organizations_url", absl::StrCat(url, "/orgs"));
  json.Field("repos_url", absl::StrCat(url, "/repos"));
  json.Field("events_url", absl::StrCat(url, "/events{/privacy}"));
  json.Field("received_events_url", absl::StrCat(url, "/received_events"));
  json.Field("type", TypeName(actor.type()));
  json.BoolField("site_admin", actor.site_admin());
  json.Close('}');
}

void WriteRepository(const BaseUrls& base, const v1::Repository& repository,
                     JsonWriter& json) {
  const std::string url = RepositoryUrl(base, repository);
  const std::string html_url =
      absl::StrCat(base.html, "/", PercentEncode(repository.owner()), "/",
                   PercentEncode(repository.name()));
  const absl::string_view host = HostOf(base.html);
  const std::string path = absl::StrCat(PercentEncode(repository.owner()), "/",
                                        PercentEncode(repository.name()));
  v1::Actor owner;
  owner.set_login(repository.owner());
  json.Open('{');
  json.Field("id", repository.id());
  json.Field("node_id", NodeId("Repository", repository.id()));
  json.Field("name", repository.name());
  json.Field("full_name",
             absl::StrCat(repository.owner(), "/", repository.name()));
  json.BoolField("private", VisibilityName(repository) != "public");
  json.Name("owner");
  WriteUser(base, owner, json);
  json.Field("html_url", html_url);
  json.NullField("description");
  json.BoolField("fork", false);
  json.Field("url", url);
  for (const UrlRow& row : kRepositoryUrls) {
    json.Field(row.name, absl::StrCat(url, row.path));
  }
  json.Field("created_at", FormatApiTime(repository.created_at_ms()));
  json.Field("updated_at", FormatApiTime(repository.updated_at_ms()));
  json.NullField("pushed_at");
  json.Field("git_url", absl::StrCat("git://", host, "/", path, ".git"));
  json.Field("ssh_url", absl::StrCat("git@", host, ":", path, ".git"));
  json.Field("clone_url", absl::StrCat(html_url, ".git"));
  json.Field("svn_url", html_url);
  for (const char* name : {"homepage", "mirror_url", "language", "license"}) {
    json.NullField(name);
  }
  for (const char* name :
       {"size", "stargazers_count", "watchers_count", "forks_count",
        "open_issues_count", "forks", "open_issues", "watchers"}) {
    json.Field(name, int64_t{0});
  }
  for (const char* name :
       {"has_issues", "has_projects", "has_downloads", "has_wiki", "has_pages",
        "has_discussions", "archived", "disabled", "is_template"}) {
    json.BoolField(name, false);
  }
  json.Name("topics");
  json.Open('[');
  json.Close(']');
  json.Field("visibility", VisibilityName(repository));
  json.Field("default_branch", repository.default_branch());
  json.Close('}');
}

void WriteDeployment(const BaseUrls& base, const v1::Repository& repository,
                     const v1::Deployment& deployment, JsonWriter& json) {
  const std::string url = DeploymentUrl(base, repository, deployment.id());
  json.Open('{');
  json.Field("url", url);
  json.Field("id", deployment.id());
  json.Field("node_id", NodeId("Deployment", deployment.id()));
  json.Field("task", deployment.task());
  json.Field("original_environment", deployment.original_environment());
  json.Field("environment", deployment.environment());
  if (deployment.has_description()) {
    json.Field("description", deployment.description());
  } else {
    json.NullField("description");
  }
  json.Field("created_at", FormatApiTime(deployment.created_at_ms()));
  json.Field("updated_at", FormatApiTime(deployment.updated_at_ms()));
  json.Field("statuses_url", absl::StrCat(url, "/statuses"));
  json.Field("repository_url", RepositoryUrl(base, repository));
  json.Name("creator");
  WriteUser(base, deployment.creator(), json);
  json.Field("sha", deployment.sha());
  json.Field("ref", deployment.ref());
  WritePayload(deployment, json);
  json.BoolField("transient_environment", deployment.transient_environment());
  json.BoolField("production_environment", deployment.production_environment());
  json.NullField("performed_via_github_app");
  json.Close('}');
}

void WriteStatus(const BaseUrls& base, const v1::Repository& repository,
                 const v1::DeploymentStatus& status, JsonWriter& json) {
  const std::string time = FormatApiTime(status.created_at_ms());
  json.Open('{');
  json.Field("url",
             StatusUrl(base, repository, status.deployment_id(), status.id()));
  json.Field("id", status.id());
  json.Field("node_id", NodeId("DeploymentStatus", status.id()));
  json.Field("state", StateName(status.state()));
  json.Name("creator");
  WriteUser(base, status.creator(), json);
  json.Field("description", status.description());
  json.Field("environment", status.environment());
  json.Field("target_url", status.target_url());
  json.Field("created_at", time);
  json.Field("updated_at", time);
  json.Field("deployment_url",
             DeploymentUrl(base, repository, status.deployment_id()));
  json.Field("repository_url", RepositoryUrl(base, repository));
  json.Field("environment_url", status.environment_url());
  json.Field("log_url", status.log_url());
  json.NullField("performed_via_github_app");
  json.Close('}');
}

}  // namespace internal
}  // namespace slipway
