"""receivers -- where alerts go in tests: a webhook and a mail server on loopback that keep what they get."""

import json
import socketserver
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Webhook:
    """A webhook as Slack's."""

    def __init__(self):
        self.got: list[tuple[str, str]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.got.append((self.path, body["text"]))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


class MailServer:
    """As much of SMTP as a client needs to hand a letter over, with a password."""

    def __init__(self):
        self.got: list[tuple[list[str], str, str]] = []
        mails = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(f"{line}\r\n".encode())

            def handle(self):
                to = []
                self.say("220 here")
                while line := self.rfile.readline().decode().strip():
                    verb = line.split(" ")[0].upper()
                    if verb == "EHLO":
                        self.say("250-here")
                        self.say("250 AUTH PLAIN")
                    elif verb == "AUTH":
                        self.say("235 welcome")
                    elif verb == "RCPT":
                        to.append(line.partition("<")[2].partition(">")[0])
                        self.say("250 ok")
                    elif verb == "DATA":
                        self.say("354 go on")
                        lines = iter(self.rfile.readline, b".\r\n")
                        letter = message_from_bytes(b"".join(lines), policy=policy.default)
                        body = letter.get_body(("html", "plain")).get_content()
                        mails.got.append((to, letter["Subject"], body))
                        self.say("250 taken")
                    elif verb == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True


@contextmanager
def listening(kind):
    """Run a receiver until the block ends."""
    receiver = kind()
    threading.Thread(target=receiver.server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
