// What the server starts with when it is given no seed.

#ifndef SLIPWAY_EXAMPLES_SERVER_DEFAULT_SEED_H_
#define SLIPWAY_EXAMPLES_SERVER_DEFAULT_SEED_H_

// A `slipway.v1.Seed` as text: octocat/hello-world with branches for every case
// of auto-merge and required contexts. It shows the format of `--seed` files.
extern const char kDefaultSeed[];

#endif  // SLIPWAY_EXAMPLES_SERVER_DEFAULT_SEED_H_
