#!/usr/bin/env -S python3 -B
"""The BUILD files are the architecture, and they tell the truth.

*   No target is public but through the groups of //tools/visibility, and the
    targets of a layer have the group of their layer, or a narrower visibility.
*   A library or binary depends on the layers below it only (tests may use more;
    what they may is up to the groups). No adapter depends on another adapter.
*   A wrapper of a driver is for its one adapter.
*   What a file includes, its target names in `deps`; what a library or binary
    names, one of its files includes. The compiler would find the headers of the system's
    packages without.
"""

import os
import re

import buildfiles
import sources

_GROUPS = "//tools/visibility:"

# Package prefix: (the group of its targets, the prefixes that its libraries may depend on). The
# longest prefix counts. A package may always depend on itself.
_LAYERS = {
    "proto": ("proto_users", ["proto"]),
    "engine/core": ("core_users", ["proto"]),
    "engine/ports": ("ports_users", ["proto"]),
    "engine/runner": ("runner_users", ["engine/core", "engine/ports", "proto"]),
    "engine/conformance": (
        "conformance_users",
        ["engine/core", "engine/ports", "engine/runner", "proto", "third_party/rapidcheck", "third_party/rapidjson"],
    ),
    "engine/wire": ("wire_users", ["proto", "third_party/rapidjson"]),
    "engine/adapters": ("adapters_users", ["engine/core", "engine/ports", "engine/wire", "proto", "third_party"]),
    "engine/adapters/memory": ("test_double_users", ["engine/core", "engine/ports", "proto"]),
    "engine/adapters/system": ("test_double_users", ["engine/core", "engine/ports", "proto"]),
    "engine/adapters/rest": (
        "adapters_users",
        ["engine/core", "engine/ports", "engine/runner", "engine/wire", "proto", "third_party"],
    ),
}

# Directories whose packages may depend on everything that is visible to them.
_FREE = ("", "benchmarks", "docs", "examples", "testdata", "tests", "third_party", "tools")

# The start of an include: the labels one of which has to be in `deps`. The first match counts.
_INCLUDES = [
    (r"slipway/v1/.*\.pb\.h", ["//proto/slipway/v1:slipway_cc_proto", "//:proto"]),
    # Generated headers bring the messages of Protobuf's own files with them.
    (r"google/protobuf/", ["@com_google_protobuf//:protobuf", "//proto/slipway/v1:slipway_cc_proto"]),
    (r"absl/strings/str_format\.h", ["@com_google_absl//absl/strings:str_format"]),
    (r"absl/strings/cord\.h", ["@com_google_absl//absl/strings:cord"]),
    (r"absl/strings/", ["@com_google_absl//absl/strings:strings"]),
    (r"absl/status/statusor\.h", ["@com_google_absl//absl/status:statusor"]),
    (r"absl/status/", ["@com_google_absl//absl/status:status"]),
    (r"absl/base/(thread_annotations|attributes|macros|optimization|const_init)\.h", ["@com_google_absl//absl/base:core_headers"]),
    (r"absl/container/btree_", ["@com_google_absl//absl/container:btree"]),
    (r"absl/(container|flags|types|functional|debugging|numeric|algorithm)/(\w+)\.h", [r"@com_google_absl//absl/\1:\2"]),
    (r"absl/(synchronization|time|hash|memory|cleanup|random|utility)/", [r"@com_google_absl//absl/\1:\1"]),
    (r"absl/meta/", ["@com_google_absl//absl/meta:type_traits"]),
    (r"(gtest|gmock)/", ["@com_google_googletest//:gtest", "@com_google_googletest//:gtest_main"]),
    (r"benchmark/", ["@com_github_google_benchmark//:benchmark", "@com_github_google_benchmark//:benchmark_main"]),
    (r"curl/", ["//third_party/curl:curl"]),
    (r"openssl/", ["//third_party/openssl:crypto"]),
    (r"prometheus/", ["//third_party/prometheus:prometheus"]),
    (r"rapidjson/", ["//third_party/rapidjson:rapidjson"]),
    (r"boost/", ["//third_party/boost:boost"]),
    (r"rapidcheck(\.h|/)", ["//third_party/rapidcheck:rapidcheck"]),
    (r"sqlite3\.h", ["//third_party/sqlite:sqlite"]),
    (r"libpq-fe\.h", ["//third_party/libpq:libpq"]),
    (r"openssl/", ["//third_party/openssl:crypto"]),
    (r"git2", ["//third_party/libgit2:libgit2"]),
]

# Libraries that are linked, or reached through another header, without an include of their own.
_NEEDS_NO_INCLUDE = re.compile(r"(gtest|gtest_main|benchmark|benchmark_main|^//:proto)$")

_INCLUDE = re.compile(r"^\s*#\s*include\s*[\"<]([^\">]+)[\">]", re.MULTILINE)
_CC = re.compile(r"(slipway_)?cc_(library|binary|test|benchmark)$")


def layer_of(package):
    """The longest prefix of _LAYERS that holds `package`, or None."""
    parts = package.split("/")
    for length in range(len(parts), 0, -1):
        prefix = "/".join(parts[:length])
        if prefix in _LAYERS:
            return prefix
    return None


def within(package, prefix):
    return package == prefix or package.startswith(prefix + "/")


def unit_of(package):
    """The adapter that a package belongs to, or its layer."""
    parts = package.split("/")
    return "/".join(parts[:3]) if parts[:2] == ["engine", "adapters"] else layer_of(package)


def check_visibility(target, findings):
    values = target.strings("visibility") + target.strings("default_visibility")
    if "//visibility:public" in values:
        findings.append("%s: public; name a group of //tools/visibility" % target.place)
        return
    if target.kind == "package" and target.has("default_visibility") and values != ["//visibility:private"]:
        findings.append("%s: the default visibility must be private" % target.place)
    if target.kind == "exports_files" and not target.has("visibility"):
        findings.append("%s: exports_files without visibility is public" % target.place)
    layer = layer_of(target.package)
    for value in values:
        label = buildfiles.absolute(value, target.package)
        if not value.startswith(_GROUPS):
            continue
        group = value[len(_GROUPS) :]
        if layer and group != _LAYERS[layer][0]:
            findings.append("%s: has the group %s; its layer has %s" % (target.place, label, _LAYERS[layer][0]))


def check_alias(target, findings):
    actual = target.labels("actual")
    if len(actual) == 1 and actual[0].startswith("//"):
        layer = layer_of(buildfiles.package_of(actual[0]))
        if layer and target.labels("visibility") != [_GROUPS + _LAYERS[layer][0]]:
            findings.append("%s: an alias into %s must have the visibility %s" % (target.place, layer, _GROUPS + _LAYERS[layer][0]))


def check_layers(target, findings):
    if target.testonly and target.package.split("/")[0] != "proto" and not target.kind.endswith("cc_library"):
        return
    layer = layer_of(target.package)
    if layer is None:
        if target.package.split("/")[0] not in _FREE:
            findings.append("%s: tools/lint/architecture_test.py does not know the layer of //%s" % (target.place, target.package))
        return
    allowed = _LAYERS[layer][1]
    for label in target.labels("deps") + target.labels("implementation_deps"):
        if not label.startswith("//"):
            continue
        package = buildfiles.package_of(label)
        if unit_of(package) == unit_of(target.package) or any(within(package, prefix) for prefix in allowed):
            continue
        # A library for tests may use a test double, but is still no way into the core.
        if target.testonly and layer not in ("proto", "engine/core"):
            continue
        findings.append("%s: %s must not depend on %s" % (target.place, target.label, label))


def wanted_labels(include):
    for pattern, labels in _INCLUDES:
        match = re.match(pattern, include)
        if match:
            return [match.expand(label) if "\\" in label else label for label in labels]
    return None


def facades(packages):
    """From label to the labels that it stands for: aliases, and libraries of nothing but deps."""
    stands_for = {}
    for targets in packages.values():
        for target in targets:
            if target.kind == "alias":
                stands_for[target.label] = target.labels("actual")
            elif _CC.match(target.kind) and not target.has("srcs") and not target.has("hdrs"):
                stands_for[target.label] = target.labels("deps")

    def all_of(label):
        return {label}.union(*[all_of(other) for other in stands_for.get(label, [])])

    return {label: all_of(label) for label in stands_for}


def check_includes(top, target, owners, stands_for, known_absl, findings):
    """`owners`: from header to the labels that have it in `hdrs`."""
    if not _CC.match(target.kind) or target.name is None:
        return
    deps = target.labels("deps") + target.labels("implementation_deps")
    own = [label for label in target.labels("srcs") + target.labels("hdrs") if label.startswith("//%s:" % target.package)]
    used = set()
    files = 0
    for label in own:
        path = os.path.join(target.package, label.split(":")[1])
        if not os.path.isfile(os.path.join(top, path)):
            continue
        files += 1
        for include in _INCLUDE.findall(sources.read(top, path)):
            wanted = owners.get(include) or wanted_labels(include)
            if wanted is None or target.label in wanted:
                continue
            if any(w in own for w in wanted):
                continue
            wanted = [w for w in wanted if not w.startswith("@com_google_absl") or w in known_absl] or None
            if wanted is None:
                # An Abseil header in a target of another name: any of its package will do.
                prefix = "@com_google_absl//" + os.path.dirname(include) + ":"
                wanted = [dep for dep in deps if dep.startswith(prefix)] or [prefix + "?"]
            found = [dep for dep in deps if not stands_for.get(dep, {dep}).isdisjoint(wanted)]
            used.update(found)
            if not found:
                findings.append("%s: %s includes %s, but %s does not name %s" % (target.place, path, include, target.label, " or ".join(wanted)))
    # A test may leave to its subject's header what that includes.
    if not files or target.testonly:
        return
    headers_of = {label for labels in owners.values() for label in labels}
    for dep in deps:
        if dep in used or _NEEDS_NO_INCLUDE.search(dep):
            continue
        if dep in headers_of or dep in stands_for or dep in known_absl or dep == "//proto/slipway/v1:slipway_cc_proto":
            findings.append("%s: %s names %s, but includes nothing of it" % (target.place, target.label, dep))


def header_owners(packages):
    owners = {}
    for package, targets in packages.items():
        prefix = "slipway/" + re.sub(r"^engine/", "", package)
        for target in targets:
            if target.kind == "slipway_cc_library" and target.name is not None:
                for header in target.strings("hdrs"):
                    owners.setdefault("%s/%s" % (prefix, header.lstrip(":")), []).append(target.label)
    return owners


def known_absl_labels(top):
    """Abseil's labels, from the table of third_party/system."""
    text = sources.read(top, "third_party/system/abseil.bzl")
    names = {}
    exec(text[text.index("ABSEIL_TARGETS = {") : text.index("\n}\n") + 3], names)  # pylint: disable=exec-used
    return {
        "@com_google_absl//absl/%s:%s" % (package, label)
        for package, labels in names["ABSEIL_TARGETS"].items()
        for label in labels
    }


def check(top):
    """Findings, and how many targets were looked at."""
    packages = buildfiles.load(top)
    owners = header_owners(packages)
    stands_for = facades(packages)
    known_absl = known_absl_labels(top)
    findings = []
    looked_at = 0
    for targets in packages.values():
        for target in targets:
            looked_at += target.name is not None
            check_visibility(target, findings)
            if target.kind == "alias":
                check_alias(target, findings)
            check_layers(target, findings)
            check_includes(top, target, owners, stands_for, known_absl, findings)
    return findings, looked_at


if __name__ == "__main__":
    sources.report(*check(sources.root()), "targets")
