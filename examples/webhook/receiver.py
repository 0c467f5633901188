#!/usr/bin/env python3
"""Receives webhooks, checks who they are from, and prints what they tell.

    receiver.py SECRET_FILE PORT_FILE
"""

import hashlib
import hmac
import http.server
import json
import sys

with open(sys.argv[1], "rb") as file:
    SECRET = file.readline().rstrip(b"\r\n")
if not SECRET:
    sys.exit(sys.argv[1] + " has no secret in its first line")
SEEN = set()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        # In constant time, and over the bytes as they came.
        if not hmac.compare_digest(expected, self.headers.get("X-Hub-Signature-256", "")):
            self.answer(401)
            return
        # What comes twice is answered like the first time, and done once.
        delivery = self.headers["X-GitHub-Delivery"]
        if delivery not in SEEN:
            SEEN.add(delivery)
            event = json.loads(body)
            state = event["deployment_status"]["state"] if "deployment_status" in event else "created"
            deployment = event["deployment"]
            print(self.headers["X-GitHub-Event"], deployment["id"], deployment["environment"], state, flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
    with open(sys.argv[2], "w", encoding="ascii") as file:
        file.write(str(server.server_port))
    server.serve_forever()
