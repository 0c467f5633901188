"""How a package_group says "every package of every repository".

Bazel changed its mind: until 5 that is "//...", from 7 on "public" (there,
"//..." is this repository alone, and an older Bazel knows no "public").
"""

EVERYONE = ["public"] if hasattr(native, "package_relative_label") else ["//..."]
