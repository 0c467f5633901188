#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/conformance/store/checks.h"
#include "engine/conformance/store/compare.h"
#include "engine/conformance/store/scene.h"
#include "slipway/core/decide.h"
#include "slipway/v1/event.pb.h"
#include "slipway/v1/facts.pb.h"
#include "slipway/v1/ref.pb.h"

namespace slipway {
namespace internal {
namespace {

std::string Repeated(absl::string_view text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated.append(text.data(), text.size());
  return repeated;
}

// What has been seen to be trimmed, folded, escaped, cut off or taken for
// something else. All of it is UTF-8, none is longer than 255 characters, and
// no two are the same without the case of ASCII letters.
const std::vector<std::string>& OddTexts() {
  static const auto& texts = *new std::vector<std::string>{
      "plain",
      " plain",
      "plain ",
      "plain\t",
      "pl/ain",
      "pl\\ain",
      "pl%ain",
      "%",
      "_lain",
      "*",
      "?",
      "'",
      "''",
      "\"",
      "`;--",
      "$1",
      ":name",
      "{}",
      "[]",
      "NULL",
      "0",
      "00",
      "1e0",
      "-0",
      "true",
      "\n",
      "\r\n",
      "\x01\x1B\x7F",
      std::string("a\0b", 3),
      std::string("a\0c", 3),
      std::string("\0", 1),
      "stra\xC3\x9F"
      "e",
      "strasse",
      // With accents, which case and composition do not touch.
      "\xC3\xA9t\xC3\xA9",
      "\xC3\x89T\xC3\x89",
      "e\xCC\x81t\xC3\xA9",
      // The Turkish letters, the Kelvin sign, the long s.
      "\xC4\xB0",
      "\xC4\xB1",
      "i",
      "\xE2\x84\xAA",
      "k",
      "\xC5\xBF",
      "s",
      // Full width, ligature, right to left, a byte order mark, no width.
      "\xEF\xBC\xA1",
      "\xEF\xAC\x81",
      "\xD7\xA9\xD7\x9C",
      "\xEF\xBB\xBFplain",
      "pl\xE2\x80\x8B"
      "ain",
      // Beyond the basic plane, and the last code point.
      "\xF0\x9F\x9A\xA2",
      "\xF4\x8F\xBF\xBF",
      Repeated("x", 255),
      Repeated("\xF0\x9F\x9A\xA2", 255),
  };
  return texts;
}

}  // namespace

void CheckNames(const StoreCheckParams& params, Findings& findings) {
  {
    // A slash belongs to the owner or to the name.
    Scene scene(params, findings);
    scene.Put(Name("a/b", "c"), 1);
    scene.CompareAll();
    scene.Send(CreateDeployment(Name("a", "b/c"), "qa"));
    scene.Put(Name("a", "b/c"), 2);
    scene.Create(CreateDeployment(Name("A/B", "C"), "qa"));
    scene.Create(DeleteRepository(Name("a", "B/c")));
    scene.CompareAll();
  }
  {
    Scene scene(params, findings);
    int64_t id = 1;
    for (const std::string& text : OddTexts()) {
      scene.Create(PutRepository(Name(text, "app"), id++));
      scene.Create(PutRepository(Name("octo", text), id++));
      scene.Create(PutBranch(Name(text, "app"), "main", 'a'));
    }
    scene.CompareAll();
  }
  {
    // Environments, tasks, refs and contexts in one repository.
    Scene scene(params, findings);
    const v1::RepositoryName app = Name("octo", "app");
    scene.Put(app, 1);
    int64_t id = 0;
    for (size_t i = 0; i < OddTexts().size(); ++i) {
      const std::string& text = OddTexts()[i];
      const char digit = "0123456789abcdef"[i % 16];
      v1::Command put = PutBranch(app, text, digit);
      scene.Create(put);
      put.mutable_put_ref()->set_type(v1::REF_TYPE_TAG);
      put.mutable_put_ref()->set_sha(std::string(64, digit));
      scene.Create(put);
      v1::Command context = put;
      v1::PutCommitContext& request = *context.mutable_put_commit_context();
      request.set_sha(std::string(40, digit));
      request.set_context(text);
      request.set_state(v1::COMMIT_CONTEXT_STATE_SUCCESS);
      scene.Create(context);
      v1::Command command = CreateDeployment(app, text);
      command.mutable_create_deployment()->set_ref(text);
      command.mutable_create_deployment()->set_task(text);
      id = scene.Create(command);
      if (!scene.ok()) return;
    }
    // Other spellings: of the same environments, of other refs.
    for (const char* text : {"QA", "qa", "Qa"}) {
      scene.Create(PutBranch(app, text, 'e'));
      v1::Command command = CreateDeployment(app, text);
      command.mutable_create_deployment()->set_ref(text);
      command.mutable_create_deployment()->set_task(text);
      id = scene.Create(command);
      scene.Create(CreateStatus(app, id, v1::STATUS_STATE_SUCCESS));
    }
    scene.CompareAll();
    v1::Command gone = PutBranch(app, "QA", 'e');
    gone.mutable_delete_ref()->set_type(v1::REF_TYPE_BRANCH);
    gone.mutable_delete_ref()->set_name("QA");
    scene.Create(gone);
    v1::Command moved = CreateStatus(app, id, v1::STATUS_STATE_SUCCESS);
    moved.mutable_create_status()->set_environment("qA");
    scene.Create(moved);
    scene.CompareAll();
  }
}

void CheckTexts(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  std::vector<std::string> texts = OddTexts();
  texts.emplace_back();
  texts.push_back(Repeated("x", 65536));
  texts.push_back(Repeated("\xE2\x82\xAC", 65536 / 3));
  int64_t id = scene.Create(CreateDeployment(app, "qa"));
  for (const std::string& text : texts) {
    if (!scene.ok()) return;
    v1::Command command = CreateDeployment(app, "qa");
    // Empty is not the same as none.
    command.mutable_create_deployment()->set_description(text);
    if (!text.empty() && text.size() <= 255) {
      command.mutable_actor()->set_login(text);
    }
    const int64_t created = scene.Create(command);
    if (text.size() % 2 == 0) id = created;
    v1::Command status = CreateStatus(app, id, v1::STATUS_STATE_IN_PROGRESS);
    v1::CreateStatus& request = *status.mutable_create_status();
    if (text.size() <= 140) request.set_description(text);
    request.set_log_url(text);
    scene.Create(status);
    if (text.size() % 3 != 0) continue;
    request.clear_log_url();
    request.set_target_url(text);
    request.set_environment_url("https://app.example/?q=" +
                                text.substr(0, 1000));
    // A text that was cut inside of a character is refused by the rules.
    scene.Send(status);
  }
  // The longest names.
  const std::string longest(1024, 'n');
  scene.Put(Name(longest, longest), 2);
  scene.Create(PutBranch(Name(longest, longest), longest, 'a'));
  v1::Command command = CreateDeployment(Name(longest, longest), "qa");
  command.mutable_create_deployment()->set_ref(longest);
  command.mutable_create_deployment()->set_task(longest);
  scene.Create(command);
  scene.CompareAll();
}

void CheckPayloads(const StoreCheckParams& params, Findings& findings) {
  Scene scene(params, findings);
  const v1::RepositoryName app = Name("octo", "app");
  scene.Put(app, 1);
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  std::vector<std::string> payloads = {
      "",
      "{}",
      "{ \"b\" : 1, \"a\":1.0e2, \"a\": [ ] }\n",
      "null",
      std::string("\0", 1),
      "\xFF\xFE",
      every_byte,
      // Longer than the limit by default.
      Repeated(every_byte, 300),
  };
  if (!scene.ok()) return;
  // Past the rules, which want UTF-8: the messages allow any bytes, and so do
  // rules to come.
  for (const std::string& payload : payloads) {
    for (const v1::PayloadType type :
         {v1::PAYLOAD_TYPE_OBJECT, v1::PAYLOAD_TYPE_STRING,
          v1::PAYLOAD_TYPE_UNSPECIFIED}) {
      // Long ones once, as the comparison reads each many times.
      if (payload.size() > 1000 && type != v1::PAYLOAD_TYPE_OBJECT) continue;
      v1::Command command = CreateDeployment(app, "qa");
      command.set_time_ms(1);
      v1::Decision decision;
      const absl::Status status = scene.store().Transact(
          {scene.rules(), command,
           [&](const v1::Facts& facts, v1::Decision* answer) {
             v1::Command filled = command;
             filled.mutable_ids()->set_first(facts.last_id() + 1);
             filled.mutable_ids()->set_count(2);
             Decide(scene.rules(), facts, filled, answer);
             v1::Deployment& row = *answer->mutable_acceptance()
                                        ->mutable_events(0)
                                        ->mutable_deployment();
             row.set_payload_type(type);
             row.set_payload(payload);
             return absl::OkStatus();
           }},
          &decision);
      findings.Expect(status.ok(), "Transact: ", status.ToString());
      const v1::Deployment& made = decision.acceptance().events(0).deployment();
      findings.Expect(made.payload() == payload, "the decision has changed");
      const auto found = scene.store().FindDeployment({app, made.id()});
      if (findings.Expect(found.ok() && found->has_value(),
                          "FindDeployment: no ", made.id())) {
        findings.Expect((*found)->deployment.payload() == payload &&
                            (*found)->deployment.payload_type() == type,
                        "a payload of ", payload.size(), " bytes changed");
      }
      if (!findings.empty()) return;
    }
  }
  scene.CompareAlone(app);
}

}  // namespace internal
}  // namespace slipway
