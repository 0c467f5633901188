"""`cc_archives`: the compiled code of some packages, for tests that look into it."""

def _cc_archives_impl(ctx):
    files = []
    for dep in ctx.attr.deps:
        for linker_input in dep[CcInfo].linking_context.linker_inputs.to_list():
            owner = linker_input.owner
            if owner.workspace_name != ctx.label.workspace_name or owner.package not in ctx.attr.packages:
                continue
            for library in linker_input.libraries:
                archive = library.pic_static_library or library.static_library
                if archive:
                    files.append(archive)
    return [DefaultInfo(
        files = depset(files),
        runfiles = ctx.runfiles(files = files),
    )]

cc_archives = rule(
    implementation = _cc_archives_impl,
    doc = "The static archives in the closure of `deps` whose target is in one of `packages`.",
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "packages": attr.string_list(mandatory = True),
    },
)
