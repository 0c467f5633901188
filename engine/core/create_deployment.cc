// R10 to R17, in the order of R12.

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/core/draft.h"
#include "slipway/core/names.h"
#include "slipway/core/rules.h"

namespace slipway {
namespace internal {
namespace {

constexpr absl::string_view kResource = "Deployment";

void CheckFields(const Question& question, Draft& draft) {
  const v1::CreateDeployment& request = question.command.create_deployment();
  const v1::Limits& limits = question.limits;
  draft.CheckText(kResource, "ref", request.ref(), limits.name_bytes_max());
  draft.CheckText(kResource, "task", request.task(), limits.name_bytes_max());
  if (request.required_contexts().contexts_size() >
      limits.required_contexts_max()) {
    absl::StrAppend(draft.Violate(kResource, "required_contexts",
                                  v1::VIOLATION_CODE_CUSTOM, 4),
                    "required_contexts is too long (maximum is ",
                    limits.required_contexts_max(), " contexts)");
  } else {
    for (const std::string& context : request.required_contexts().contexts()) {
      draft.CheckText(kResource, "required_contexts", context,
                      limits.name_bytes_max());
    }
  }
  if (!v1::PayloadType_IsValid(request.payload_type())) {
    draft.Violate(kResource, "payload", v1::VIOLATION_CODE_INVALID, 11)
        ->append("payload is of an unknown type");
  }
  draft.CheckText(kResource, "payload", request.payload(),
                  limits.payload_bytes_max());
  if (request.has_environment()) {
    draft.CheckEnvironmentName(kResource, request.environment());
  }
  draft.CheckText(kResource, "description", request.description(),
                  limits.text_bytes_max());
}

// R13, R14. Whether the ref is up to date with the default branch, or need not
// be; if not, the answer is written.
bool PassesAutoMerge(const Question& question, Draft& draft) {
  const v1::CreateDeployment& request = question.command.create_deployment();
  const v1::ResolvedRef& ref = question.facts.ref();
  const std::string& default_branch =
      question.facts.repository().default_branch();
  if (request.has_auto_merge() && !request.auto_merge()) return true;
  draft.Cite({13});
  const bool is_branch = ref.form() == v1::REF_FORM_BRANCH;
  if (is_branch && request.ref() == default_branch) {
    draft.Cite({3, 14});
    return true;
  }
  // Before the ref is looked at: facts that were read after the merge show it
  // up to date, and yet this request was answered by the merge.
  if (is_branch && question.facts.merge_outcome() == v1::MERGE_OUTCOME_MERGED) {
    absl::StrAppend(draft.Accept(v1::OUTCOME_AUTO_MERGED)->mutable_message(),
                    "Auto-merged ", default_branch, " into ", request.ref(),
                    " on deployment.");
    return false;
  }
  if (ref.contains_default_branch()) return true;

  if (!is_branch ||
      question.facts.merge_outcome() == v1::MERGE_OUTCOME_CONFLICT) {
    absl::StrAppend(
        draft.Reject(v1::REASON_MERGE_CONFLICT, is_branch ? 13 : 14),
        "Conflict merging ", default_branch, " into ", request.ref(), ".");
  } else {
    v1::Effect* effect =
        draft.Accept(v1::OUTCOME_MERGE_REQUIRED)->add_effects();
    effect->set_type(v1::EFFECT_TYPE_MERGE);
    effect->mutable_merge()->set_base(request.ref());
    effect->mutable_merge()->set_head(default_branch);
  }
  return false;
}

bool IsListed(const v1::RequiredContexts& listed, absl::string_view context) {
  return std::any_of(
      listed.contexts().begin(), listed.contexts().end(),
      [&](const std::string& name) { return SameName(name, context); });
}

bool HasContext(const v1::ResolvedRef& ref, absl::string_view name) {
  return std::any_of(ref.contexts().begin(), ref.contexts().end(),
                     [&](const v1::CommitContext& context) {
                       return SameName(context.context(), name);
                     });
}

// Below 0, 0 or above 0, as `a` comes before `b`, is the same name, or comes
// after it, in some order.
int CompareNames(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  const char* x = a.data();
  const char* y = b.data();
  for (const char* end = x + a.size(); x != end; ++x, ++y) {
    if (*x == *y) continue;
    const int difference = absl::ascii_tolower(*x) - absl::ascii_tolower(*y);
    if (difference != 0) return difference;
  }
  return 0;
}

// Lists those of `listed` that the commit does not have, each once. They are
// sorted to find the ones that are there twice: callers can list many long
// names that differ in their last characters only.
void AddMissingContexts(const Question& question, Draft& draft) {
  const auto& listed =
      question.command.create_deployment().required_contexts().contexts();
  absl::InlinedVector<int, 64> places;
  for (int i = 0; i < listed.size(); ++i) {
    if (!HasContext(question.facts.ref(), listed[i])) places.push_back(i);
  }
  std::sort(places.begin(), places.end(), [&](int a, int b) {
    const int compared = CompareNames(listed[a], listed[b]);
    return compared < 0 || (compared == 0 && a < b);
  });
  const auto end = std::unique(places.begin(), places.end(), [&](int a, int b) {
    return SameName(listed[a], listed[b]);
  });
  std::sort(places.begin(), end);
  for (auto place = places.begin(); place != end; ++place) {
    v1::CommitContext* missing = draft.AddContext();
    missing->set_context(listed[*place]);
    missing->set_state(v1::COMMIT_CONTEXT_STATE_PENDING);
  }
}

// R15. Whether the commit's contexts let the deployment pass; if not, the
// answer is written.
bool PassesRequiredContexts(const Question& question, Draft& draft) {
  const v1::CreateDeployment& request = question.command.create_deployment();
  const bool all = !request.has_required_contexts();
  const v1::RequiredContexts& listed = request.required_contexts();
  draft.Cite({15});
  if (!all && listed.contexts().empty()) return true;

  bool passes = true;
  for (const v1::CommitContext& context : question.facts.ref().contexts()) {
    if (!all && !IsListed(listed, context.context())) continue;
    if (context.state() != v1::COMMIT_CONTEXT_STATE_SUCCESS) passes = false;
  }
  for (const std::string& name : listed.contexts()) {
    if (!HasContext(question.facts.ref(), name)) passes = false;
  }
  if (passes) return true;

  absl::StrAppend(draft.Reject(v1::REASON_CONTEXTS_FAILED, 15),
                  "Conflict: Commit status checks failed for ", request.ref(),
                  ".");
  for (const v1::CommitContext& context : question.facts.ref().contexts()) {
    if (all || IsListed(listed, context.context())) draft.AddContext(context);
  }
  AddMissingContexts(question, draft);
  return false;
}

void Create(const Question& question, Draft& draft) {
  const v1::CreateDeployment& request = question.command.create_deployment();
  draft.Cite({2, 10, 11, 16, 17});
  draft.Accept(v1::OUTCOME_DEPLOYMENT_CREATED);
  v1::Deployment* deployment =
      draft.AddEvent(v1::EVENT_TYPE_DEPLOYMENT_CREATED)->mutable_deployment();
  draft.NotifyOfLastEvent();
  deployment->set_id(draft.TakeId());
  deployment->set_ref(request.ref());
  deployment->set_sha(question.facts.ref().sha());
  if (request.has_task()) {
    deployment->set_task(request.task());
  } else {
    deployment->set_task("deploy");
  }
  deployment->set_payload_type(request.payload_type());
  if (request.payload_type() != v1::PAYLOAD_TYPE_UNSPECIFIED) {
    deployment->set_payload(request.payload());
  }
  if (request.has_description()) {
    deployment->set_description(request.description());
  }
  const absl::string_view target = TargetEnvironment(request);
  std::string* environment = deployment->mutable_environment();
  environment->assign(target.data(), target.size());
  deployment->set_original_environment(*environment);
  deployment->set_transient_environment(request.transient_environment());
  deployment->set_production_environment(
      request.has_production_environment()
          ? request.production_environment()
          : Matches(question.rules.production_name_match(),
                    v1::NAME_MATCH_EXACT, *environment,
                    kProductionEnvironment));
  *deployment->mutable_creator() = question.command.actor();
  deployment->set_created_at_ms(question.command.time_ms());
  deployment->set_updated_at_ms(question.command.time_ms());
  CreateEnvironmentIfNew(question, *environment, draft);
}

}  // namespace

void DecideCreateDeployment(const Question& question, Draft& draft) {
  draft.Cite({12});
  CheckFields(question, draft);
  if (draft.RejectIfViolated()) return;
  if (!question.facts.has_ref()) {
    absl::StrAppend(
        draft.Reject(v1::REASON_REF_NOT_FOUND, 2),
        "No ref found for: ", question.command.create_deployment().ref());
    return;
  }
  if (!PassesAutoMerge(question, draft)) return;
  if (!PassesRequiredContexts(question, draft)) return;
  Create(question, draft);
}

}  // namespace internal
}  // namespace slipway
