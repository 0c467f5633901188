"""`closure_test`: what a target stands on, against a committed list."""

load("//tools/build_defs:shell.bzl", "sh_binary", "sh_test")

def closure_test(name, target, golden):
    """Compares the closure of `target` with the file `golden`.

    The closure is every target of this repository that `target` needs, and the
    first target outside of it on each way out: what those need is their affair.

    Makes `name`, and `name`.update, which rewrites the file:

        ./bazelw run //tools/guards:NAME.update

    Args:
      name: of the test.
      target: the label whose closure is taken.
      golden: a file of this package, one label per line.
    """
    native.genquery(
        name = name + "_query",
        testonly = True,
        expression = """
            let ours = filter("^(@@?)?//", kind(rule, deps({target}))) in
            $ours union (kind("rule|alias", deps($ours, 1)) except filter("^(@@?)?//", deps($ours, 1)))
        """.format(target = target),
        opts = [
            "--noimplicit_deps",
            "--notool_deps",
        ] if hasattr(native, "package_relative_label") else ["--noimplicit_deps"],
        scope = [target],
        visibility = ["//visibility:private"],
    )
    sh_test(
        name = name,
        size = "small",
        srcs = ["closure_test.sh"],
        args = [
            "$(location :%s_query)" % name,
            "$(location %s)" % golden,
            "//%s:%s.update" % (native.package_name(), name),
        ],
        data = [
            golden,
            ":%s_query" % name,
        ],
        visibility = ["//visibility:private"],
    )
    sh_binary(
        name = name + ".update",
        testonly = True,
        srcs = ["closure_test.sh"],
        args = [
            "$(location :%s_query)" % name,
            native.package_name() + "/" + golden,
            "--update",
        ],
        data = [":%s_query" % name],
        visibility = ["//visibility:private"],
    )
