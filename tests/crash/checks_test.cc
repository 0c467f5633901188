#include "slipway/tests/crash/checks.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "slipway/core/facts.h"
#include "slipway/core/rules.h"

namespace crash {
namespace {

namespace v1 = slipway::v1;

const char kRepository[] = "crash-0";

// Made-up histories, streams and arrivals. The first is good, and every test
// makes something wrong of it.
class ChecksTest : public ::testing::Test {
 protected:
  // Two deployments in one environment; the success of the second retires the
  // first. Ids: 1 and 4 deployments, 2 the environment, 3, 5 and 6 statuses.
  ChecksTest() {
    AddEvent(
        "type: EVENT_TYPE_REPOSITORY_PUT put_repository { id: 7 owner: "
        "'octocat' name: 'crash-0' default_branch: 'main' }");
    AddDeployment(1, "op-0");
    AddEvent(
        "type: EVENT_TYPE_ENVIRONMENT_CREATED environment { id: 2 name: 'qa' "
        "}");
    AddStatus(3, 1, "SUCCESS", "op-1");
    AddDeployment(4, "op-2");
    AddStatus(5, 4, "SUCCESS", "op-3");
    AddStatus(6, 1, "INACTIVE", "");
    Ask(Action::kCreateDeployment, 0, "", {Answered(201, 1)});
    Ask(Action::kCreateStatus, 1, "success", {Answered(201, 3)});
    Ask(Action::kCreateDeployment, 0, "", {Answered(201, 4)});
    Ask(Action::kCreateStatus, 4, "success", {Answered(201, 5)});
  }

  void AddEvent(const std::string& text, bool notify = false) {
    slipway::OutboxEntry entry;
    ASSERT_TRUE(
        google::protobuf::TextFormat::ParseFromString(text, &entry.event))
        << text;
    entry.event.mutable_repository()->set_owner(kOwner);
    entry.event.mutable_repository()->set_name(kRepository);
    entry.event.set_time_ms(1);
    entry.global_position = entry.position =
        static_cast<int64_t>(stream_.size()) + 1;
    entry.notify = notify;
    stream_.push_back(entry);
  }
  void AddDeployment(int id, const std::string& mark) {
    AddEvent(absl::StrCat("type: EVENT_TYPE_DEPLOYMENT_CREATED deployment { "
                          "id: ",
                          id,
                          " environment: 'qa' original_environment: 'qa' "
                          "description: '",
                          mark, "' }"),
             /*notify=*/true);
  }
  void AddStatus(int id, int deployment_id, const std::string& state,
                 const std::string& mark) {
    AddEvent(absl::StrCat("type: EVENT_TYPE_STATUS_CREATED status { id: ", id,
                          " deployment_id: ", deployment_id,
                          " environment: 'qa' state: STATUS_STATE_", state,
                          " description: '", mark, "' }"),
             /*notify=*/state != "INACTIVE");
  }
  void AddDeletion(int deployment_id) {
    AddEvent(absl::StrCat("type: EVENT_TYPE_DEPLOYMENT_DELETED deployment_id: ",
                          deployment_id));
  }

  static Answer Answered(int status, int64_t id = 0,
                         const std::string& body = "{}") {
    Answer answer;
    answer.result = AttemptResult::kAnswered;
    answer.status = status;
    answer.body = body;
    if (id != 0) answer.ids = {id};
    return answer;
  }
  static Answer Listed(std::vector<int64_t> ids) {
    Answer answer = Answered(200);
    answer.ids = std::move(ids);
    return answer;
  }
  static Answer Lost() {
    Answer answer;
    answer.result = AttemptResult::kLost;
    return answer;
  }
  static Answer Unavailable() {
    Answer answer;
    answer.result = AttemptResult::kUnavailable;
    answer.status = 503;
    answer.retry_after_s = 1;
    return answer;
  }
  // Asks, one attempt after the other. The marks are "op-0", "op-1", …
  void Ask(Action action, int64_t deployment_id, const std::string& state,
           const std::vector<Answer>& answers, int server = 0) {
    Request request;
    request.action = action;
    request.repository = kRepository;
    request.deployment_id = deployment_id;
    request.state = state;
    if (action == Action::kCreateDeployment) request.environment = "qa";
    const size_t number = history_.Begin(request);
    for (const Answer& answer : answers) {
      history_.EndAttempt(number, history_.BeginAttempt(number, server),
                          answer);
    }
  }
  // As `Ask`, of a deletion.
  void Delete(int64_t deployment_id, const std::vector<Answer>& answers) {
    Ask(Action::kDeleteDeployment, deployment_id, "", answers);
  }

  Findings ReplayAll() {
    Findings findings;
    replay_ = Replay();
    for (const slipway::OutboxEntry& entry : stream_) {
      replay_.Add(entry, &findings);
    }
    replay_.NoteEnd(&findings);
    return findings;
  }
  static std::string Text(const Findings& findings) {
    return absl::StrJoin(findings, "\n");
  }
  std::string Stream() { return Text(ReplayAll()); }
  std::string Answers() { return Text(CheckAnswers(history_.requests(), 0)); }
  std::string Kept() {
    EXPECT_EQ(Stream(), "");
    return Text(CheckHistory(history_.requests(), replay_));
  }
  std::string Readings(const std::vector<Reading>& readings) {
    return Text(CheckReadings(history_.requests(), readings));
  }

  // What a store with that stream holds.
  Observation Seen() {
    EXPECT_EQ(Stream(), "");
    Observation seen;
    for (const auto& record : replay_.StateOf(kRepository).deployments()) {
      seen.rows[kRepository][record.deployment().id()] = record;
    }
    seen.totals[kRepository] = 2;
    Observation::Sample sample;
    sample.command.mutable_repository()->set_owner(kOwner);
    sample.command.mutable_repository()->set_name(kRepository);
    sample.command.mutable_create_deployment()->set_environment("qa");
    sample.facts =
        slipway::FactsFor(slipway::DocumentedRules(),
                          replay_.StateOf(kRepository), sample.command);
    seen.samples.push_back(sample);
    return seen;
  }
  std::string Rows(const Observation& seen) {
    return Text(CheckRows(replay_, seen));
  }

  static std::vector<Delivery> GoodDeliveries() {
    return {Arrival("deployment", 1, 1), Arrival("deployment_status", 3, 1),
            Arrival("deployment", 4, 4), Arrival("deployment_status", 5, 4)};
  }
  static Delivery Arrival(const std::string& event, int64_t id,
                          int64_t deployment_id) {
    Delivery delivery;
    delivery.event = event;
    delivery.guid = absl::StrCat("guid-", id);
    delivery.is_signed = true;
    delivery.action = "created";
    delivery.row_id = id;
    delivery.deployment_id = deployment_id;
    return delivery;
  }
  std::string Deliveries(const std::vector<Delivery>& deliveries,
                         bool is_over = true) {
    EXPECT_EQ(Stream(), "");
    return Text(CheckDeliveries(replay_.notifications(), deliveries, is_over));
  }

  std::vector<slipway::OutboxEntry> stream_;
  History history_;
  Replay replay_;
};

#define EXPECT_SAYS(what, expression)                  \
  do {                                                 \
    const std::string says = (expression);             \
    EXPECT_TRUE(absl::StrContains(says, what))         \
        << "wanted: " << (what) << "\nsays: " << says; \
  } while (false)

TEST_F(ChecksTest, WhatIsGoodIsGood) {
  EXPECT_EQ(Stream(), "");
  EXPECT_EQ(Answers(), "");
  EXPECT_EQ(Kept(), "");
  EXPECT_EQ(Rows(Seen()), "");
  EXPECT_EQ(Deliveries(GoodDeliveries()), "");
}

TEST_F(ChecksTest, AGapInTheStream) {
  stream_.erase(stream_.begin() + 4);
  EXPECT_SAYS("the stream at 6: position 5 should come next", Stream());
  EXPECT_SAYS("position 6 of crash-0, and 5 should come next", Stream());
}

TEST_F(ChecksTest, R17AnIdThatIsUsedAgain) {
  AddDeletion(1);
  AddDeployment(1, "op-4");
  EXPECT_SAYS("the id 1 again", Stream());
}

TEST_F(ChecksTest, R17AnIdThatIsGivenTwice) {
  Ask(Action::kCreateDeployment, 0, "", {Answered(201, 4)});
  EXPECT_SAYS("op-4 on crash-0: got the id 4, as did create_deployment op-2",
              Answers());
}

TEST_F(ChecksTest, R36ASuccessThatIsHalfThere) {
  stream_.pop_back();
  EXPECT_SAYS("the last success of crash-0 is half there: 1 is not retired",
              Stream());
  AddDeployment(8, "op-4");
  EXPECT_SAYS("the stream at 7: the success before it is half there", Stream());
}

TEST_F(ChecksTest, ARetirementOutOfNothing) {
  AddStatus(7, 4, "INACTIVE", "");
  EXPECT_SAYS("the stream at 8: retires 4, which no success did", Stream());
}

TEST_F(ChecksTest, AnEventThatCannotFollow) {
  AddStatus(9, 8, "ERROR", "op-4");
  EXPECT_SAYS("DATA_LOSS", Stream());
}

TEST_F(ChecksTest, R80AnEventThatOthersAreNotToldOf) {
  stream_[1].notify = false;
  EXPECT_SAYS("the stream at 2: others are not told of it", Stream());
  stream_[1].notify = true;
  stream_[6].notify = true;
  EXPECT_SAYS("the stream at 7: others are told of it", Stream());
}

TEST_F(ChecksTest, R36RowsThatAreNotThoseOfTheStream) {
  Observation seen = Seen();
  seen.rows[kRepository][1]->mutable_statuses()->RemoveLast();
  EXPECT_SAYS("the row 1 of crash-0 is", Rows(seen));
  seen = Seen();
  seen.rows[kRepository][4] = absl::nullopt;
  EXPECT_SAYS("missing", Rows(seen));
  seen = Seen();
  seen.rows[kRepository][9].emplace().mutable_deployment()->set_id(9);
  EXPECT_SAYS("by the stream it is\n  deleted", Rows(seen));
  seen = Seen();
  seen.totals[kRepository] = 3;
  EXPECT_SAYS("crash-0 has 3 deployments, and by the stream 2", Rows(seen));
  seen = Seen();
  seen.samples[0].facts.clear_environment();
  EXPECT_SAYS("the facts for", Rows(seen));
  seen = Seen();
  seen.samples[0].facts.set_last_id(99);
  EXPECT_SAYS("last_id: 99", Rows(seen));
}

TEST_F(ChecksTest, R107WhatIsAcknowledgedAndLost) {
  Ask(Action::kCreateDeployment, 0, "", {Answered(201, 8)});
  EXPECT_SAYS("op-4 on crash-0: acknowledged with the id 8, and lost", Kept());
  Delete(1, {Answered(204)});
  EXPECT_SAYS("delete_deployment op-5 on crash-0/1: acknowledged, and lost",
              Kept());
}

TEST_F(ChecksTest, WhatHappenedOtherwise) {
  AddDeployment(8, "op-4");
  Ask(Action::kCreateDeployment, 0, "", {Answered(201, 9)});
  EXPECT_SAYS("acknowledged with the id 9, and has 8", Kept());
  AddStatus(10, 4, "ERROR", "op-5");
  Ask(Action::kCreateStatus, 4, "failure", {Answered(201, 10)});
  EXPECT_SAYS("op-5 on crash-0/4: happened otherwise, as 10", Kept());
}

TEST_F(ChecksTest, WhatHappenedAndShouldNot) {
  AddDeployment(8, "op-4");
  EXPECT_SAYS("8 of crash-0: nobody asked for it ('op-4')", Kept());
  Ask(Action::kCreateDeployment, 0, "", {Answered(422)});
  EXPECT_SAYS("op-4 on crash-0: answered 422, and yet it happened, as 8",
              Kept());
}

TEST_F(ChecksTest, R108WhatWasUnavailableAndHappened) {
  AddDeployment(8, "op-4");
  Ask(Action::kCreateDeployment, 0, "", {Unavailable(), Unavailable()});
  EXPECT_SAYS("op-4 on crash-0: answered 503, and yet it happened, as 8",
              Kept());
}

TEST_F(ChecksTest, WhatIsUnknownMayHaveHappened) {
  Ask(Action::kCreateDeployment, 0, "", {Unavailable(), Lost()});
  EXPECT_EQ(Kept(), "");
  AddDeployment(8, "op-4");
  EXPECT_EQ(Kept(), "");
}

TEST_F(ChecksTest, R100WhatHappenedTwice) {
  Ask(Action::kCreateDeployment, 0, "", {Lost(), Answered(201, 9)});
  AddDeployment(8, "op-4");
  AddDeployment(9, "op-4");
  EXPECT_SAYS("op-4 on crash-0: happened 2 times", Kept());
}

TEST_F(ChecksTest, R100AnotherAnswerUnderTheSameKey) {
  Ask(Action::kCreateStatus, 4, "error",
      {Answered(201, 8, "first"), Answered(201, 9, "second")});
  EXPECT_SAYS("was answered 201\n  first\nand under the same key 201\n  second",
              Answers());
}

TEST_F(ChecksTest, DeletionsThatNobodyAskedFor) {
  AddDeletion(1);
  EXPECT_SAYS("1: deleted, and nobody asked for it", Kept());
  Delete(1, {Unavailable()});
  EXPECT_SAYS("1: deleted, and nobody asked for it", Kept());
  Delete(1, {Lost()});
  EXPECT_EQ(Kept(), "");
  Delete(1, {Answered(204)});
  EXPECT_EQ(Kept(), "");
  Delete(1, {Answered(204)});
  EXPECT_SAYS("op-7 on crash-0/1: acknowledged a second time", Kept());
}

TEST_F(ChecksTest, RefusalsThatCannotBe) {
  Ask(Action::kCreateStatus, 1, "error", {Answered(404)});
  EXPECT_SAYS("op-4 on crash-0/1: answered 404, which cannot be", Answers());
  Ask(Action::kCreateDeployment, 0, "", {Answered(500)});
  EXPECT_SAYS("op-5 on crash-0: answered 500, which cannot be", Answers());
  Delete(9, {Answered(422)});
  EXPECT_SAYS("op-6 on crash-0/9: answered 422, which cannot be", Answers());
  Ask(Action::kCreateDeployment, 0, "", {Answered(200, 9)});
  EXPECT_SAYS("op-7 on crash-0: answered 200, which cannot be", Answers());
}

TEST_F(ChecksTest, RefusalsThatCanBe) {
  Delete(4, {Answered(422)});
  Delete(1, {Lost()});
  Ask(Action::kCreateStatus, 1, "error", {Answered(404)});
  Delete(1, {Answered(404)});
  EXPECT_EQ(Answers(), "");
}

TEST_F(ChecksTest, R108UnavailableWithoutRetryAfter) {
  Answer answer = Unavailable();
  answer.retry_after_s = -1;
  Ask(Action::kCreateDeployment, 0, "", {answer});
  EXPECT_SAYS("op-4 on crash-0: 503 without Retry-After", Answers());
}

TEST_F(ChecksTest, R108UnavailableForDamage) {
  Answer answer = Unavailable();
  answer.retry_after_s = 60;
  Ask(Action::kCreateDeployment, 0, "", {Answered(201, 8), answer});
  EXPECT_SAYS("503 with Retry-After: 60, as where something is damaged",
              Answers());
}

TEST_F(ChecksTest, Lists) {
  Ask(Action::kListDeployments, 0, "", {Listed({4, 1})});
  Ask(Action::kListStatuses, 4, "", {Listed({5})});
  EXPECT_EQ(Answers(), "");
  Ask(Action::kListDeployments, 0, "", {Listed({4})});
  EXPECT_SAYS("has not 1, of create_deployment op-0 on crash-0", Answers());
  Ask(Action::kListStatuses, 4, "", {Listed({})});
  EXPECT_SAYS("has not 5, of create_status op-3 on crash-0/4", Answers());
  Ask(Action::kListDeployments, 0, "", {Listed({1, 4})});
  EXPECT_SAYS("op-8 on crash-0: not newest first", Answers());
}

TEST_F(ChecksTest, AListThatHasWhatWasDeleted) {
  Delete(1, {Answered(204)});
  Ask(Action::kListDeployments, 0, "", {Listed({4})});
  EXPECT_EQ(Answers(), "");
  Ask(Action::kListDeployments, 0, "", {Listed({4, 1})});
  EXPECT_SAYS("op-6 on crash-0: has 1, which was deleted before", Answers());
}

TEST_F(ChecksTest, R107WhatIsServed) {
  const std::string body = R"({"id":8,"environment":"qa","sha":"a"})";
  Ask(Action::kCreateDeployment, 0, "", {Answered(201, 8, body)});
  Ask(Action::kCreateStatus, 8, "error", {Answered(201, 9, R"({"id":9})")});
  const std::string moved = R"({"id":8,"environment":"b","sha":"a"})";
  EXPECT_EQ(Readings({{4, 200, body}, {4, 200, moved}, {5, 200, "{\"id\":9}"}}),
            "");
  EXPECT_SAYS("op-4 on crash-0: acknowledged, and lost",
              Readings({{4, 404, "{}"}}));
  EXPECT_SAYS("op-4 on crash-0: acknowledged, and another now",
              Readings({{4, 200, R"({"id":8,"environment":"qa","sha":"b"})"}}));
  EXPECT_SAYS("op-5 on crash-0/8: acknowledged, and another now",
              Readings({{5, 200, R"({"id":9,"state":"error"})"}}));
  Delete(8, {Lost()});
  EXPECT_EQ(Readings({{4, 404, "{}"}, {5, 200, "{\"id\":9}"}}), "");
}

TEST_F(ChecksTest, R107WhatIsServedAfterDeletion) {
  Delete(1, {Answered(204)});
  EXPECT_EQ(Readings({{0, 404, ""}, {1, 404, ""}, {4, 404, ""}}), "");
  EXPECT_SAYS("op-4 on crash-0/1: 1 was deleted, and GET is answered 200",
              Readings({{4, 200, "{}"}}));
  EXPECT_SAYS("op-1 on crash-0/1: 1 was deleted, and GET is answered 503",
              Readings({{1, 503, "{}"}}));
}

TEST_F(ChecksTest, R104WhatNeverArrives) {
  std::vector<Delivery> deliveries = GoodDeliveries();
  deliveries.pop_back();
  EXPECT_EQ(Deliveries(deliveries, /*is_over=*/false), "");
  EXPECT_SAYS("the deployment_status 5 of deployment 4: never arrived",
              Deliveries(deliveries));
  deliveries.push_back(Arrival("deployment_status", 5, 4));
  deliveries.back().was_refused = true;
  EXPECT_SAYS("the deployment_status 5 of deployment 4: never arrived",
              Deliveries(deliveries));
}

TEST_F(ChecksTest, R104TheOrderOfArrival) {
  const std::vector<Delivery> good = GoodDeliveries();
  // Deployments do not wait for each other, and repeats are no harm.
  EXPECT_EQ(Deliveries({good[2], good[0], good[3], good[0], good[1]}), "");
  EXPECT_SAYS("arrived after later ones of deployment 1",
              Deliveries({good[1], good[0], good[2], good[3]}));
}

TEST_F(ChecksTest, R80WhatShouldNotArrive) {
  std::vector<Delivery> deliveries = GoodDeliveries();
  deliveries.push_back(Arrival("deployment_status", 6, 1));
  EXPECT_SAYS("guid-6 of deployment_status 6: there is no such event",
              Deliveries(deliveries));
  deliveries = GoodDeliveries();
  deliveries[0].action = "deleted";
  EXPECT_SAYS("there is no such event ('deleted', deployment 1)",
              Deliveries(deliveries));
  deliveries = GoodDeliveries();
  deliveries[3].deployment_id = 1;
  EXPECT_SAYS("there is no such event ('created', deployment 1)",
              Deliveries(deliveries));
}

TEST_F(ChecksTest, R82WhatIsNotSigned) {
  std::vector<Delivery> deliveries = GoodDeliveries();
  deliveries[2].is_signed = false;
  EXPECT_SAYS("guid-4 of deployment 4: its signature is wrong",
              Deliveries(deliveries));
}

TEST_F(ChecksTest, GuidsThatAreNotThoseOfTheEvent) {
  std::vector<Delivery> deliveries = GoodDeliveries();
  deliveries.push_back(deliveries[1]);
  deliveries.back().guid = "another";
  EXPECT_SAYS("the GUID is not that of this event alone",
              Deliveries(deliveries));
  deliveries = GoodDeliveries();
  deliveries[3].guid = deliveries[2].guid;
  EXPECT_SAYS("the GUID is not that of this event alone",
              Deliveries(deliveries));
}

TEST_F(ChecksTest, OthersThatDidNotGoOn) {
  Window window;
  window.server = 0;
  window.begun_at = history_.now();
  const auto check = [&] {
    window.ended_at = history_.now();
    return Text(CheckOthersWentOn(history_.requests(), window));
  };
  EXPECT_SAYS("while server 0 was down, no other answered a write", check());
  Ask(Action::kCreateStatus, 4, "error", {Answered(201, 8)}, /*server=*/0);
  EXPECT_SAYS("while server 0 was down, no other answered a write", check());
  Ask(Action::kCreateStatus, 4, "error", {Answered(201, 9)}, /*server=*/1);
  EXPECT_EQ(check(), "");
  Ask(Action::kCreateStatus, 4, "error", {Lost()}, /*server=*/1);
  EXPECT_SAYS("server 1 did not answer while 0 was down", check());
}

TEST_F(ChecksTest, R108WithoutRoom) {
  Window window;
  window.begun_at = history_.now();
  const auto check = [&] {
    window.ended_at = history_.now();
    return Text(CheckNoRoom(history_.requests(), window));
  };
  EXPECT_EQ(check(),
            "without room, no write got a 503\nwithout room, nothing was read");
  Ask(Action::kCreateStatus, 4, "error", {Unavailable()});
  Ask(Action::kListDeployments, 0, "", {Listed({4, 1})});
  EXPECT_EQ(check(), "");
  Ask(Action::kListDeployments, 0, "", {Unavailable()});
  EXPECT_SAYS("a read that got 503 while there was no room", check());
}

TEST_F(ChecksTest, OutcomesOfAttempts) {
  Request request;
  EXPECT_EQ(OutcomeOf(request), Outcome::kNotDone);
  request.attempts.resize(1);
  EXPECT_EQ(OutcomeOf(request), Outcome::kUnknown);
  request.attempts[0].answer = Unavailable();
  EXPECT_EQ(OutcomeOf(request), Outcome::kNotDone);
  request.attempts.resize(2);
  request.attempts[1].answer = Lost();
  EXPECT_EQ(OutcomeOf(request), Outcome::kUnknown);
  request.attempts[1].answer = Answered(201, 7);
  EXPECT_EQ(OutcomeOf(request), Outcome::kAcknowledged);
  EXPECT_EQ(IdOf(request), 7);
  request.attempts[1].answer = Answered(422);
  EXPECT_EQ(OutcomeOf(request), Outcome::kRefused);
}

}  // namespace
}  // namespace crash
