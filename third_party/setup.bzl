"""The second half of `repositories.bzl`: what the repositories themselves need.

A function of its own, because WORKSPACE can load from a repository only after
it was declared.
"""

load("@com_google_protobuf//:protobuf_deps.bzl", "protobuf_deps")

def slipway_setup():
    protobuf_deps()
