"""BUILD files as data. They are close enough to Python for its parser."""

import ast
import os

import sources

# BUILD files of repositories that wrap other people's packages, and of other workspaces.
_FOREIGN = ("third_party/system/", "examples/downstream/")


class Target:
    """One call of a rule or macro in a BUILD file.

    Values are the strings that are written there: what a macro or a select adds
    is not seen, and of a comprehension only the literal parts.
    """

    def __init__(self, package, path, call):
        self.package = package
        self.path = path
        self.line = call.lineno
        self.kind = call.func.id
        self._values = {keyword.arg: keyword.value for keyword in call.keywords}

    def strings(self, attribute):
        value = self._values.get(attribute)
        if value is None:
            return []
        return [
            node.value for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]

    def has(self, attribute):
        return attribute in self._values

    @property
    def name(self):
        """The name, or None where it is computed."""
        value = self._values.get("name")
        return value.value if isinstance(value, ast.Constant) else None

    @property
    def testonly(self):
        value = self._values.get("testonly")
        if isinstance(value, ast.Constant) and value.value:
            return True
        return self.kind.endswith(("_test", "_benchmark")) or self.kind == "test_suite"

    @property
    def label(self):
        return "//%s:%s" % (self.package, self.name)

    @property
    def place(self):
        return "%s:%d" % (self.path, self.line)

    def labels(self, attribute):
        """The values as labels, those of this repository in their full form."""
        return [absolute(value, self.package) for value in self.strings(attribute)]


def absolute(label, package):
    if label.startswith(":"):
        return "//%s%s" % (package, label)
    if label.startswith(("//", "@")):
        if ":" not in label:
            return "%s:%s" % (label, label.rstrip("/").split("/")[-1].lstrip("@"))
        return label
    return "//%s:%s" % (package, label)


def package_of(label):
    """"engine/core" of "//engine/core:decide"."""
    return label[2:].split(":")[0]


def load(top):
    """A dict from package to its targets, `package()` and `load()` calls included."""
    packages = {}
    for path in sources.files(top, lambda path: os.path.basename(path) in ("BUILD", "BUILD.bazel")):
        if path.startswith(_FOREIGN):
            continue
        package = os.path.dirname(path)
        tree = ast.parse(sources.read(top, path), filename=path)
        packages[package] = [
            Target(package, path, node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
    return packages
