#include "slipway/conformance/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace slipway {
namespace conformance {
namespace {

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Client {
  std::vector<v1::HistoryEntry> entries;
  SymbolTable symbols;
  absl::Status status;
};

void RunClient(SubjectUnderTest& subject, Client& client) {
  for (v1::HistoryEntry& entry : client.entries) {
    client.symbols.FillIn(*entry.mutable_operation());
    entry.set_began_ns(NowNs());
    absl::StatusOr<v1::Answer> answer = subject.Apply(entry.operation());
    entry.set_ended_ns(NowNs());
    if (!answer.ok()) {
      client.status = answer.status();
      return;
    }
    *entry.mutable_answer() = *std::move(answer);
    client.symbols.Bind(entry.operation(), entry.answer());
  }
}

bool OnlyReads(const v1::Operation& operation) {
  return operation.has_get_deployment() || operation.has_get_status() ||
         operation.has_list_deployments() || operation.has_list_statuses();
}

// The search for an order.
class Search {
 public:
  Search(const v1::History& history, const v1::History& look,
         int64_t attempts_max)
      : history_(history),
        look_(look),
        attempts_max_(attempts_max),
        placed_(static_cast<size_t>(history.entries_size()), false) {}

  Explanation Run(const Oracle& oracle, const Comparison& comparison) {
    const bool found = Descend(oracle, comparison, 0);
    if (found) {
      explanation_.outcome = Explanation::Outcome::kExplained;
    } else if (explanation_.attempts >= attempts_max_) {
      explanation_.outcome = Explanation::Outcome::kNotDecided;
    } else {
      explanation_.outcome = Explanation::Outcome::kNotExplained;
    }
    return std::move(explanation_);
  }

 private:
  // Whether nothing that is not placed yet must come before it.
  bool MayBeNext(int index) const {
    const v1::HistoryEntry& entry = history_.entries(index);
    for (int i = 0; i < history_.entries_size(); ++i) {
      if (i == index || placed_[static_cast<size_t>(i)]) continue;
      const v1::HistoryEntry& other = history_.entries(i);
      if (other.ended_ns() < entry.began_ns()) return false;
      if (i < index &&
          other.operation().client() == entry.operation().client()) {
        return false;
      }
    }
    return true;
  }

  // Asks the oracle; notes why not where the answer does not fit.
  bool Fits(const v1::HistoryEntry& entry, int depth, Oracle& oracle,
            Comparison& comparison, Expectation& expected) {
    ++explanation_.attempts;
    expected = oracle.Apply(entry.operation());
    const absl::optional<Mismatch> mismatch =
        comparison.Compare(entry.operation(), expected, entry.answer(), oracle);
    if (!mismatch.has_value()) return true;
    if (depth >= deepest_) {
      deepest_ = depth + 1;
      explanation_.expected = expected.answer;
      explanation_.actual = entry.answer();
      explanation_.mismatch.rules = {36};
      for (const int rule : mismatch->rules) {
        if (rule != 36) explanation_.mismatch.rules.push_back(rule);
      }
      explanation_.mismatch.summary = absl::StrCat(
          "no order of the ", history_.entries_size(),
          " calls in parallel explains the answers; the longest ends after ",
          depth, ": ", mismatch->summary);
    }
    return false;
  }

  bool FitsLook(Oracle oracle, Comparison comparison, int depth) {
    for (const v1::HistoryEntry& entry : look_.entries()) {
      Expectation expected;
      if (!Fits(entry, depth, oracle, comparison, expected)) return false;
      ++depth;
    }
    return true;
  }

  bool Descend(const Oracle& oracle, const Comparison& comparison, int depth) {
    if (depth == history_.entries_size()) {
      if (!FitsLook(oracle, comparison, depth)) return false;
      explanation_.oracle = oracle;
      return true;
    }
    // A read that fits here can as well be here: it changes nothing, and what
    // had to wait for it need not any more.
    for (const bool reads : {true, false}) {
      for (int i = 0; i < history_.entries_size(); ++i) {
        const v1::HistoryEntry& entry = history_.entries(i);
        if (placed_[static_cast<size_t>(i)] ||
            OnlyReads(entry.operation()) != reads || !MayBeNext(i)) {
          continue;
        }
        if (explanation_.attempts >= attempts_max_) return false;
        Oracle next_oracle = oracle;
        Comparison next_comparison = comparison;
        Explanation::Call call;
        call.entry = i;
        if (!Fits(entry, depth, next_oracle, next_comparison, call.expected)) {
          continue;
        }
        placed_[static_cast<size_t>(i)] = true;
        explanation_.calls.push_back(std::move(call));
        if (Descend(next_oracle, next_comparison, depth + 1)) return true;
        explanation_.calls.pop_back();
        placed_[static_cast<size_t>(i)] = false;
        if (reads) return false;
      }
    }
    return false;
  }

  const v1::History& history_;
  const v1::History& look_;
  const int64_t attempts_max_;
  std::vector<bool> placed_;
  int deepest_ = 0;
  Explanation explanation_;
};

}  // namespace

absl::StatusOr<v1::History> RunClients(
    const google::protobuf::RepeatedPtrField<v1::Operation>& operations,
    int clients, SymbolTable& symbols, SubjectUnderTest& subject) {
  std::vector<Client> all(static_cast<size_t>(std::max(clients, 1)));
  for (Client& client : all) client.symbols = symbols;
  for (const v1::Operation& operation : operations) {
    const auto number =
        static_cast<size_t>(std::max(operation.client(), 0)) % all.size();
    *all[number].entries.emplace_back().mutable_operation() = operation;
  }
  std::atomic<size_t> ready{0};
  std::vector<std::thread> threads;
  threads.reserve(all.size());
  for (Client& client : all) {
    threads.emplace_back([&client, &ready, &all, &subject] {
      // All at the same moment, as far as the machine can.
      ready.fetch_add(1);
      while (ready.load() < all.size()) std::this_thread::yield();
      RunClient(subject, client);
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<v1::HistoryEntry> entries;
  for (Client& client : all) {
    if (!client.status.ok()) return client.status;
    for (v1::HistoryEntry& entry : client.entries) {
      symbols.Bind(entry.operation(), entry.answer());
      entries.push_back(std::move(entry));
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const v1::HistoryEntry& a, const v1::HistoryEntry& b) {
                     return a.began_ns() < b.began_ns();
                   });
  v1::History history;
  for (v1::HistoryEntry& entry : entries) {
    history.add_entries()->Swap(&entry);
  }
  return history;
}

Explanation Explain(const Oracle& oracle, const Comparison& comparison,
                    const v1::History& history, const v1::History& look,
                    int64_t attempts_max) {
  return Search(history, look, attempts_max).Run(oracle, comparison);
}

}  // namespace conformance
}  // namespace slipway
