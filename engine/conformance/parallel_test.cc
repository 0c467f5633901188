#include "slipway/conformance/parallel.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "slipway/conformance/in_process_subject.h"
#include "slipway/conformance/kit.h"

namespace slipway {
namespace conformance {
namespace {

using Outcome = Explanation::Outcome;

v1::Operation Create(const std::string& symbol, int64_t time_ms, int client) {
  v1::Operation operation;
  operation.set_time_ms(time_ms);
  operation.set_client(client);
  operation.mutable_create_deployment()->set_binds(symbol);
  operation.mutable_create_deployment()->mutable_request()->set_ref("main");
  operation.mutable_create_deployment()->mutable_request()->set_environment(
      "staging");
  return operation;
}

v1::Operation Success(const std::string& deployment, const std::string& symbol,
                      int64_t time_ms, int client) {
  v1::Operation operation;
  operation.set_time_ms(time_ms);
  operation.set_client(client);
  operation.mutable_create_status()->set_binds(symbol);
  operation.mutable_create_status()->set_deployment(deployment);
  operation.mutable_create_status()->mutable_request()->set_state(
      slipway::v1::STATUS_STATE_SUCCESS);
  return operation;
}

v1::Operation ListStatuses(const std::string& deployment, int64_t time_ms) {
  v1::Operation operation;
  operation.set_time_ms(time_ms);
  operation.mutable_list_statuses()->set_deployment(deployment);
  return operation;
}

// Calls on the engine, recorded with times that a test makes up.
class Recorder {
 public:
  Recorder()
      : subject_({DocumentedProfile().rules(), {}}),
        capabilities_(subject_.Describe().value()),
        oracle_(slipway::v1::Rules(), capabilities_.refs()),
        comparison_(capabilities_) {
    EXPECT_TRUE(subject_.Reset().ok());
  }

  // One that oracle and engine both have made.
  void Make(v1::Operation operation) {
    symbols_.FillIn(operation);
    const Expectation expected = oracle_.Apply(operation);
    const v1::Answer answer = subject_.Apply(operation).value();
    symbols_.Bind(operation, answer);
    EXPECT_FALSE(
        comparison_.Compare(operation, expected, answer, oracle_).has_value());
  }
  void Record(v1::Operation operation, int64_t began_ns, int64_t ended_ns,
              v1::History& history) {
    symbols_.FillIn(operation);
    v1::HistoryEntry& entry = *history.add_entries();
    *entry.mutable_answer() = subject_.Apply(operation).value();
    symbols_.Bind(operation, entry.answer());
    *entry.mutable_operation() = std::move(operation);
    entry.set_began_ns(began_ns);
    entry.set_ended_ns(ended_ns);
  }
  Explanation Explained(const v1::History& history, const v1::History& look,
                        int64_t attempts_max = 10000) {
    return Explain(oracle_, comparison_, history, look, attempts_max);
  }

 private:
  InProcessSubject subject_;
  v1::Capabilities capabilities_;
  Oracle oracle_;
  Comparison comparison_;
  SymbolTable symbols_;
};

TEST(Explain, FindsTheOrderThatTheCallsHad) {
  Recorder recorder;
  recorder.Make(Create("$d1", 1000, 0));
  recorder.Make(Create("$d2", 2000, 0));
  v1::History history;
  // The second one came first.
  recorder.Record(Success("$d2", "$s2", 4000, 1), 20, 30, history);
  recorder.Record(Success("$d1", "$s1", 3000, 0), 10, 40, history);
  history.mutable_entries()->SwapElements(0, 1);
  v1::History look;
  recorder.Record(ListStatuses("$d1", 5000), 0, 0, look);
  recorder.Record(ListStatuses("$d2", 6000), 0, 0, look);
  const Explanation explanation = recorder.Explained(history, look);
  EXPECT_EQ(explanation.outcome, Outcome::kExplained)
      << explanation.mismatch.summary;
  ASSERT_EQ(explanation.calls.size(), 2u);
  EXPECT_EQ(explanation.calls[0].entry, 1);
  EXPECT_EQ(explanation.calls[1].entry, 0);
  EXPECT_EQ(explanation.calls[1].expected.answer.code(), 201);
}

TEST(Explain, R36NoCallComesBeforeOneThatHadEnded) {
  Recorder recorder;
  recorder.Make(Create("$d1", 1000, 0));
  recorder.Make(Create("$d2", 2000, 0));
  v1::History history;
  // Its answer is that of the second, yet it had ended when the other began.
  recorder.Record(Success("$d2", "$s2", 4000, 1), 30, 40, history);
  recorder.Record(Success("$d1", "$s1", 3000, 0), 10, 20, history);
  history.mutable_entries()->SwapElements(0, 1);
  const Explanation explanation = recorder.Explained(history, v1::History());
  EXPECT_EQ(explanation.outcome, Outcome::kNotExplained);
  EXPECT_EQ(explanation.mismatch.rules.front(), 36);
  EXPECT_NE(explanation.mismatch.summary, "");
}

TEST(Explain, TellsWhatTheOrderHasLedTo) {
  Recorder recorder;
  v1::Operation merge = Create("$d1", 1000, 0);
  merge.mutable_create_deployment()->mutable_request()->set_ref("topic");
  v1::History history;
  recorder.Record(merge, 10, 20, history);
  ASSERT_EQ(history.entries(0).answer().code(), 202);
  const Explanation explanation = recorder.Explained(history, v1::History());
  ASSERT_EQ(explanation.outcome, Outcome::kExplained);
  ASSERT_TRUE(explanation.oracle.has_value());
  for (const v1::RefFixture& ref : explanation.oracle->refs()) {
    if (ref.name() == "topic") {
      EXPECT_FALSE(ref.is_behind());
    } else if (ref.name() == "old") {
      EXPECT_TRUE(ref.is_behind());
    }
  }
}

TEST(Explain, SaysWhenItDidNotFinish) {
  Recorder recorder;
  recorder.Make(Create("$d1", 1000, 0));
  v1::History history;
  for (int i = 0; i < 6; ++i) {
    recorder.Record(
        Success("$d1", "$s" + std::to_string(i), 2000 + i * 1000, i), 10, 100,
        history);
  }
  // No order has this.
  history.mutable_entries(5)->mutable_answer()->set_code(500);
  EXPECT_EQ(recorder.Explained(history, v1::History(), 5).outcome,
            Outcome::kNotDecided);
  EXPECT_EQ(recorder.Explained(history, v1::History(), 100000).outcome,
            Outcome::kNotExplained);
}

TEST(Explain, NothingIsExplained) {
  Recorder recorder;
  EXPECT_EQ(recorder.Explained(v1::History(), v1::History()).outcome,
            Outcome::kExplained);
}

class NoAnswer : public SubjectUnderTest {
 public:
  absl::StatusOr<v1::Capabilities> Describe() override {
    return v1::Capabilities();
  }
  absl::StatusOr<std::string> Reset() override { return std::string(); }
  absl::StatusOr<v1::Answer> Apply(const v1::Operation& operation) override {
    if (operation.client() == 1) return absl::UnavailableError("closed");
    return v1::Answer();
  }
};

TEST(RunClients, TellsWhatASubjectDidNotAnswer) {
  NoAnswer subject;
  SymbolTable symbols;
  google::protobuf::RepeatedPtrField<v1::Operation> operations;
  *operations.Add() = Create("$d1", 1, 0);
  *operations.Add() = Create("$d2", 2, 1);
  EXPECT_EQ(RunClients(operations, 2, symbols, subject).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(RunClients, RecordsEveryCallOfEveryClient) {
  InProcessSubject subject({DocumentedProfile().rules(), {}});
  ASSERT_TRUE(subject.Reset().ok());
  SymbolTable symbols;
  google::protobuf::RepeatedPtrField<v1::Operation> operations;
  for (int i = 0; i < 12; ++i) {
    *operations.Add() =
        Create("$d" + std::to_string(i), 1000 + i * 1000, i % 4);
  }
  const absl::StatusOr<v1::History> history =
      RunClients(operations, 4, symbols, subject);
  ASSERT_TRUE(history.ok());
  ASSERT_EQ(history->entries_size(), 12);
  for (int i = 0; i < 12; ++i) {
    EXPECT_LE(history->entries(i).began_ns(), history->entries(i).ended_ns());
    EXPECT_NE(symbols.IdOf("$d" + std::to_string(i)), 0);
    if (i == 0) continue;
    EXPECT_LE(history->entries(i - 1).began_ns(),
              history->entries(i).began_ns());
  }
}

// Decides on facts that are no longer true when it commits.
TEST(Kit, R36ALostUpdateIsCaught) {
  InProcessHooks hooks;
  hooks.between = [] {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  };
  InProcessSubject subject({DocumentedProfile().rules(), hooks});
  RunOptions options;
  options.profile = DocumentedProfile();
  options.sequences = 1000;
  options.failures_max = 1;
  options.shrink_attempts_max = 60;
  options.clients = 2;
  int histories = 0;
  options.on_history = [&](const v1::History& history) {
    histories += history.entries_size() > 0 ? 1 : 0;
  };
  const v1::Report report = conformance::Run(options, subject);
  EXPECT_EQ(report.verdict(), v1::VERDICT_DOES_NOT_CONFORM);
  ASSERT_EQ(report.failures_size(), 1);
  EXPECT_EQ(report.failures(0).rules(0), 36) << report.failures(0).summary();
  EXPECT_GT(report.failures(0).sequence().parallel_size(), 0);
  EXPECT_GT(histories, 0);
}

}  // namespace
}  // namespace conformance
}  // namespace slipway
