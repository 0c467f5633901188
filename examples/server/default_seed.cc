#include "examples/server/default_seed.h"

const char kDefaultSeed[] = R"pb(
  repositories {
    repository {
      id: 1296269
      owner: "octocat"
      name: "hello-world"
      default_branch: "main"
      visibility: REPOSITORY_VISIBILITY_PUBLIC
    }
    # What main was before its last commit.
    commits { sha: "017129e0f996e8efb737cdb604585b63748fa406" }
    commits {
      sha: "9e312558527b55f4a5e52694d24f7f0c00f3edba"
      parent_shas: "017129e0f996e8efb737cdb604585b63748fa406"
    }
    commits {
      sha: "b5142f645895655405a49439f8600c7727da4f9b"
      parent_shas: "9e312558527b55f4a5e52694d24f7f0c00f3edba"
    }
    commits {
      sha: "ca87e4a0538e5cc394e9c0c49682e8c85e71098f"
      parent_shas: "017129e0f996e8efb737cdb604585b63748fa406"
    }
    commits {
      sha: "58414753e69b6550b0b629c6d8e7e80ad6f77325"
      parent_shas: "017129e0f996e8efb737cdb604585b63748fa406"
    }
    commits {
      sha: "758d628949a23d6a13103cceb7fefe11beb84e7b"
      parent_shas: "9e312558527b55f4a5e52694d24f7f0c00f3edba"
      contexts { context: "ci/build" state: COMMIT_CONTEXT_STATE_SUCCESS }
      contexts { context: "ci/test" state: COMMIT_CONTEXT_STATE_FAILURE }
    }
    commits {
      sha: "bce84909469f8be269791f79bbb1e6df6ff0d316"
      parent_shas: "9e312558527b55f4a5e52694d24f7f0c00f3edba"
      contexts { context: "ci/build" state: COMMIT_CONTEXT_STATE_SUCCESS }
      contexts { context: "ci/test" state: COMMIT_CONTEXT_STATE_PENDING }
    }
    commits {
      sha: "80d078e34c8a274bd31da44967920b22c89ae18f"
      parent_shas: "9e312558527b55f4a5e52694d24f7f0c00f3edba"
      contexts { context: "ci/build" state: COMMIT_CONTEXT_STATE_SUCCESS }
      contexts { context: "ci/test" state: COMMIT_CONTEXT_STATE_SUCCESS }
    }
    refs {
      ref {
        name: "main"
        type: REF_TYPE_BRANCH
        sha: "9e312558527b55f4a5e52694d24f7f0c00f3edba"
      }
    }
    refs {
      ref {
        name: "topic-branch"
        type: REF_TYPE_BRANCH
        sha: "b5142f645895655405a49439f8600c7727da4f9b"
      }
    }
    refs {
      ref {
        name: "behind"
        type: REF_TYPE_BRANCH
        sha: "ca87e4a0538e5cc394e9c0c49682e8c85e71098f"
      }
    }
    refs {
      ref {
        name: "conflict"
        type: REF_TYPE_BRANCH
        sha: "58414753e69b6550b0b629c6d8e7e80ad6f77325"
      }
      conflicts: true
    }
    refs {
      ref {
        name: "red"
        type: REF_TYPE_BRANCH
        sha: "758d628949a23d6a13103cceb7fefe11beb84e7b"
      }
    }
    refs {
      ref {
        name: "amber"
        type: REF_TYPE_BRANCH
        sha: "bce84909469f8be269791f79bbb1e6df6ff0d316"
      }
    }
    refs {
      ref {
        name: "green"
        type: REF_TYPE_BRANCH
        sha: "80d078e34c8a274bd31da44967920b22c89ae18f"
      }
    }
    refs {
      ref {
        name: "v1.0.0"
        type: REF_TYPE_TAG
        sha: "9e312558527b55f4a5e52694d24f7f0c00f3edba"
      }
    }
  }
)pb";
