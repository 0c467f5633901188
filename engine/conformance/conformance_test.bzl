"""Tests of implementations of the Deployments API with the conformance kit.

    load("@slipway//engine/conformance:conformance_test.bzl", "conformance_test")

    # A program that speaks the kit's protocol on its standard input and output.
    conformance_test(
        name = "conformance_test",
        subject = ":my_subject",
    )

    # A server that writes the port that it has chosen to a file.
    conformance_test(
        name = "server_conformance_test",
        server = ":my_server",
        server_args = ["--port=0", "--port_file={port_file}", "--webhook={webhook_url}"],
        repository = "octocat/hello-world",
        fixtures = "my_refs.textproto",
    )

The test passes where the runner's exit status is 0. Its XML has one test case for each rule; its
undeclared outputs are the report as a page, conformance.html, and the sequences of failures.
"""

def _conformance_test_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = ctx.executable.runner,
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = ctx.files.data)
    for target in ctx.attr.data + [ctx.attr.runner]:
        runfiles = runfiles.merge(target[DefaultInfo].default_runfiles)
    return [DefaultInfo(executable = executable, runfiles = runfiles)]

_conformance_test = rule(
    implementation = _conformance_test_impl,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "runner": attr.label(
            default = Label("//engine/conformance:runner"),
            executable = True,
            cfg = "target",
        ),
    },
    test = True,
)

def _command(target, args):
    # By a path that the shell does not look for among the system's programs.
    return " ".join(["exec", "./$(rootpath %s)" % target] + args)

def conformance_test(
        name,
        subject = None,
        subject_args = [],
        server = None,
        server_args = ["--listen=127.0.0.1:0", "--port_file={port_file}"],
        url = None,
        repository = "octocat/hello-world",
        fixtures = None,
        ref = None,
        profile = "documented",
        profile_file = None,
        known_failures = None,
        webhook_secret_file = None,
        sequences = 200,
        steps = 30,
        seed = 1,
        clients = 1,
        reach_all = False,
        step_timeout_ms = 10000,
        data = [],
        **kwargs):
    """Tests that a program conforms.

    Args:
      name: of the test.
      subject: a program that speaks the kit's protocol; or
      server: a program that serves the API over HTTP.
      subject_args: the subject's arguments, for a shell.
      server_args: the server's; `{port_file}` is the file that it writes its port to, and
        `{webhook_url}` where it is to send its webhooks. Without the latter R80 is not tested.
      url: where the server's API begins, `{port}` being that port (default
        `http://127.0.0.1:{port}`).
      repository: where the server has deployments made.
      fixtures: the file with the refs of that repository; or
      ref: a branch of it that is up to date.
      profile: `documented` or `observed`; or
      profile_file: a file with a profile of your own.
      known_failures: a file with the rules that are known to fail.
      webhook_secret_file: a file with the secret that webhooks are signed with; its path for
        `server_args` is `$(rootpath …)`. Without it R82 is not tested.
      sequences: how many.
      steps: of the longest.
      seed: a number; a test is to do the same each time.
      clients: that make calls at the same time.
      reach_all: whether a required or recommended rule that was not put to the test fails it.
      step_timeout_ms: for one call.
      data: other files that the subject or the server reads.
      **kwargs: as of any test.
    """
    if (subject == None) == (server == None):
        fail("conformance_test: give one of subject and server")
    files = list(data)
    args = [
        "--sequences=%d" % sequences,
        "--steps=%d" % steps,
        "--seed=%d" % seed,
        "--clients=%d" % clients,
        "--step_timeout_ms=%d" % step_timeout_ms,
    ]
    if reach_all:
        args.append("--reach_all")
    if subject != None:
        files.append(subject)
        args.append("'--subprocess=%s'" % _command(subject, subject_args))
    else:
        files.append(server)
        args.append("'--server=%s'" % _command(server, server_args))
        args.append("--repository=" + repository)
        if url != None:
            args.append("'--url=%s'" % url)
        if ref != None:
            args.append("--ref=" + ref)
    for option, file in [
        ("fixtures", fixtures),
        ("profile", profile_file),
        ("known_failures", known_failures),
        ("webhook_secret_file", webhook_secret_file),
    ]:
        if file != None:
            files.append(file)
            args.append("--%s=$(rootpath %s)" % (option, file))
    if profile_file == None:
        args.append("--profile=" + profile)
    _conformance_test(
        name = name,
        args = args,
        data = files,
        **kwargs
    )
