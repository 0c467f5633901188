"""Where the external repositories come from under WORKSPACE.

A workspace that uses Slipway says:

    local_repository(name = "slipway", path = "...")  # or http_archive(...)

    load("@slipway//third_party:repositories.bzl", "slipway_dependencies")

    slipway_dependencies()

    load("@slipway//third_party:setup.bzl", "slipway_setup")

    slipway_setup()

A repository that the workspace has declared before stays as it is.

Each dependency has two sources, chosen by the repository environment
(`--repo_env=SLIPWAY_DEPENDENCIES=...`; `bazelw` picks it):

*   `pinned` (the default): the upstream archive, by its checksum;
*   `system`: the packages of a Debian machine (`debian-packages.txt`), for
    machines without internet.
"""

load("//third_party/system:abseil.bzl", "ABSEIL_TARGETS", "abseil_build_files")

_GITHUB = "https://github.com/"

# Dependencies that have no pinned archive: nobody has vouched for a checksum.
_UNPINNED = """
{name} is not pinned under WORKSPACE. Either build with Bzlmod (Bazel 7 or later, MODULE.bazel
names the module '{module}'), or use the system's packages on Debian
(--repo_env=SLIPWAY_DEPENDENCIES=system), or declare a repository called '{name}' before
slipway_dependencies().
"""

def _link_tree(repository_ctx, path):
    root = repository_ctx.path(path)
    if not root.exists:
        fail("%s does not exist: install the packages of third_party/debian-packages.txt" % path)
    for entry in root.readdir():
        repository_ctx.symlink(entry, entry.basename)

def _use_system(repository_ctx):
    attr = repository_ctx.attr
    if attr.system_tree:
        _link_tree(repository_ctx, attr.system_tree)
    for name, path in attr.system_links.items():
        if not repository_ctx.path(path).exists:
            fail("%s does not exist: install the packages of third_party/debian-packages.txt" % path)
        repository_ctx.symlink(path, name)
    for label, name in attr.system_files.items():
        # A link, so that a change of the file reaches the repository.
        repository_ctx.symlink(label, name)
    if attr.system_abseil:
        for name, content in abseil_build_files(repository_ctx, ABSEIL_TARGETS).items():
            repository_ctx.file(name, content)
    if not repository_ctx.path("WORKSPACE").exists:
        repository_ctx.file("WORKSPACE", 'workspace(name = "%s")\n' % repository_ctx.name)

def _use_pinned(repository_ctx):
    attr = repository_ctx.attr
    if not attr.url:
        fail(_UNPINNED.format(name = repository_ctx.name, module = attr.module))
    repository_ctx.download_and_extract(
        url = attr.url,
        sha256 = attr.sha256,
        stripPrefix = attr.strip_prefix,
    )

def _dependency_impl(repository_ctx):
    source = repository_ctx.os.environ.get("SLIPWAY_DEPENDENCIES", "pinned")
    if source == "system":
        _use_system(repository_ctx)
    elif source == "pinned":
        _use_pinned(repository_ctx)
    else:
        fail("SLIPWAY_DEPENDENCIES must be 'pinned' or 'system', not '%s'" % source)

_dependency = repository_rule(
    implementation = _dependency_impl,
    environ = ["SLIPWAY_DEPENDENCIES"],
    attrs = {
        "module": attr.string(doc = "The module of the Bazel registry that holds it."),
        "sha256": attr.string(),
        "strip_prefix": attr.string(),
        "system_abseil": attr.bool(doc = "Generate Abseil's labels from its .pc files."),
        "system_files": attr.label_keyed_string_dict(
            allow_files = True,
            doc = "Files of this project, and where they go in the repository.",
        ),
        "system_links": attr.string_dict(doc = "Path in the repository to path on the machine."),
        "system_tree": attr.string(doc = "A directory whose entries become the repository."),
        "url": attr.string(),
    },
)

def _maybe(name, **kwargs):
    if name not in native.existing_rules():
        _dependency(name = name, **kwargs)

def slipway_dependencies():
    """Declares every repository that Slipway's BUILD files name."""
    _maybe(
        name = "com_google_absl",
        url = _GITHUB + "abseil/abseil-cpp/archive/refs/tags/20220623.1.tar.gz",
        sha256 = "91ac87d30cc6d79f9ab974c51874a704de9c2647c40f6932597329a282217ba8",
        strip_prefix = "abseil-cpp-20220623.1",
        system_abseil = True,
    )
    _maybe(
        name = "com_google_protobuf",
        url = _GITHUB + "protocolbuffers/protobuf/archive/refs/tags/v3.21.12.tar.gz",
        sha256 = "930c2c3b5ecc6c9c12615cf5ad93f1cd6e12d0aba862b572e076259970ac3a53",
        strip_prefix = "protobuf-3.21.12",
        system_files = {
            "@slipway//third_party/system:protobuf.BUILD": "BUILD.bazel",
            "@slipway//third_party/system:protobuf_deps.bzl": "protobuf_deps.bzl",
        },
        system_links = {
            "google": "/usr/include/google",
            "protoc": "/usr/bin/protoc",
        },
    )
    _maybe(
        name = "com_google_googletest",
        url = _GITHUB + "google/googletest/archive/refs/tags/release-1.12.1.tar.gz",
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
        system_files = {"@slipway//third_party/system:googletest.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "com_github_google_benchmark",
        url = _GITHUB + "google/benchmark/archive/refs/tags/v1.7.1.tar.gz",
        sha256 = "6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7",
        strip_prefix = "benchmark-1.7.1",
        system_files = {"@slipway//third_party/system:benchmark.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "rapidjson",
        module = "rapidjson",
        system_files = {"@slipway//third_party/system:rapidjson.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "rapidcheck",
        module = "rapidcheck",
        system_files = {"@slipway//third_party/system:rapidcheck.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "boost_asio",
        module = "boost.asio",
        system_files = {"@slipway//third_party/system:boost_asio.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "boost_beast",
        module = "boost.beast",
        system_files = {"@slipway//third_party/system:boost_beast.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "curl",
        module = "curl",
        system_files = {"@slipway//third_party/system:curl.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "com_github_jupp0r_prometheus_cpp",
        module = "prometheus-cpp",
        system_files = {"@slipway//third_party/system:prometheus_core.BUILD": "core/BUILD.bazel"},
    )
    _maybe(
        name = "sqlite3",
        module = "sqlite3",
        system_files = {"@slipway//third_party/system:sqlite3.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "libpq",
        module = "postgres",
        system_files = {"@slipway//third_party/system:libpq.BUILD": "BUILD.bazel"},
        system_links = {
            "include/libpq-fe.h": "/usr/include/postgresql/libpq-fe.h",
            "include/pg_config_ext.h": "/usr/include/postgresql/pg_config_ext.h",
            "include/postgres_ext.h": "/usr/include/postgresql/postgres_ext.h",
        },
    )
    _maybe(
        name = "openssl",
        module = "openssl",
        system_files = {"@slipway//third_party/system:openssl.BUILD": "BUILD.bazel"},
    )
    _maybe(
        name = "rules_cc",
        url = _GITHUB + "bazelbuild/rules_cc/releases/download/0.0.4/rules_cc-0.0.4.tar.gz",
        sha256 = "af6cc82d87db94585bceeda2561cb8a9d55ad435318ccb4ddfee18a43580fb5d",
        strip_prefix = "rules_cc-0.0.4",
        # The packaged rules_cc does not load in the packaged Bazel.
        system_files = {
            "@slipway//third_party/system:empty.BUILD": "cc/BUILD.bazel",
            "@slipway//third_party/system:rules_cc_defs.bzl": "cc/defs.bzl",
            "@slipway//third_party/system:rules_cc_action_names.bzl": "cc/action_names.bzl",
            "@slipway//third_party/system:rules_cc_find_toolchain.bzl": "cc/find_cc_toolchain.bzl",
        },
    )
    _maybe(
        name = "rules_proto",
        url = _GITHUB + "bazelbuild/rules_proto/archive/refs/tags/4.0.0-3.20.0.tar.gz",
        sha256 = "e017528fd1c91c5a33f15493e3a398181a9e821a804eb7ff5acdd1d2d6c2b18d",
        strip_prefix = "rules_proto-4.0.0-3.20.0",
        system_tree = "/usr/share/bazel/rules/proto",
    )
    _maybe(
        name = "platforms",
        url = _GITHUB + "bazelbuild/platforms/releases/download/0.0.6/platforms-0.0.6.tar.gz",
        sha256 = "5308fc1d8865406a49427ba24a9ab53087f17f5266a7aabbfc28823f3916e1ca",
        system_tree = "/usr/share/bazel/tools/platforms",
    )
    _maybe(
        name = "bazel_skylib",
        url = _GITHUB + "bazelbuild/bazel-skylib/releases/download/1.3.0/bazel-skylib-1.3.0.tar.gz",
        sha256 = "74d544d96f4a5bb630d465ca8bbcfe231e3594e5aae57e1edbf17a6eb3ca2506",
        system_tree = "/usr/share/bazel/tools/skylib",
    )
