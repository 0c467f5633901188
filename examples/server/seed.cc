#include "slipway/examples/server/seed.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "examples/server/default_seed.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "slipway/examples/server/text_file.h"
#include "slipway/v1/command.pb.h"
#include "slipway/v1/decision.pb.h"

namespace {

namespace v1 = slipway::v1;

// Keeps where a text message is wrong, for one line of an error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    text_ =
        absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::StatusOr<bool> HasEverHad(const v1::RepositoryName& name,
                                slipway::Store& store,
                                slipway::Outbox& outbox) {
  const auto found = store.FindRepository(name);
  if (!found.ok()) return found.status();
  if (found->has_value()) return true;
  // The stream of a repository outlives it.
  const auto entries = outbox.ReadOutbox({name, 0, /*limit=*/1});
  if (!entries.ok()) return entries.status();
  return !entries->empty();
}

}  // namespace

absl::StatusOr<v1::Seed> ReadSeed(const std::string& path) {
  std::string text = kDefaultSeed;
  if (!path.empty()) {
    absl::StatusOr<std::string> read = ReadTextFile("--seed", path);
    if (!read.ok()) return read.status();
    text = *std::move(read);
  }
  v1::Seed seed;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &seed)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed: ", path, ": ", error.text()));
  }
  if (seed.repositories().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed: ", path, " has no repository"));
  }
  return seed;
}

absl::Status PutMissingRepositories(const v1::Seed& seed,
                                    const v1::Actor& actor,
                                    slipway::Store& store,
                                    slipway::Outbox& outbox,
                                    slipway::Runner& runner) {
  for (const v1::SeedRepository& seeded : seed.repositories()) {
    const v1::Repository& repository = seeded.repository();
    v1::Command command;
    command.mutable_repository()->set_owner(repository.owner());
    command.mutable_repository()->set_name(repository.name());
    const absl::StatusOr<bool> known =
        HasEverHad(command.repository(), store, outbox);
    if (!known.ok()) return known.status();
    if (*known) continue;
    *command.mutable_actor() = actor;
    v1::PutRepository& put = *command.mutable_put_repository();
    put.set_id(repository.id());
    put.set_default_branch(repository.default_branch());
    put.set_visibility(repository.visibility());
    const absl::StatusOr<v1::Decision> decision = runner.Execute(command);
    if (!decision.ok()) return decision.status();
    if (decision->has_rejection()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--seed: ", repository.owner(), "/", repository.name(),
                       ": ", decision->rejection().ShortDebugString()));
    }
  }
  return absl::OkStatus();
}
