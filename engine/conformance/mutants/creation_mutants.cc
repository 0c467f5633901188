// Wrong about what a new deployment is and when there is one: R2 to R17.

#include <algorithm>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/conformance/mutants/families.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/ref.pb.h"
#include "slipway/v1/seed.pb.h"
#include "slipway/v1/state.pb.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

using slipway::v1::Command;
using slipway::v1::CommitContext;
using slipway::v1::CreateDeployment;
using slipway::v1::Decision;
using slipway::v1::Deployment;
using slipway::v1::RepositoryState;
using slipway::v1::ResolvedRef;

// Changes the events of a new deployment, the first of which is its own.
template <typename Change>
InProcessHooks WithNew(Change change) {
  InProcessHooks hooks;
  hooks.decision = [change](const RepositoryState& state, const Command&,
                            const InProcessHooks::TakeId& take_id,
                            Decision& decision) {
    if (decision.acceptance().outcome() ==
        slipway::v1::OUTCOME_DEPLOYMENT_CREATED) {
      change(state, take_id, *decision.mutable_acceptance());
    }
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R2.

InProcessHooks UnknownRefIsTheDefaultBranch() {
  return WithCreateDeployment([](CreateDeployment& request) {
    if (absl::StartsWith(request.ref(), "no-such-ref")) request.set_ref("main");
  });
}

InProcessHooks ShaOfTheDefaultBranch() {
  return WithDeployments([](Deployment& deployment) {
    for (const slipway::v1::SeedRef& ref :
         InProcessSubject::SeedOfRepository().repositories(0).refs()) {
      if (ref.ref().name() == "main") deployment.set_sha(ref.ref().sha());
    }
  });
}

InProcessHooks RefBecomesTheSha() {
  return WithDeployments(
      [](Deployment& deployment) { deployment.set_ref(deployment.sha()); });
}

// ---------------------------------------------------------------------------
// R10 and R11.

InProcessHooks ProductionNeverByDefault() {
  return WithCreateDeployment([](CreateDeployment& request) {
    request.set_production_environment(request.production_environment());
  });
}

InProcessHooks ProductionDefaultWithoutCase() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_production_name_match(slipway::v1::NAME_MATCH_IGNORE_CASE);
  });
}

InProcessHooks ExplicitFalseIgnored() {
  return WithCreateDeployment([](CreateDeployment& request) {
    if (!request.production_environment()) {
      request.clear_production_environment();
    }
  });
}

InProcessHooks TaskEmptyByDefault() {
  return WithCreateDeployment([](CreateDeployment& request) {
    if (!request.has_task()) request.set_task("");
  });
}

InProcessHooks EnvironmentRefByDefault() {
  return WithCreateDeployment([](CreateDeployment& request) {
    if (!request.has_environment()) request.set_environment(request.ref());
  });
}

InProcessHooks TransientNotKept() {
  return WithDeployments(
      [](Deployment& deployment) { deployment.clear_transient_environment(); });
}

InProcessHooks PayloadParsed() {
  return WithDeployments([](Deployment& deployment) {
    if (deployment.payload_type() == slipway::v1::PAYLOAD_TYPE_STRING &&
        absl::StartsWith(deployment.payload(), "{")) {
      deployment.set_payload_type(slipway::v1::PAYLOAD_TYPE_OBJECT);
    }
  });
}

InProcessHooks PayloadReserialised() {
  return WithDeployments([](Deployment& deployment) {
    if (deployment.payload_type() != slipway::v1::PAYLOAD_TYPE_OBJECT) return;
    std::string& json = *deployment.mutable_payload();
    json.erase(std::remove_if(json.begin(), json.end(), absl::ascii_isspace),
               json.end());
  });
}

InProcessHooks PayloadNoneIsText() {
  return WithDeployments([](Deployment& deployment) {
    if (deployment.payload_type() == slipway::v1::PAYLOAD_TYPE_UNSPECIFIED) {
      deployment.set_payload_type(slipway::v1::PAYLOAD_TYPE_STRING);
    }
  });
}

InProcessHooks DescriptionEmptyForNone() {
  return WithDeployments([](Deployment& deployment) {
    if (!deployment.has_description()) deployment.set_description("");
  });
}

InProcessHooks DescriptionNoneForEmpty() {
  return WithDeployments([](Deployment& deployment) {
    if (deployment.description().empty()) deployment.clear_description();
  });
}

// ---------------------------------------------------------------------------
// R12 to R14.

InProcessHooks RefBeforeFields() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    const std::string& ref = operation.create_deployment().request().ref();
    if (!absl::StartsWith(ref, "no-such-ref")) return;
    answer.Clear();
    answer.set_code(422);
    answer.set_message(absl::StrCat("No ref found for: ", ref));
  };
  return hooks;
}

// Checks that failed are told before a merge is thought of.
class ContextsBeforeMerge : public InProcessSubject {
 public:
  using InProcessSubject::InProcessSubject;

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    const std::string& ref = operation.create_deployment().request().ref();
    if (ref != "old") return InProcessSubject::Apply(operation);
    v1::Operation without_merge = operation;
    without_merge.mutable_create_deployment()
        ->mutable_request()
        ->set_auto_merge(false);
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(without_merge);
    if (!answer.ok() || answer->code() != 201) return answer;
    v1::Operation undo;
    undo.mutable_delete_deployment()->set_deployment_id(
        answer->deployment().id());
    absl::StatusOr<v1::Answer> undone = InProcessSubject::Apply(undo);
    if (!undone.ok()) return undone;
    return InProcessSubject::Apply(operation);
  }
};

InProcessHooks AutoMergeOffByDefault() {
  return WithCreateDeployment([](CreateDeployment& request) {
    request.set_auto_merge(request.auto_merge());
  });
}

InProcessHooks AutoMergeFalseIgnored() {
  return WithCreateDeployment(
      [](CreateDeployment& request) { request.clear_auto_merge(); });
}

// After a merge, the deployment that was asked for.
class MergeThenDeploy : public InProcessSubject {
 public:
  using InProcessSubject::InProcessSubject;

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(operation);
    if (!answer.ok() || answer->code() != 202) return answer;
    return InProcessSubject::Apply(operation);
  }
};

// A merge that conflicts is as good as none.
class ConflictDeployed : public InProcessSubject {
 public:
  using InProcessSubject::InProcessSubject;

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(operation);
    if (!answer.ok() ||
        !absl::StartsWith(answer->message(), "Conflict merging") ||
        operation.create_deployment().request().ref() != "clash") {
      return answer;
    }
    v1::Operation without_merge = operation;
    without_merge.mutable_create_deployment()
        ->mutable_request()
        ->set_auto_merge(false);
    return InProcessSubject::Apply(without_merge);
  }
};

InProcessHooks ShasMerged() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    const std::string& ref = operation.create_deployment().request().ref();
    if (ref.size() != 40 ||
        !absl::StartsWith(answer.message(), "Conflict merging")) {
      return;
    }
    answer.Clear();
    answer.set_code(202);
    answer.set_message(
        absl::StrCat("Auto-merged main into ", ref, " on deployment."));
  };
  return hooks;
}

// A tag that is behind is deployed: nothing could be merged into it.
InProcessHooks TagsNeverBehind() {
  InProcessHooks hooks;
  hooks.ref = [](const std::string&, ResolvedRef& ref) {
    if (ref.form() == slipway::v1::REF_FORM_TAG) {
      ref.set_contains_default_branch(true);
    }
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R15.

InProcessHooks OmittedContextsAreNone() {
  return WithCreateDeployment(
      [](CreateDeployment& request) { request.mutable_required_contexts(); });
}

InProcessHooks EmptyContextsAreAll() {
  return WithCreateDeployment([](CreateDeployment& request) {
    if (request.required_contexts().contexts().empty()) {
      request.clear_required_contexts();
    }
  });
}

InProcessHooks ListedContextsAreAll() {
  return WithCreateDeployment([](CreateDeployment& request) {
    if (!request.required_contexts().contexts().empty()) {
      request.clear_required_contexts();
    }
  });
}

InProcessHooks PendingContextPasses() {
  InProcessHooks hooks;
  hooks.ref = [](const std::string&, ResolvedRef& ref) {
    auto& contexts = *ref.mutable_contexts();
    for (CommitContext& context : contexts) {
      if (context.state() == slipway::v1::COMMIT_CONTEXT_STATE_PENDING) {
        context.set_state(slipway::v1::COMMIT_CONTEXT_STATE_SUCCESS);
      }
    }
  };
  return hooks;
}

bool IsKnownContext(absl::string_view name) {
  for (const slipway::v1::SeedCommit& commit :
       InProcessSubject::SeedOfRepository().repositories(0).commits()) {
    for (const CommitContext& context : commit.contexts()) {
      if (absl::EqualsIgnoreCase(context.context(), name)) return true;
    }
  }
  return false;
}

InProcessHooks MissingContextPasses() {
  return WithCreateDeployment([](CreateDeployment& request) {
    if (!request.has_required_contexts()) return;
    auto& names = *request.mutable_required_contexts()->mutable_contexts();
    for (int i = names.size() - 1; i >= 0; --i) {
      if (!IsKnownContext(names[i])) names.DeleteSubrange(i, 1);
    }
  });
}

// A context under a name in another case was never submitted.
InProcessHooks ContextsWithCase() {
  return WithCreateDeployment([](CreateDeployment& request) {
    if (!request.has_required_contexts()) return;
    for (std::string& name :
         *request.mutable_required_contexts()->mutable_contexts()) {
      if (name != absl::AsciiStrToLower(name)) absl::StrAppend(&name, "?");
    }
  });
}

InProcessHooks ErrorListsOnlyFailing() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation&, v1::Answer& answer) {
    auto& contexts = *answer.mutable_contexts();
    for (int i = contexts.size() - 1; i >= 0; --i) {
      if (contexts[i].state() == slipway::v1::COMMIT_CONTEXT_STATE_SUCCESS) {
        contexts.DeleteSubrange(i, 1);
      }
    }
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R16 and R17.

InProcessHooks FirstStatusByItself() {
  return WithNew([](const RepositoryState&,
                    const InProcessHooks::TakeId& take_id,
                    slipway::v1::Acceptance& acceptance) {
    const slipway::v1::Event created = acceptance.events(0);
    slipway::v1::Event& event = *acceptance.add_events();
    event = created;
    event.clear_deployment();
    event.set_type(slipway::v1::EVENT_TYPE_STATUS_CREATED);
    slipway::v1::DeploymentStatus& status = *event.mutable_status();
    status.set_id(take_id());
    status.set_deployment_id(created.deployment().id());
    status.set_state(slipway::v1::STATUS_STATE_QUEUED);
    *status.mutable_creator() = created.deployment().creator();
    status.set_environment(created.deployment().environment());
    status.set_created_at_ms(created.time_ms());
  });
}

// One more than the highest that there is now.
InProcessHooks IdsReused() {
  return WithNew([](const RepositoryState& state, const InProcessHooks::TakeId&,
                    slipway::v1::Acceptance& acceptance) {
    int64_t highest = 0;
    for (const slipway::v1::DeploymentRecord& record : state.deployments()) {
      highest = std::max(highest, record.deployment().id());
    }
    acceptance.mutable_events(0)->mutable_deployment()->set_id(highest + 1);
  });
}

// Two servers, each with a block of ids of its own, take turns.
InProcessHooks IdsInBlocks() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation&, v1::Answer& answer) {
    const auto renumber = [](slipway::v1::DeploymentStatus& status) {
      status.set_id(status.id() % 2 == 0 ? status.id() : status.id() + 1000000);
    };
    if (answer.has_status()) renumber(*answer.mutable_status());
    for (auto& status : *answer.mutable_statuses()) renumber(status);
    for (v1::Notification& told : *answer.mutable_notifications()) {
      if (told.status_id() % 2 != 0) {
        told.set_status_id(told.status_id() + 1000000);
      }
    }
  };
  hooks.operation = [](v1::Operation& operation) {
    if (operation.get_status().status_id() > 1000000 &&
        operation.get_status().status_id() < 2000000) {
      v1::GetStatus& get = *operation.mutable_get_status();
      get.set_status_id(get.status_id() - 1000000);
    }
  };
  return hooks;
}

}  // namespace

std::vector<Mutant> CreationMutants() {
  return {
      {"unknown_ref_is_the_default_branch",
       "an unknown ref stands for the default branch", 2,
       Hooked(UnknownRefIsTheDefaultBranch)},
      {"sha_of_the_default_branch",
       "`sha` is always that of the default branch", 2,
       Hooked(ShaOfTheDefaultBranch)},
      {"ref_becomes_the_sha", "`ref` is kept as what it resolved to", 2,
       Hooked(RefBecomesTheSha)},
      {"production_never_by_default",
       "`production_environment` is false by default, on \"production\" too",
       10, Hooked(ProductionNeverByDefault)},
      {"production_default_without_case",
       "`production_environment` is true by default on \"Production\"", 10,
       Hooked(ProductionDefaultWithoutCase)},
      {"explicit_false_ignored",
       "`production_environment: false` on \"production\" is ignored", 10,
       Hooked(ExplicitFalseIgnored)},
      {"task_empty_by_default", "`task` is empty by default", 10,
       Hooked(TaskEmptyByDefault)},
      {"environment_ref_by_default", "`environment` is the ref by default", 10,
       Hooked(EnvironmentRefByDefault)},
      {"transient_not_kept", "`transient_environment` is not kept", 10,
       Hooked(TransientNotKept)},
      {"payload_parsed", "a payload that is a string of JSON is parsed", 11,
       Hooked(PayloadParsed)},
      {"payload_reserialised", "a payload that is an object loses its spaces",
       11, Hooked(PayloadReserialised)},
      {"payload_none_is_text", "no payload comes back as an empty string", 11,
       Hooked(PayloadNoneIsText)},
      {"description_empty_for_none", "no description comes back as \"\"", 11,
       Hooked(DescriptionEmptyForNone)},
      {"description_none_for_empty", "an empty description comes back as null",
       11, Hooked(DescriptionNoneForEmpty)},
      {"ref_before_fields", "the ref is looked at before the fields", 12,
       Hooked(RefBeforeFields)},
      {"contexts_before_merge", "contexts are looked at before the merge", 12,
       Wrapped<ContextsBeforeMerge>()},
      {"auto_merge_off_by_default", "`auto_merge` is false by default", 13,
       Hooked(AutoMergeOffByDefault)},
      {"auto_merge_false_ignored", "`auto_merge: false` is ignored", 13,
       Hooked(AutoMergeFalseIgnored)},
      {"merge_then_deploy", "after a merge the deployment is created at once",
       13, Wrapped<MergeThenDeploy>()},
      {"conflict_deployed", "a merge that conflicts does not stop a deployment",
       13, Wrapped<ConflictDeployed>()},
      {"shas_merged", "a SHA that is behind is merged into", 14,
       Hooked(ShasMerged)},
      {"tags_never_behind", "a tag that is behind is deployed", 14,
       Hooked(TagsNeverBehind)},
      {"omitted_contexts_are_none",
       "`required_contexts` left out is as an empty list", 15,
       Hooked(OmittedContextsAreNone)},
      {"empty_contexts_are_all",
       "an empty list of `required_contexts` is as if left out", 15,
       Hooked(EmptyContextsAreAll)},
      {"listed_contexts_are_all", "contexts that are not listed count too", 15,
       Hooked(ListedContextsAreAll)},
      {"pending_context_passes", "a pending context passes", 15,
       Hooked(PendingContextPasses)},
      {"missing_context_passes", "a context that was never submitted passes",
       15, Hooked(MissingContextPasses)},
      {"contexts_with_case", "names of contexts compare with case", 15,
       Hooked(ContextsWithCase)},
      {"error_lists_only_failing", "the error lists only contexts that failed",
       15, Hooked(ErrorListsOnlyFailing)},
      {"first_status_by_itself", "a new deployment is `queued` by itself", 16,
       Hooked(FirstStatusByItself)},
      {"ids_reused", "the id of a deleted deployment is used again", 17,
       Hooked(IdsReused)},
      {"ids_in_blocks", "ids come from two blocks and do not grow", 17,
       Hooked(IdsInBlocks)},
  };
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
