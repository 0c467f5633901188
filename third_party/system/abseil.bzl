"""The system's Abseil under the labels of its own Bazel build.

Abseil's packages describe every library in a .pc file. Each becomes a
cc_library of `//pkgconfig`, and each label below an alias of one of them, so
that a target links what it names and what that needs, as with the sources.
"""

# Label to the name of the .pc file, without its "absl_". A label whose .pc file this version of
# Abseil does not have (older or newer) is left out.
ABSEIL_TARGETS = {
    "algorithm": {"algorithm": "algorithm", "container": "algorithm_container"},
    "base": {
        "base": "base",
        "config": "config",
        "core_headers": "core_headers",
        "dynamic_annotations": "dynamic_annotations",
        "endian": "endian",
        "log_severity": "log_severity",
        "no_destructor": "no_destructor",
        "nullability": "nullability",
        "prefetch": "prefetch",
    },
    "cleanup": {"cleanup": "cleanup"},
    "container": {
        "btree": "btree",
        "fixed_array": "fixed_array",
        "flat_hash_map": "flat_hash_map",
        "flat_hash_set": "flat_hash_set",
        "inlined_vector": "inlined_vector",
        "node_hash_map": "node_hash_map",
        "node_hash_set": "node_hash_set",
    },
    "debugging": {
        "failure_signal_handler": "failure_signal_handler",
        "leak_check": "leak_check",
        "stacktrace": "stacktrace",
        "symbolize": "symbolize",
    },
    "flags": {
        "commandlineflag": "flags_commandlineflag",
        "config": "flags_config",
        "flag": "flags",
        "marshalling": "flags_marshalling",
        "parse": "flags_parse",
        "reflection": "flags_reflection",
        "usage": "flags_usage",
    },
    "functional": {
        "any_invocable": "any_invocable",
        "bind_front": "bind_front",
        "function_ref": "function_ref",
    },
    "hash": {"hash": "hash"},
    "memory": {"memory": "memory"},
    "meta": {"type_traits": "type_traits"},
    "numeric": {"bits": "bits", "int128": "int128"},
    "random": {
        "bit_gen_ref": "random_bit_gen_ref",
        "distributions": "random_distributions",
        "random": "random_random",
        "seed_sequences": "random_seed_sequences",
    },
    "status": {"status": "status", "statusor": "statusor"},
    "strings": {
        "cord": "cord",
        "str_format": "str_format",
        "string_view": "string_view",
        "strings": "strings",
    },
    "synchronization": {"synchronization": "synchronization"},
    "time": {"time": "time"},
    "types": {
        "any": "any",
        "compare": "compare",
        "optional": "optional",
        "span": "span",
        "variant": "variant",
    },
    "utility": {"utility": "utility"},
}

# Spelled as grep prints it: FILE:FIELD: VALUE.
_LIST_FIELDS = "grep -H -E '^(Requires|Libs):' /dev/null /usr/lib/*/pkgconfig/absl_*.pc /usr/share/pkgconfig/absl_*.pc /usr/lib/pkgconfig/absl_*.pc 2>/dev/null"

_LIBRARY = """
cc_library(
    name = "{name}",
    linkopts = {linkopts},
    deps = {deps},
)
"""

_ALIAS = """
alias(
    name = "{name}",
    actual = "//pkgconfig:absl_{library}",
)
"""

_HEADER = """# Generated from the system's absl_*.pc by third_party/system/abseil.bzl.
{loads}
package(default_visibility = ["//visibility:public"])
"""

def _link_option(word):
    return word.startswith("-l") or word == "-pthread"

def abseil_build_files(repository_ctx, targets):
    """The BUILD files of the repository.

    Args:
      repository_ctx: of the repository rule.
      targets: package to label to library, like ABSEIL_TARGETS.

    Returns:
      a dict from path to content.
    """
    found = repository_ctx.execute(["sh", "-c", _LIST_FIELDS])
    requires = {}
    linkopts = {}
    for line in found.stdout.splitlines():
        path, field, value = line.split(":", 2)
        name = path.split("/")[-1][:-len(".pc")]
        if field == "Requires":
            # "absl_base = 20220623, absl_status = 20220623".
            requires[name] = [part.strip().split(" ")[0] for part in value.split(",") if part.strip()]
        else:
            linkopts[name] = [word for word in value.split(" ") if _link_option(word)]
    if not linkopts:
        fail("no absl_*.pc found: install the packages of third_party/debian-packages.txt")

    cc_load = '\nload("@rules_cc//cc:defs.bzl", "cc_library")\n'
    files = {
        "BUILD.bazel": "# Abseil of the system; see //pkgconfig.\n",
        "pkgconfig/BUILD.bazel": _HEADER.format(loads = cc_load) + "".join([
            _LIBRARY.format(
                name = name,
                linkopts = repr(linkopts[name]),
                # Some versions name themselves.
                deps = repr([":" + dep for dep in requires.get(name, []) if dep in linkopts and dep != name]),
            )
            for name in sorted(linkopts)
        ]),
    }
    for package, labels in targets.items():
        files["absl/%s/BUILD.bazel" % package] = _HEADER.format(loads = "") + "".join([
            _ALIAS.format(name = label, library = library)
            for label, library in labels.items()
            if "absl_" + library in linkopts
        ])
    return files
