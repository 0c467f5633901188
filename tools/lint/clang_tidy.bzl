"""`clang_tidy_test`: clang-tidy over the sources of one target, as .clang-tidy says.

The macros of //tools/build_defs:cc.bzl make one for every target, called
`NAME_tidy`. clang-tidy itself runs as one action per file, so Bazel runs it
again only for files whose includes have changed; the test shows what it said.
"""

# The version whose checks .clang-tidy means.
_RUN = """
tidy="$(command -v clang-tidy-14 || command -v clang-tidy)" || {
  echo "needs clang-tidy 14" >"$1"
  exit 0
}
report="$1"
shift
if output="$("$tidy" "$@" 2>&1)"; then
  : >"$report"
else
  printf '%s\\n' "$output" >"$report"
fi
"""

_SHOW = """#!/bin/sh
# Made by tools/lint/clang_tidy.bzl.
status=0
for report in {reports}; do
  if [ -s "$report" ]; then
    cat "$report"
    status=1
  fi
done
exit $status
"""

def _flags(contexts):
    flags = []
    for context in contexts:
        flags += ["-D" + define for define in context.defines.to_list()]
        flags += ["-I" + path for path in context.includes.to_list()]
        flags += ["-iquote" + path for path in context.quote_includes.to_list()]
        flags += ["-isystem" + path for path in context.system_includes.to_list()]
    # In order, each once.
    return {flag: None for flag in flags}.keys()

def _to_read(files):
    """`files` without the headers that one of the others, by its name, is the source of."""
    stems = [file.basename[:-len(".cc")] for file in files if file.extension == "cc"]
    return [
        file
        for file in files
        if file.extension == "cc" or file.basename[:-len(".h")] not in stems
    ]

def _clang_tidy_test_impl(ctx):
    contexts = [dep[CcInfo].compilation_context for dep in ctx.attr.deps]
    headers = depset(transitive = [context.headers for context in contexts])
    flags = _flags(contexts)
    reports = []
    for source in _to_read(ctx.files.srcs):
        report = ctx.actions.declare_file("%s/%s.tidy" % (ctx.label.name, source.basename))
        arguments = ctx.actions.args()
        arguments.add(report)
        arguments.add("--quiet")
        arguments.add("--config-file=" + ctx.file._config.path)
        if ctx.attr.mistakes_only:
            arguments.add("--checks=-google-*,-misc-*,-modernize-*,-readability-*")

        # The package's own headers, which the sources see as slipway/...; not those that are
        # generated from protos of a deeper folder of the same name.
        arguments.add("--header-filter=(^|/)slipway/" + ctx.attr.include_prefix + "/[^/]*$")
        arguments.add(source)
        arguments.add("--")
        arguments.add_all(["-xc++", "-std=c++17", "-Wall", "-Wextra"])
        arguments.add_all(flags)
        ctx.actions.run_shell(
            command = _RUN,
            arguments = [arguments],
            inputs = depset(ctx.files.srcs + [ctx.file._config], transitive = [headers]),
            outputs = [report],
            mnemonic = "ClangTidy",
            progress_message = "Tidying %s" % source.short_path,
            use_default_shell_env = True,
        )
        reports.append(report)
    if not reports:
        fail("there is no source to look at")
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        _SHOW.format(reports = " ".join(["'%s'" % report.short_path for report in reports])),
        is_executable = True,
    )
    return [DefaultInfo(
        executable = script,
        runfiles = ctx.runfiles(files = reports),
    )]

clang_tidy_test = rule(
    implementation = _clang_tidy_test_impl,
    test = True,
    attrs = {
        "deps": attr.label_list(
            doc = "What the sources include: the target's deps, and the target if it is a library.",
            providers = [CcInfo],
        ),
        "include_prefix": attr.string(),
        "mistakes_only": attr.bool(
            doc = "Leave out the checks of style, which take more than half of the time.",
        ),
        "srcs": attr.label_list(allow_files = [".cc", ".h"]),
        "_config": attr.label(
            allow_single_file = True,
            default = Label("//:.clang-tidy"),
        ),
    },
)
