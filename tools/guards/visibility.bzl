"""`invisible_test`: that Bazel would refuse a dependency."""

load("//tools/build_defs:shell.bzl", "sh_test")

def invisible_test(name, user, targets, control):
    """Fails where `user` could depend on one of `targets`.

    Args:
      name: of the test.
      user: the label that must not see the targets.
      targets: what it must not see.
      control: a label that sees all of them; without it, a question that is
        always answered with "nothing" would pass.
    """
    scope = [user, control] + targets
    for suffix, asker in [("_query", user), ("_control", control)]:
        native.genquery(
            name = name + suffix,
            testonly = True,
            expression = "visible({user}, set({targets}))".format(user = asker, targets = " ".join(targets)),
            scope = scope,
            visibility = ["//visibility:private"],
        )
    sh_test(
        name = name,
        size = "small",
        srcs = ["invisible_test.sh"],
        args = [
            "$(location :%s_query)" % name,
            "$(location :%s_control)" % name,
            str(len(targets)),
            user,
        ],
        data = [
            ":%s_control" % name,
            ":%s_query" % name,
        ],
        visibility = ["//visibility:private"],
    )
