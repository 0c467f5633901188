#include "slipway/tests/crash/checks.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "slipway/core/facts.h"
#include "slipway/core/rules.h"
#include "slipway/tests/crash/json.h"
#include "slipway/v1/state.pb.h"

namespace crash {
namespace {

namespace v1 = slipway::v1;

// Whether it has, or may have, happened.
bool MayHaveHappened(const Request& request) {
  const Outcome outcome = OutcomeOf(request);
  return outcome == Outcome::kAcknowledged || outcome == Outcome::kUnknown;
}

// What the requests may have done to each deployment.
class Possibilities {
 public:
  explicit Possibilities(const std::vector<Request>& requests)
      : requests_(requests) {
    for (size_t i = 0; i < requests.size(); ++i) {
      const Request& request = requests[i];
      if (!MayHaveHappened(request)) continue;
      if (request.action == Action::kDeleteDeployment) {
        deletions_[request.deployment_id].push_back(i);
      } else if (request.action == Action::kCreateStatus &&
                 request.state == "success") {
        successes_[request.deployment_id].push_back(i);
      }
    }
  }

  // Whether a deployment may have been deleted before `time`.
  bool MayBeDeleted(int64_t id, int64_t time) const {
    return AnyBegun(deletions_, id, time);
  }
  bool MayBeActive(int64_t id, int64_t time) const {
    return AnyBegun(successes_, id, time);
  }
  // Whether it was certainly deleted before `time`.
  bool IsDeleted(int64_t id, int64_t time) const {
    const auto found = deletions_.find(id);
    if (found == deletions_.end()) return false;
    return std::any_of(
        found->second.begin(), found->second.end(), [&](size_t i) {
          return OutcomeOf(requests_[i]) == Outcome::kAcknowledged &&
                 EndOf(requests_[i]) < time;
        });
  }
  // Numbers of the requests.
  const std::vector<size_t>& DeletionsOf(int64_t id) const {
    static const auto& none = *new std::vector<size_t>;
    const auto found = deletions_.find(id);
    return found == deletions_.end() ? none : found->second;
  }

 private:
  using Index = std::unordered_map<int64_t, std::vector<size_t>>;

  bool AnyBegun(const Index& index, int64_t id, int64_t time) const {
    const auto found = index.find(id);
    if (found == index.end()) return false;
    return std::any_of(found->second.begin(), found->second.end(),
                       [&](size_t i) { return BeginOf(requests_[i]) < time; });
  }

  const std::vector<Request>& requests_;
  Index deletions_;
  Index successes_;
};

// Whether a status other than 2xx and 503 can be.
bool IsPossibleRefusal(const Request& request, const Answer& answer,
                       const Possibilities& possible) {
  const int64_t end = EndOf(request);
  switch (request.action) {
    case Action::kCreateDeployment:
    case Action::kListDeployments:
      return false;
    case Action::kCreateStatus:
    case Action::kListStatuses:
      return answer.status == 404 &&
             possible.MayBeDeleted(request.deployment_id, end);
    case Action::kDeleteDeployment:
      return (answer.status == 404 &&
              possible.MayBeDeleted(request.deployment_id, end)) ||
             (answer.status == 422 &&
              possible.MayBeActive(request.deployment_id, end));
  }
  return false;
}

int WantedStatus(Action action) {
  switch (action) {
    case Action::kCreateDeployment:
    case Action::kCreateStatus:
      return 201;
    case Action::kDeleteDeployment:
      return 204;
    case Action::kListDeployments:
    case Action::kListStatuses:
      return 200;
  }
  return 0;
}

void CheckAttempts(const Request& request, Findings* findings) {
  const Answer* decided = nullptr;
  for (const Attempt& attempt : request.attempts) {
    const Answer& answer = attempt.answer;
    if (answer.result == AttemptResult::kUnavailable) {
      if (answer.retry_after_s < 0) {
        findings->push_back(
            absl::StrCat(Describe(request), ": 503 without Retry-After"));
      } else if (answer.retry_after_s > 1) {
        findings->push_back(absl::StrCat(
            Describe(request), ": 503 with Retry-After: ", answer.retry_after_s,
            ", as where something is damaged"));
      }
    }
    if (answer.result != AttemptResult::kAnswered) continue;
    if (decided == nullptr) {
      decided = &answer;
    } else if (answer.status != decided->status ||
               answer.body != decided->body) {
      findings->push_back(absl::StrCat(Describe(request), ": was answered ",
                                       decided->status, "\n  ", decided->body,
                                       "\nand under the same key ",
                                       answer.status, "\n  ", answer.body));
    }
  }
}

// The rows that were acknowledged, for lists: by where they belong, then by id,
// the newest first.
struct Acknowledged {
  std::unordered_map<std::string,
                     std::map<int64_t, const Request*, std::greater<int64_t>>>
      deployments;
  std::unordered_map<int64_t,
                     std::map<int64_t, const Request*, std::greater<int64_t>>>
      statuses;
};

// The lists ask for the newest 100.
constexpr size_t kPageSize = 100;

void CheckList(const Request& list, const Acknowledged& acknowledged,
               const Possibilities& possible, Findings* findings) {
  const Answer& answer = *DecidingAnswer(list);
  const std::vector<int64_t>& ids = answer.ids;
  if (!std::is_sorted(ids.begin(), ids.end(), std::greater_equal<int64_t>())) {
    findings->push_back(absl::StrCat(Describe(list), ": not newest first"));
    return;
  }
  const int64_t begin = BeginOf(list);
  const int64_t end = EndOf(list);
  // Only the last attempt was answered.
  const int64_t lowest = ids.size() < kPageSize || ids.empty() ? 0 : ids.back();
  const std::set<int64_t> listed(ids.begin(), ids.end());
  const bool of_deployments = list.action == Action::kListDeployments;
  const std::map<int64_t, const Request*, std::greater<int64_t>>* rows =
      nullptr;
  if (of_deployments) {
    const auto found = acknowledged.deployments.find(list.repository);
    if (found != acknowledged.deployments.end()) rows = &found->second;
  } else {
    const auto found = acknowledged.statuses.find(list.deployment_id);
    if (found != acknowledged.statuses.end()) rows = &found->second;
  }
  if (rows != nullptr) {
    for (const auto& [id, request] : *rows) {
      if (id < lowest) break;
      if (EndOf(*request) > begin || listed.count(id) > 0) continue;
      if (of_deployments && possible.MayBeDeleted(id, end)) continue;
      findings->push_back(absl::StrCat(Describe(list), ": has not ", id,
                                       ", of ", Describe(*request),
                                       ", acknowledged before"));
    }
  }
  for (const int64_t id : ids) {
    if (of_deployments && possible.IsDeleted(id, begin)) {
      findings->push_back(absl::StrCat(Describe(list), ": has ", id,
                                       ", which was deleted before"));
    }
  }
}

}  // namespace

Findings CheckAnswers(const std::vector<Request>& requests, size_t from) {
  Findings findings;
  const Possibilities possible(requests);
  Acknowledged acknowledged;
  std::unordered_map<int64_t, const Request*> made;
  for (const Request& request : requests) {
    const Answer* answer = DecidingAnswer(request);
    if (answer == nullptr) continue;
    if (answer->status != WantedStatus(request.action) &&
        !IsPossibleRefusal(request, *answer, possible)) {
      findings.push_back(absl::StrCat(Describe(request), ": answered ",
                                      answer->status, ", which cannot be\n  ",
                                      answer->body));
    }
    const int64_t id = IdOf(request);
    if (id == 0) continue;
    const auto inserted = made.emplace(id, &request);
    if (!inserted.second) {
      findings.push_back(absl::StrCat(Describe(request), ": got the id ", id,
                                      ", as did ",
                                      Describe(*inserted.first->second)));
    }
    if (request.action == Action::kCreateDeployment) {
      acknowledged.deployments[request.repository][id] = &request;
    } else {
      acknowledged.statuses[request.deployment_id][id] = &request;
    }
  }
  for (size_t i = from; i < requests.size(); ++i) {
    CheckAttempts(requests[i], &findings);
    if (!IsWrite(requests[i].action) &&
        OutcomeOf(requests[i]) == Outcome::kAcknowledged) {
      CheckList(requests[i], acknowledged, possible, &findings);
    }
  }
  return findings;
}

namespace {

const char* NameOf(v1::StatusState state) {
  switch (state) {
    case v1::STATUS_STATE_ERROR:
      return "error";
    case v1::STATUS_STATE_FAILURE:
      return "failure";
    case v1::STATUS_STATE_INACTIVE:
      return "inactive";
    case v1::STATUS_STATE_IN_PROGRESS:
      return "in_progress";
    case v1::STATUS_STATE_QUEUED:
      return "queued";
    case v1::STATUS_STATE_PENDING:
      return "pending";
    case v1::STATUS_STATE_SUCCESS:
      return "success";
    default:
      return "?";
  }
}

// What a request has made, by its mark.
void CheckMade(const Request& request, const std::vector<Replay::Made>& made,
               Findings* findings) {
  const Outcome outcome = OutcomeOf(request);
  const std::string what = Describe(request);
  if (made.size() > 1) {
    findings->push_back(
        absl::StrCat(what, ": happened ", made.size(), " times"));
    return;
  }
  if (outcome == Outcome::kAcknowledged && made.empty()) {
    findings->push_back(absl::StrCat(what, ": acknowledged with the id ",
                                     IdOf(request), ", and lost"));
  }
  if (made.empty()) return;
  const Replay::Made& row = made.front();
  if (outcome == Outcome::kAcknowledged && row.id != IdOf(request)) {
    findings->push_back(absl::StrCat(what, ": acknowledged with the id ",
                                     IdOf(request), ", and has ", row.id));
  }
  if (outcome == Outcome::kRefused) {
    findings->push_back(absl::StrCat(what, ": answered ",
                                     DecidingAnswer(request)->status,
                                     ", and yet it happened, as ", row.id));
  }
  if (outcome == Outcome::kNotDone) {
    findings->push_back(
        absl::StrCat(what, ": answered 503, and yet it happened, as ", row.id));
  }
  const bool is_status = request.action == Action::kCreateStatus;
  const bool is_as_asked =
      row.repository == request.repository &&
      (is_status ? row.deployment_id == request.deployment_id &&
                       NameOf(row.state) == request.state
                 : row.environment == request.environment);
  if (!is_as_asked) {
    findings->push_back(absl::StrCat(what, ": happened otherwise, as ", row.id,
                                     " of ", row.repository));
  }
}

}  // namespace

Findings CheckHistory(const std::vector<Request>& requests,
                      const Replay& replay) {
  Findings findings;
  static const auto& nothing = *new std::vector<Replay::Made>;
  const Possibilities possible(requests);
  std::set<std::string> asked_for;
  std::set<int64_t> acknowledged_deletions;
  for (const Request& request : requests) {
    if (request.action == Action::kCreateDeployment ||
        request.action == Action::kCreateStatus) {
      const auto found = replay.made().find(request.mark);
      if (found != replay.made().end()) asked_for.insert(request.mark);
      CheckMade(request, found == replay.made().end() ? nothing : found->second,
                &findings);
    } else if (request.action == Action::kDeleteDeployment &&
               OutcomeOf(request) == Outcome::kAcknowledged) {
      if (replay.deleted().count(request.deployment_id) == 0) {
        findings.push_back(
            absl::StrCat(Describe(request), ": acknowledged, and lost"));
      }
      if (!acknowledged_deletions.insert(request.deployment_id).second) {
        findings.push_back(
            absl::StrCat(Describe(request), ": acknowledged a second time"));
      }
    }
  }
  for (const auto& [mark, made] : replay.made()) {
    if (asked_for.count(mark) == 0) {
      findings.push_back(absl::StrCat(made.front().id, " of ",
                                      made.front().repository,
                                      ": nobody asked for it ('", mark, "')"));
    }
  }
  for (const int64_t id : replay.deleted()) {
    if (possible.DeletionsOf(id).empty()) {
      findings.push_back(absl::StrCat(
          id, ": deleted, and nobody asked for it who was not refused"));
    }
  }
  return findings;
}

Findings CheckRows(const Replay& replay, const Observation& observation) {
  Findings findings;
  for (const auto& [repository, rows] : observation.rows) {
    const v1::RepositoryState& state = replay.StateOf(repository);
    for (const auto& [id, row] : rows) {
      // By id.
      const auto found = std::lower_bound(
          state.deployments().begin(), state.deployments().end(), id,
          [](const v1::DeploymentRecord& record, int64_t wanted) {
            return record.deployment().id() < wanted;
          });
      const bool exists =
          found != state.deployments().end() && found->deployment().id() == id;
      if (!exists && !row.has_value()) continue;
      if (exists && row.has_value() &&
          google::protobuf::util::MessageDifferencer::Equals(*found, *row)) {
        continue;
      }
      findings.push_back(
          absl::StrCat("the row ", id, " of ", repository, " is\n  ",
                       row.has_value() ? row->ShortDebugString() : "missing",
                       "\nand by the stream it is\n  ",
                       exists ? found->ShortDebugString() : "deleted"));
    }
  }
  for (const auto& [repository, total] : observation.totals) {
    const int wanted = replay.StateOf(repository).deployments_size();
    if (total != wanted) {
      findings.push_back(absl::StrCat(repository, " has ", total,
                                      " deployments, and by the stream ",
                                      wanted));
    }
  }
  const v1::Rules rules = slipway::DocumentedRules();
  for (const Observation::Sample& sample : observation.samples) {
    const v1::Facts wanted = slipway::FactsFor(
        rules, replay.StateOf(sample.command.repository().name()),
        sample.command);
    if (google::protobuf::util::MessageDifferencer::Equals(wanted,
                                                           sample.facts)) {
      continue;
    }
    findings.push_back(
        absl::StrCat("the facts for ", sample.command.ShortDebugString(),
                     " are\n  ", sample.facts.ShortDebugString(),
                     "\nand by the stream\n  ", wanted.ShortDebugString()));
  }
  return findings;
}

Findings CheckReadings(const std::vector<Request>& requests,
                       const std::vector<Reading>& readings) {
  Findings findings;
  const Possibilities possible(requests);
  for (const Reading& reading : readings) {
    const Request& request = requests[reading.request];
    if (OutcomeOf(request) != Outcome::kAcknowledged) continue;
    const bool is_deletion = request.action == Action::kDeleteDeployment;
    const int64_t deployment_id = request.action == Action::kCreateDeployment
                                      ? IdOf(request)
                                      : request.deployment_id;
    // The reading came last.
    const int64_t now = INT64_MAX;
    if (is_deletion || possible.IsDeleted(deployment_id, now)) {
      if (reading.status != 404) {
        findings.push_back(absl::StrCat(Describe(request), ": ", deployment_id,
                                        " was deleted, and GET is answered ",
                                        reading.status));
      }
      continue;
    }
    if (reading.status == 404 && possible.MayBeDeleted(deployment_id, now)) {
      continue;
    }
    const std::string& body = DecidingAnswer(request)->body;
    const bool is_same =
        request.action == Action::kCreateStatus
            ? SameObject(reading.body, body, {})
            : SameObject(reading.body, body, {"environment", "updated_at"});
    if (reading.status == 200 && is_same) continue;
    findings.push_back(absl::StrCat(
        Describe(request), ": acknowledged, and ",
        reading.status == 404 ? "lost" : "another now", "; it was answered\n  ",
        body, "\nand GET is answered ", reading.status, "\n  ", reading.body));
  }
  return findings;
}

Findings CheckDeliveries(const std::vector<Notification>& notifications,
                         const std::vector<Delivery>& deliveries,
                         bool is_over) {
  Findings findings;
  using Key = std::pair<std::string, int64_t>;
  std::map<Key, const Notification*> wanted;
  for (const Notification& notification : notifications) {
    wanted[{notification.event, notification.row_id}] = &notification;
  }
  std::map<Key, std::string> guids;
  std::map<std::string, Key> keys;
  std::set<Key> taken;
  // The furthest that has arrived, by deployment.
  std::unordered_map<int64_t, int64_t> positions;
  for (const Delivery& delivery : deliveries) {
    const Key key = {delivery.event, delivery.row_id};
    const std::string what =
        absl::StrCat("the delivery ", delivery.guid, " of ", delivery.event,
                     " ", delivery.row_id);
    if (!delivery.is_signed) {
      findings.push_back(absl::StrCat(what, ": its signature is wrong"));
    }
    const auto found = wanted.find(key);
    if (found == wanted.end() || delivery.action != "created" ||
        found->second->deployment_id != delivery.deployment_id) {
      findings.push_back(absl::StrCat(what, ": there is no such event ('",
                                      delivery.action, "', deployment ",
                                      delivery.deployment_id, ")"));
      continue;
    }
    const auto guid = guids.emplace(key, delivery.guid);
    const auto owner = keys.emplace(delivery.guid, key);
    if (guid.first->second != delivery.guid || owner.first->second != key) {
      findings.push_back(
          absl::StrCat(what, ": the GUID is not that of this event alone"));
    }
    int64_t& position = positions[delivery.deployment_id];
    if (found->second->position > position) {
      position = found->second->position;
    } else if (guid.second) {
      findings.push_back(
          absl::StrCat(what, ": arrived after later ones of deployment ",
                       delivery.deployment_id));
    }
    if (!delivery.was_refused) taken.insert(key);
  }
  if (!is_over) return findings;
  for (const Notification& notification : notifications) {
    if (taken.count({notification.event, notification.row_id}) > 0) continue;
    findings.push_back(absl::StrCat(
        "the ", notification.event, " ", notification.row_id, " of deployment ",
        notification.deployment_id, ": never arrived"));
  }
  return findings;
}

Findings CheckOthersWentOn(const std::vector<Request>& requests,
                           const Window& window) {
  Findings findings;
  int acknowledged = 0;
  for (const Request& request : requests) {
    for (const Attempt& attempt : request.attempts) {
      if (attempt.server == window.server ||
          attempt.begun_at < window.begun_at ||
          attempt.begun_at >= window.ended_at) {
        continue;
      }
      if (attempt.answer.result == AttemptResult::kAnswered &&
          attempt.ended_at < window.ended_at && IsWrite(request.action)) {
        ++acknowledged;
      } else if (attempt.answer.result == AttemptResult::kLost) {
        findings.push_back(
            absl::StrCat(Describe(request), ": server ", attempt.server,
                         " did not answer while ", window.server, " was down"));
      }
    }
  }
  if (acknowledged == 0) {
    findings.push_back(absl::StrCat("while server ", window.server,
                                    " was down, no other answered a write"));
  }
  return findings;
}

Findings CheckNoRoom(const std::vector<Request>& requests,
                     const Window& window) {
  Findings findings;
  int refused = 0;
  int read = 0;
  for (const Request& request : requests) {
    for (const Attempt& attempt : request.attempts) {
      if (attempt.begun_at < window.begun_at ||
          attempt.begun_at >= window.ended_at) {
        continue;
      }
      const AttemptResult result = attempt.answer.result;
      if (IsWrite(request.action)) {
        if (result == AttemptResult::kUnavailable) ++refused;
      } else if (result == AttemptResult::kAnswered) {
        ++read;
      } else if (result != AttemptResult::kNone) {
        findings.push_back(absl::StrCat(Describe(request), ": a read that got ",
                                        attempt.answer.status,
                                        " while there was no room"));
      }
    }
  }
  if (refused == 0) findings.push_back("without room, no write got a 503");
  if (read == 0) findings.push_back("without room, nothing was read");
  return findings;
}

}  // namespace crash
