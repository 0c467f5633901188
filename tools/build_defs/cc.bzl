"""C++ rules with the project's conventions. Use them for all C++ under `engine/`.

    load("//tools/build_defs:cc.bzl", "slipway_cc_library", "slipway_cc_test")

    slipway_cc_library(
        name = "decide",
        srcs = ["decide.cc"],
        hdrs = ["decide.h"],  # in engine/core: #include "slipway/core/decide.h"
        deps = ["@com_google_absl//absl/status:statusor"],
    )

    slipway_cc_test(
        name = "decide_test",
        srcs = ["decide_test.cc"],
        deps = [":decide", "@com_google_googletest//:gtest_main"],
    )

What they add to the rules of `@rules_cc`, and nothing else:

*   warnings (`SLIPWAY_COPTS`; this project's own .bazelrc makes them errors);
*   libraries: the include path, `slipway/` and the package without its `engine/`;
*   benchmarks: `testonly`, and the test `NAME_smoke` that runs every benchmark
    once, briefly, so that they stay alive;
*   all: the test `NAME_tidy`, clang-tidy over their sources, tagged `lint` (of
    tests and benchmarks only the checks that find mistakes);
*   all: private unless `visibility` says otherwise.

`srcs`, `hdrs` and `deps` must be plain lists, without select().
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//tools/lint:clang_tidy.bzl", "clang_tidy_test")

SLIPWAY_COPTS = [
    "-Wall",
    "-Wextra",
]

_PRIVATE = ["//visibility:private"]

def _include_prefix():
    package = native.package_name()
    if package.startswith("engine/"):
        package = package[len("engine/"):]
    return package

def _tidy_test(name, srcs, deps, tags, mistakes_only = False):
    srcs = [src for src in srcs if src.endswith((".cc", ".h"))]
    if srcs:
        clang_tidy_test(
            name = name + "_tidy",
            testonly = True,
            size = "small",
            srcs = srcs,
            include_prefix = _include_prefix(),
            mistakes_only = mistakes_only,
            tags = ["lint"] + [tag for tag in tags if tag == "manual"],
            visibility = _PRIVATE,
            deps = deps,
        )

def slipway_cc_library(name, srcs = [], hdrs = [], deps = [], copts = [], tags = [], visibility = _PRIVATE, **kwargs):
    cc_library(
        name = name,
        srcs = srcs,
        hdrs = hdrs,
        copts = SLIPWAY_COPTS + copts,
        include_prefix = "slipway/" + _include_prefix(),
        tags = tags,
        visibility = visibility,
        deps = deps,
        **kwargs
    )
    _tidy_test(name, srcs + hdrs, deps + [":" + name], tags)

def slipway_cc_binary(name, srcs = [], deps = [], copts = [], tags = [], visibility = _PRIVATE, **kwargs):
    cc_binary(
        name = name,
        srcs = srcs,
        copts = SLIPWAY_COPTS + copts,
        tags = tags,
        visibility = visibility,
        deps = deps,
        **kwargs
    )
    _tidy_test(name, srcs, deps, tags)

def slipway_cc_test(name, srcs = [], deps = [], copts = [], tags = [], size = "small", visibility = _PRIVATE, **kwargs):
    cc_test(
        name = name,
        size = size,
        srcs = srcs,
        copts = SLIPWAY_COPTS + copts,
        tags = tags,
        visibility = visibility,
        deps = deps,
        **kwargs
    )
    _tidy_test(name, srcs, deps, tags, mistakes_only = True)

def slipway_cc_benchmark(name, srcs = [], deps = [], copts = [], tags = [], size = "small", smoke_args = [], visibility = _PRIVATE, **kwargs):
    """A benchmark binary `name` and the test `name`_smoke; add benchmark_main to `deps` yourself."""
    cc_binary(
        name = name,
        testonly = True,
        srcs = srcs,
        copts = SLIPWAY_COPTS + copts,
        tags = tags,
        visibility = visibility,
        deps = deps,
        **kwargs
    )
    cc_test(
        name = name + "_smoke",
        size = size,
        srcs = srcs,
        args = ["--benchmark_min_time=0.001"] + smoke_args,
        copts = SLIPWAY_COPTS + copts,
        tags = tags,
        visibility = _PRIVATE,
        deps = deps,
        **kwargs
    )
    _tidy_test(name, srcs, deps, tags, mistakes_only = True)
