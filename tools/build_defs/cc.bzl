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
*   benchmarks: `testonly`, and a test that runs every benchmark once, briefly,
    so that they stay compiled and alive;
*   libraries, tests, binaries: private unless `visibility` says otherwise.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

SLIPWAY_COPTS = [
    "-Wall",
    "-Wextra",
]

def _include_prefix():
    package = native.package_name()
    if package.startswith("engine/"):
        package = package[len("engine/"):]
    return "slipway/" + package

def slipway_cc_library(name, copts = [], visibility = ["//visibility:private"], **kwargs):
    cc_library(
        name = name,
        copts = SLIPWAY_COPTS + copts,
        include_prefix = _include_prefix(),
        visibility = visibility,
        **kwargs
    )

def slipway_cc_binary(name, copts = [], visibility = ["//visibility:private"], **kwargs):
    cc_binary(
        name = name,
        copts = SLIPWAY_COPTS + copts,
        visibility = visibility,
        **kwargs
    )

def slipway_cc_test(name, copts = [], size = "small", visibility = ["//visibility:private"], **kwargs):
    cc_test(
        name = name,
        size = size,
        copts = SLIPWAY_COPTS + copts,
        visibility = visibility,
        **kwargs
    )

def slipway_cc_benchmark(name, copts = [], deps = [], size = "small", **kwargs):
    """A benchmark binary `name` and the test `name`_smoke; add benchmark_main to `deps` yourself."""
    cc_binary(
        name = name,
        testonly = True,
        copts = SLIPWAY_COPTS + copts,
        visibility = ["//visibility:private"],
        deps = deps,
        **kwargs
    )
    cc_test(
        name = name + "_smoke",
        size = size,
        copts = SLIPWAY_COPTS + copts,
        args = ["--benchmark_min_time=0.001"],
        visibility = ["//visibility:private"],
        deps = deps,
        **kwargs
    )
