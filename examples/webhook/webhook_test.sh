#!/usr/bin/env bash
# The example tells a receiver of a deployment and its status, signed with the
# secret that both have.
#
#   webhook_test.sh WEBHOOK RECEIVER

set -euo pipefail

webhook=$1
receiver=$2
cd "${TEST_TMPDIR:?}"

printf 'a secret' >secret.txt

python3 "$OLDPWD/$receiver" secret.txt port.txt >told.txt &
receiver_id=$!
trap 'kill "$receiver_id"' EXIT
for _ in $(seq 300); do
  [ -s port.txt ] && break
  sleep 0.1
done

"$OLDPWD/$webhook" "http://127.0.0.1:$(cat port.txt)/hook" secret.txt >sent.txt
diff sent.txt - <<END
delivery 2: 204
delivery 1: 204
END
diff told.txt - <<END
deployment 1 production created
deployment_status 1 production success
END

# Who does not know the secret is believed nothing.
[ "$(python3 - "http://127.0.0.1:$(cat port.txt)/hook" <<'END'
import sys, urllib.error, urllib.request
for headers in ({}, {"X-Hub-Signature-256": "sha256=" + "0" * 64}):
    try:
        urllib.request.urlopen(urllib.request.Request(sys.argv[1], b"{}", headers))
    except urllib.error.HTTPError as error:
        print(error.code)
END
)" = $'401\n401' ]
[ "$(wc -l <told.txt)" = 2 ]

if "$OLDPWD/$webhook" "ftp://127.0.0.1/" secret.txt 2>error.txt; then exit 1; fi
grep -q 'webhook 1 does not begin with https:// or http://' error.txt
