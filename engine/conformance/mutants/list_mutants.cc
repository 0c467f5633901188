// Wrong about lists and webhooks: R70 to R72, and R80.

#include <algorithm>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "engine/conformance/mutants/families.h"
#include "slipway/v1/decision.pb.h"
#include "slipway/v1/event.pb.h"

namespace slipway {
namespace conformance {
namespace internal {
namespace {

using slipway::v1::Command;
using slipway::v1::Decision;
using slipway::v1::RepositoryState;

// ---------------------------------------------------------------------------
// R70.

InProcessHooks DeploymentsOldestFirst() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation&, v1::Answer& answer) {
    std::reverse(answer.mutable_deployments()->begin(),
                 answer.mutable_deployments()->end());
  };
  return hooks;
}

InProcessHooks StatusesOldestFirst() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation&, v1::Answer& answer) {
    std::reverse(answer.mutable_statuses()->begin(),
                 answer.mutable_statuses()->end());
  };
  return hooks;
}

// What was touched last comes first.
InProcessHooks DeploymentsByUpdate() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation&, v1::Answer& answer) {
    std::stable_sort(
        answer.mutable_deployments()->begin(),
        answer.mutable_deployments()->end(),
        [](const slipway::v1::Deployment& a, const slipway::v1::Deployment& b) {
          return a.updated_at_ms() > b.updated_at_ms();
        });
  };
  return hooks;
}

// Lists what passes any of the filters.
class FiltersWithOr : public InProcessSubject {
 public:
  using InProcessSubject::InProcessSubject;

  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    const v1::ListDeployments& list = operation.list_deployments();
    const int filters = (list.has_sha() ? 1 : 0) + (list.has_ref() ? 1 : 0) +
                        (list.has_task() ? 1 : 0) +
                        (list.has_environment() ? 1 : 0);
    absl::StatusOr<v1::Answer> answer = InProcessSubject::Apply(operation);
    if (!answer.ok() || filters < 2 || list.has_page() || list.has_per_page()) {
      return answer;
    }
    std::map<int64_t, slipway::v1::Deployment> rows;
    for (int filter = 0; filter < 4; ++filter) {
      v1::Operation one;
      v1::ListDeployments& by = *one.mutable_list_deployments();
      if (filter == 0 && list.has_sha()) by.set_sha(list.sha());
      if (filter == 1 && list.has_ref()) by.set_ref(list.ref());
      if (filter == 2 && list.has_task()) by.set_task(list.task());
      if (filter == 3 && list.has_environment()) {
        by.set_environment(list.environment());
      }
      if (by.ByteSizeLong() == 0) continue;
      absl::StatusOr<v1::Answer> found = InProcessSubject::Apply(one);
      if (!found.ok()) return found;
      for (slipway::v1::Deployment& row : *found->mutable_deployments()) {
        rows[row.id()] = std::move(row);
      }
    }
    answer->clear_deployments();
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
      *answer->add_deployments() = std::move(row->second);
    }
    return answer;
  }
};

InProcessHooks FilterEnvironmentWithCase() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.set_list_environment_match(slipway::v1::NAME_MATCH_EXACT);
  });
}

InProcessHooks FilterTaskIgnored() {
  InProcessHooks hooks;
  hooks.operation = [](v1::Operation& operation) {
    if (operation.has_list_deployments()) {
      operation.mutable_list_deployments()->clear_task();
    }
  };
  return hooks;
}

// One that is called "none" is looked for.
InProcessHooks FilterNoneTaken() {
  InProcessHooks hooks;
  hooks.operation = [](v1::Operation& operation) {
    if (!operation.has_list_deployments()) return;
    v1::ListDeployments& list = *operation.mutable_list_deployments();
    if (list.environment() == "none") list.set_environment("None");
    if (list.task() == "none") list.set_task("None");
  };
  return hooks;
}

// Where a deployment was first meant to go.
InProcessHooks FilterOriginalEnvironment() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    if (!operation.list_deployments().has_environment()) return;
    auto& rows = *answer.mutable_deployments();
    for (int i = rows.size() - 1; i >= 0; --i) {
      if (rows[i].environment() != rows[i].original_environment()) {
        rows.DeleteSubrange(i, 1);
      }
    }
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R71 and R72.

template <typename Change>
InProcessHooks WithPages(Change change) {
  InProcessHooks hooks;
  hooks.operation = [change](v1::Operation& operation) {
    if (operation.has_list_deployments()) {
      change(*operation.mutable_list_deployments());
    }
    if (operation.has_list_statuses()) {
      change(*operation.mutable_list_statuses());
    }
  };
  return hooks;
}

InProcessHooks PagesFromZero() {
  return WithPages([](auto& list) {
    if (list.has_page()) list.set_page(list.page() + 1);
  });
}

InProcessHooks PageIgnored() {
  return WithPages([](auto& list) { list.clear_page(); });
}

InProcessHooks PerPageIgnored() {
  return WithPages([](auto& list) { list.clear_per_page(); });
}

InProcessHooks PerPageWithoutCap() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.mutable_limits()->set_per_page_max(1000);
  });
}

InProcessHooks PerPage100ByDefault() {
  return WithRules([](slipway::v1::Rules& rules) {
    rules.mutable_limits()->set_per_page_default(100);
  });
}

InProcessHooks PastTheEnd404() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    if (operation.list_deployments().page() > 1 &&
        answer.deployments().empty()) {
      answer.Clear();
      answer.set_code(404);
    }
  };
  return hooks;
}

// An offset that is one too high.
InProcessHooks PageSkipsARow() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    if (!operation.has_list_statuses() || answer.code() != 200) return;
    const v1::ListStatuses& list = operation.list_statuses();
    if (list.page() < 2 || answer.statuses().empty()) {
      return;
    }
    answer.mutable_statuses()->DeleteSubrange(0, 1);
  };
  return hooks;
}

// A full page looks as if there were more.
InProcessHooks NextAfterAFullPage() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    if (!operation.has_list_deployments() && !operation.has_list_statuses()) {
      return;
    }
    const bool deployments = operation.has_list_deployments();
    const int64_t per_page = deployments
                                 ? operation.list_deployments().per_page()
                                 : operation.list_statuses().per_page();
    const int64_t page =
        std::max<int64_t>(1, deployments ? operation.list_deployments().page()
                                         : operation.list_statuses().page());
    const int64_t rows =
        deployments ? answer.deployments_size() : answer.statuses_size();
    if (per_page < 1 || rows != per_page || answer.has_next_page()) return;
    answer.set_has_next_page(true);
    answer.set_last_page(page + 1);
  };
  return hooks;
}

// Division that rounds down.
InProcessHooks LastPageRoundedDown() {
  InProcessHooks hooks;
  hooks.answer = [](const v1::Operation& operation, v1::Answer& answer) {
    if (!operation.has_list_deployments() || !answer.has_next_page()) return;
    const int64_t page =
        std::max<int64_t>(1, operation.list_deployments().page());
    if (answer.last_page() > page) answer.set_last_page(answer.last_page() - 1);
  };
  return hooks;
}

// ---------------------------------------------------------------------------
// R80.

InProcessHooks WebhookForInactive() {
  InProcessHooks hooks;
  hooks.decision = [](const RepositoryState&, const Command&,
                      const InProcessHooks::TakeId&, Decision& decision) {
    if (!decision.has_acceptance()) return;
    slipway::v1::Acceptance& acceptance = *decision.mutable_acceptance();
    for (int i = 0; i < acceptance.events_size(); ++i) {
      if (acceptance.events(i).status().state() !=
          slipway::v1::STATUS_STATE_INACTIVE) {
        continue;
      }
      slipway::v1::Effect& effect = *acceptance.add_effects();
      effect.set_type(slipway::v1::EFFECT_TYPE_NOTIFY);
      effect.set_event_index(i);
    }
  };
  return hooks;
}

// Nothing is sent for events of that type.
InProcessHooks NoWebhookFor(slipway::v1::EventType type) {
  InProcessHooks hooks;
  hooks.decision = [type](const RepositoryState&, const Command&,
                          const InProcessHooks::TakeId&, Decision& decision) {
    if (!decision.has_acceptance()) return;
    slipway::v1::Acceptance& acceptance = *decision.mutable_acceptance();
    if (acceptance.events().empty() || acceptance.events(0).type() != type) {
      return;
    }
    acceptance.clear_effects();
  };
  return hooks;
}

InProcessHooks NoWebhookOnCreate() {
  return NoWebhookFor(slipway::v1::EVENT_TYPE_DEPLOYMENT_CREATED);
}

InProcessHooks NoWebhookForStatuses() {
  return NoWebhookFor(slipway::v1::EVENT_TYPE_STATUS_CREATED);
}

}  // namespace

std::vector<Mutant> ListMutants() {
  return {
      {"deployments_oldest_first", "deployments are listed oldest first", 70,
       Hooked(DeploymentsOldestFirst)},
      {"deployments_by_update",
       "deployments are listed by the time of the last update", 70,
       Hooked(DeploymentsByUpdate)},
      {"statuses_oldest_first", "statuses are listed oldest first", 70,
       Hooked(StatusesOldestFirst)},
      {"filters_with_or", "filters are combined with OR", 70,
       Wrapped<FiltersWithOr>()},
      {"filter_environment_with_case",
       "the filter `environment` compares with case", 70,
       Hooked(FilterEnvironmentWithCase)},
      {"filter_task_ignored", "the filter `task` is ignored", 70,
       Hooked(FilterTaskIgnored)},
      {"filter_none_taken", "the filter \"none\" is taken for a name", 70,
       Hooked(FilterNoneTaken)},
      {"filter_original_environment",
       "the filter `environment` loses what has moved there", 70,
       Hooked(FilterOriginalEnvironment)},
      {"pages_from_zero", "pages are counted from 0", 71,
       Hooked(PagesFromZero)},
      {"page_ignored", "`page` is ignored", 71, Hooked(PageIgnored)},
      {"per_page_ignored", "`per_page` is ignored", 71, Hooked(PerPageIgnored)},
      {"per_page_without_cap", "`per_page` has no cap", 71,
       Hooked(PerPageWithoutCap)},
      {"per_page_100_by_default", "a page has 100 rows by default", 71,
       Hooked(PerPage100ByDefault)},
      {"past_the_end_404", "a page past the end is not found", 71,
       Hooked(PastTheEnd404)},
      {"page_skips_a_row", "later pages of statuses lack their first row", 71,
       Hooked(PageSkipsARow)},
      {"next_after_a_full_page", "a full last page points to a next one", 72,
       Hooked(NextAfterAFullPage)},
      {"last_page_rounded_down", "the number of the last page is one too low",
       72, Hooked(LastPageRoundedDown)},
      {"webhook_for_inactive", "`inactive` is told to webhooks", 80,
       Hooked(WebhookForInactive)},
      {"no_webhook_on_create", "a new deployment is not told to webhooks", 80,
       Hooked(NoWebhookOnCreate)},
      {"no_webhook_for_statuses", "a new status is not told to webhooks", 80,
       Hooked(NoWebhookForStatuses)},
  };
}

}  // namespace internal
}  // namespace conformance
}  // namespace slipway
