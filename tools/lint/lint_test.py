#!/usr/bin/env -S python3 -B
"""Each check finds what it is for, and finds nothing in a tree that is clean."""

import os
import re
import shutil
import sys
import tempfile
import unittest

import architecture_test
import documents_test
import format_test
import rules_test
import sources
import vocabulary_test

_HERE = os.path.dirname(os.path.realpath(__file__))
_TOP = os.path.dirname(os.path.dirname(_HERE))

_LIBRARY = """
slipway_cc_library(
    name = "%s",
    hdrs = ["%s.h"],
    visibility = ["//tools/visibility:%s"],
    deps = [%s],
)
"""


class LintTest(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(shutil.rmtree, self.top)
        self.write("third_party/system/abseil.bzl", sources.read(_TOP, "third_party/system/abseil.bzl"))
        self.write(".clang-format", sources.read(_TOP, ".clang-format"))
        self.library("engine/core", "decide", "core_users")
        self.library("engine/ports", "store", "ports_users")

    def write(self, path, text):
        path = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def library(self, package, name, group, deps="", header=""):
        self.write("%s/%s.h" % (package, name), header)
        self.write("%s/BUILD.bazel" % package, _LIBRARY % (name, name, group, deps))

    def assert_clean(self, outcome):
        findings, looked_at = outcome
        self.assertEqual(findings, [])
        self.assertGreater(looked_at, 0)

    def assert_finds(self, outcome, *expressions):
        findings, _ = outcome
        self.assertEqual(len(findings), len(expressions), findings)
        for finding, expression in zip(findings, expressions):
            self.assertRegex(finding, expression)

    # The outcome of looking at nothing.

    def test_nothing_to_look_at_fails(self):
        with self.assertRaises(SystemExit) as caught:
            sources.report([], 0, "files")
        self.assertEqual(caught.exception.code, "found no files to look at")

    def test_a_finding_fails(self):
        with self.assertRaises(SystemExit) as caught:
            sources.report(["one"], 3, "files")
        self.assertEqual(caught.exception.code, "1 findings in 3 files")

    def test_dependencies_are_not_sources(self):
        self.write("node_modules/left/README.md", "[nowhere](nowhere.md)\n")
        self.assertEqual(sources.files(self.top, lambda path: path.endswith(".md")), [])

    # format_test

    def test_format(self):
        self.write("engine/core/decide.cc", "int F() { return 1; }\n")
        self.assert_clean(format_test.check(self.top))
        self.write("engine/core/decide.cc", "int  F( ){return 1;}\n")
        findings, _ = format_test.check(self.top)
        self.assertTrue(findings)
        self.assertRegex(findings[0], r"^engine/core/decide\.cc:1:")

    # vocabulary_test

    def words(self):
        return vocabulary_test.load(os.path.join(_HERE, "vocabulary.txt"))

    def test_vocabulary(self):
        self.write("docs/a.md", "/".join(["A request to example.com", "work", "root", "home"]) + " is fine.\n")
        self.assert_clean(vocabulary_test.check(self.top, self.words()))
        for text in (
            "see /%s/main" % "work",
            "cd /%s/x" % "root",
            '"/%s/ann/x"' % "home",
            "to" + "do: later",
            "http://" + "deb." + "debian.org/",
            "https://" + "regis" + "try.npmjs.org/x",
            "fixes iss" + "ue #12",
            "in an earlier sess" + "ion",
        ):
            self.write("docs/a.md", "fine\n%s\n" % text)
            self.assert_finds(vocabulary_test.check(self.top, self.words()), r"^docs/a\.md:2: ")

    def test_vocabulary_applies_to_its_own_list(self):
        text = sources.read(_HERE, "vocabulary.txt")
        for expression, _ in self.words():
            self.assertIsNone(expression.search(text), expression.pattern)

    # documents_test

    def test_documents(self):
        self.write("docs/b.md", "# A `b` heading\n")
        self.write(
            "README.md",
            "# Start\n[b](docs/b.md) [h](docs/b.md#a-b-heading) [s](#start) [w](https://example.com)\n"
            "`engine/core/decide.h`, `engine/core/*.h`, `engine/x <name>`\n"
            "```\n./bazelw test //...\n./bazelw build //engine/core:decide  # one\n```\n",
        )
        self.assert_clean(documents_test.check(self.top))

    def test_documents_show_files_to_the_letter(self):
        self.write("examples/one.cc", "int F();\n")
        self.write("README.md", "<!-- file: examples/one.cc -->\n```cpp\nint F();\n```\n")
        self.assert_clean(documents_test.check(self.top))
        self.write("README.md", "<!-- file: examples/one.cc -->\n```cpp\nint G();\n```\n")
        self.assert_finds(documents_test.check(self.top), "not that of examples/one.cc")
        self.write("README.md", "<!-- file: examples/two.cc -->\n```cpp\nint F();\n```\n")
        self.assert_finds(documents_test.check(self.top), "no examples/two.cc to show")

    def test_stale_documents(self):
        for text, finding in (
            ("[a](docs/a.md)", "the link docs/a.md leads nowhere"),
            ("[a](../../etc/passwd)", "leads nowhere"),
            ("[a](#end)", "the link #end leads to no heading"),
            ("`engine/core/evolve.h` folds", "there is no engine/core/evolve.h"),
            ("```\n./bazelw test //engine/core:evolve_test\n```", "there is no target //engine/core:evolve_test"),
            ("Run `./bazelw test //engine/runner/...`.", "there is no target //engine/runner/..."),
        ):
            self.write("README.md", text + "\n")
            self.assert_finds(documents_test.check(self.top), re.escape(finding))

    # rules_test

    def rules_tree(self, spec="- R1 (D) One.\n- R2 Two.\n- R3 (D) **Not built yet.** Three.\n", core="Cite({1, 2});\n"):
        self.write("docs/spec/semantics.md", spec)
        self.write("engine/core/decide.cc", core)
        self.write("engine/core/decide_test.cc", "TEST(DecideTest, R1R2Both) {}\n")

    def test_rules(self):
        self.rules_tree()
        self.assert_clean(rules_test.check(self.top))
        self.rules_tree(core='// R1, R3\ndraft.Reject(v1::REASON_X, is_branch ? 1 : 2)->append("(9)");\n')
        self.assert_clean(rules_test.check(self.top))
        self.rules_tree()
        self.write("engine/core/decide_test.cc", "TEST(DecideTest, R1One) {}\n")
        self.write("testdata/scenarios/a.textproto", "about: [1, 2]\n")
        self.assert_clean(rules_test.check(self.top))

    def test_rules_out_of_step(self):
        for core, finding in (
            ("// R4\nCite({1});\n", "decide.cc:1: cites R4, which is not"),
            ("Cite({1,\n4});\n", "decides by R4"),
            ("Cite({3});\n", "decides by R3"),
            ('draft.Violate("x", "a, b)",\n              CODE, /*rule=*/4)->append("y");\n', "decides by R4"),
            ("", "cites no rule at all"),
        ):
            self.rules_tree(core=core)
            self.assert_finds(rules_test.check(self.top), finding)
        for spec, finding in (
            ("- R1 One.\n- R2 Two.\n- R5 Five.\n", "no scenario or test cites R5"),
            ("- R2 Two.\n- R1 One.\n", "R1 comes after R2"),
            ("Nothing.\n", "has no rules"),
        ):
            self.rules_tree(spec=spec)
            self.assert_finds(rules_test.check(self.top), finding)

    # architecture_test

    def test_architecture(self):
        self.library(
            "engine/ports",
            "store",
            "ports_users",
            '"@com_google_absl//absl/status:statusor"',
            '#include <string>\n\n#include "absl/status/statusor.h"\n',
        )
        self.library(
            "engine/runner", "loop", "runner_users", '"//engine/ports:store"', '#include "slipway/ports/store.h"\n'
        )
        self.assert_clean(architecture_test.check(self.top))

    def test_a_dependency_upwards(self):
        for package, name, group in (
            ("engine/core", "decide", "core_users"),
            ("engine/adapters/memory", "memory", "test_double_users"),
        ):
            self.setUp()
            self.library("engine/runner", "loop", "runner_users")
            self.library(package, name, group, '"//engine/runner:loop"', '#include "slipway/runner/loop.h"\n')
            self.assert_finds(architecture_test.check(self.top), "must not depend on //engine/runner:loop")

    def test_an_adapter_on_another(self):
        self.library("engine/adapters/memory", "memory", "test_double_users")
        self.library(
            "engine/adapters/rest",
            "rest",
            "adapters_users",
            '"//engine/adapters/memory"',
            '#include "slipway/adapters/memory/memory.h"\n',
        )
        self.assert_finds(architecture_test.check(self.top), "must not depend on //engine/adapters/memory:memory")

    def test_visibility(self):
        self.library("engine/core", "decide", "ports_users")
        self.assert_finds(architecture_test.check(self.top), "has the group .*ports_users; its layer has core_users")
        self.write("engine/core/BUILD.bazel", 'cc_library(name = "a", visibility = ["//visibility:public"])')
        self.assert_finds(architecture_test.check(self.top), "public; name a group")
        self.write("engine/core/BUILD.bazel", 'package(default_visibility = ["//tools/visibility:core_users"])')
        self.assert_finds(architecture_test.check(self.top), "must be private")
        self.write("engine/core/BUILD.bazel", 'exports_files(["a.txt"])')
        self.assert_finds(architecture_test.check(self.top), "exports_files without visibility")

    def test_an_alias_that_opens_a_hole(self):
        alias = 'alias(name = "ports", actual = "//engine/ports:store", visibility = ["//tools/visibility:%s"])'
        self.write("BUILD.bazel", alias % "ports_users")
        self.assert_clean(architecture_test.check(self.top))
        self.write("BUILD.bazel", alias % "core_users")
        self.assert_finds(architecture_test.check(self.top), "must have the visibility //tools/visibility:ports_users")

    def test_an_unknown_layer(self):
        self.library("engine/extras", "extras", "core_users")
        self.assert_finds(architecture_test.check(self.top), "does not know the layer of //engine/extras")

    def test_an_include_without_its_dependency(self):
        self.library("engine/ports", "store", "ports_users", "", '#include "absl/strings/str_cat.h"\n')
        self.assert_finds(architecture_test.check(self.top), "does not name @com_google_absl//absl/strings:strings")

    def test_an_alias_stands_for_its_target(self):
        self.write(
            "BUILD.bazel",
            'alias(name = "ports", actual = "//engine/ports:store", visibility = ["//tools/visibility:ports_users"])',
        )
        self.write("examples/e/BUILD.bazel", 'cc_binary(name = "e", srcs = ["e.cc"], deps = ["//:ports"])')
        self.write("examples/e/e.cc", '#include "slipway/ports/store.h"\n')
        self.assert_clean(architecture_test.check(self.top))
        self.write("examples/e/e.cc", "#include <string>\n")
        self.assert_finds(architecture_test.check(self.top), "names //:ports, but includes nothing")

    def test_a_dependency_without_an_include(self):
        self.library("engine/ports", "store", "ports_users", '"@com_google_absl//absl/time"')
        self.assert_finds(architecture_test.check(self.top), "names @com_google_absl//absl/time:time, but includes nothing")


if __name__ == "__main__":
    sys.exit(unittest.main())
