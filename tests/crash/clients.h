// Clients at work: threads that write and read through the servers, and put
// every attempt into the history.
//
//   Clients clients(params, &history, &client);
//   clients.Resume();
//   ...           // do harm
//   clients.Pause();
//   ...           // nothing is asked for now: look
//   clients.Finish();

#ifndef TESTS_CRASH_CLIENTS_H_
#define TESTS_CRASH_CLIENTS_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/types/optional.h"
#include "slipway/ports/http_client.h"
#include "slipway/tests/crash/history.h"

namespace crash {

struct ClientsParams {
  int threads = 8;
  uint64_t seed = 1;
  std::vector<std::string> repositories;
  std::vector<std::string> environments;
  int servers = 1;
  // Whether most requests have an `Idempotency-Key`; else none has.
  bool has_keys = true;
  // The port of a server; 0: it is down. Thread-safe.
  std::function<int(int server)> port_of;
};

// Thread-safe.
class Clients {
 public:
  // They begin paused.
  Clients(ClientsParams params, History* history, slipway::HttpClient* client);
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  void Resume();
  // Returns when no request is under way.
  void Pause();
  // Lets them repeat what has a key and was not answered, until it is, and then
  // pause. False: that was not so in time.
  bool Finish(int timeout_ms);

 private:
  struct Row {
    std::string repository;
    int64_t id = 0;
  };

  void Run(int thread);
  // False: the clients end.
  bool WaitForWork(bool has_open_request);
  Request NextRequest(std::mt19937_64& random);
  absl::optional<Row> AnyRow(std::mt19937_64& random);
  // Sends it once.
  AttemptResult Try(size_t number, std::mt19937_64& random);
  void NoteDone(const Request& request, const Answer& answer);

  const ClientsParams params_;
  History* const history_;
  slipway::HttpClient* const client_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_paused_ = true;
  bool is_finishing_ = false;
  bool is_ending_ = false;
  int parked_ = 0;
  // Of those, the ones that have something to repeat.
  int parked_open_ = 0;

  std::mutex rows_mutex_;
  // Deployments that were acknowledged, the newest last.
  std::deque<Row> rows_;

  std::vector<std::thread> threads_;
};

// The call of an attempt, to be sent to `base`, "http://HOST:PORT".
slipway::HttpCall CallOf(const Request& request, const std::string& base);
// The GET of what a request has made or deleted; nullopt: there is none.
absl::optional<slipway::HttpCall> ReadingCallOf(const Request& request,
                                                const std::string& base);
// What came of it.
Answer AnswerOf(Action action,
                const absl::StatusOr<slipway::HttpResponse>& response);

}  // namespace crash

#endif  // TESTS_CRASH_CLIENTS_H_
