#include <utility>

#include "absl/strings/str_cat.h"
#include "slipway/adapters/postgres/postgres_server.h"
#include "slipway/adapters/postgres/postgres_store.h"
#include "slipway/tests/crash/backend.h"

namespace crash {
namespace {

// Looks for a transaction for up to a second, for most are short.
constexpr char kTerminate[] = R"sql(
DO $$
DECLARE
  victim integer;
BEGIN
  FOR attempt IN 1..1000 LOOP
    PERFORM pg_stat_clear_snapshot();
    SELECT pid INTO victim FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND xact_start IS NOT NULL
        AND state IN ('active', 'idle in transaction')
      ORDER BY random() LIMIT 1;
    -- Without a victim this is null; and it may just have gone.
    IF pg_terminate_backend(victim) THEN
      RETURN;
    END IF;
    PERFORM pg_sleep(0.001);
  END LOOP;
  RAISE EXCEPTION 'nobody is in a transaction';
END
$$
)sql";

class Postgres : public Backend {
 public:
  Postgres(std::unique_ptr<slipway::PostgresServer> server,
           std::string connection)
      : server_(std::move(server)), connection_(std::move(connection)) {}

  std::string flag() const override {
    return absl::StrCat("postgresql://postgres@/",
                        connection_.substr(connection_.rfind('=') + 1),
                        "?host=", server_->directory());
  }

  absl::StatusOr<View> Look(bool /*servers_are_down*/) override {
    // One for the whole test: it has to live through every fault, too.
    if (store_ == nullptr) {
      slipway::PostgresStoreParams params;
      params.connection = connection_;
      params.connections_max = 2;
      auto store = slipway::PostgresStore::Open(params);
      if (!store.ok()) return store.status();
      store_ = *std::move(store);
    }
    return View{store_, store_.get(), store_.get()};
  }

  absl::Status TerminateTransaction() override {
    return slipway::PostgresServer::Execute(server_->connection(), kTerminate);
  }
  absl::Status StopDatabase() override {
    return server_->Stop(slipway::PostgresServer::StopMode::kImmediate);
  }
  absl::Status StartDatabase() override { return server_->StartAgain(); }

 private:
  const std::unique_ptr<slipway::PostgresServer> server_;
  const std::string connection_;
  std::shared_ptr<slipway::PostgresStore> store_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> PostgresBackend() {
  auto server = slipway::PostgresServer::Start({});
  if (!server.ok()) return server.status();
  const auto connection = (*server)->CreateDatabase();
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<Backend>(
      std::make_unique<Postgres>(*std::move(server), *connection));
}

}  // namespace crash
