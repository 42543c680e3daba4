#!/usr/bin/env python3
"""Takes every mail on 127.0.0.1:25 and writes it into a folder: its recipients, then its text, decoded.

    smtp_sink.py FOLDER
"""
import email
import email.policy
import pathlib
import socketserver
import sys

folder = pathlib.Path(sys.argv[1])


class Conversation(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        recipients = []
        self.say("220 sink")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8")
            elif verb == b"RCPT":
                recipients.append(line.decode().split("<")[1].split(">")[0])
                self.say("250 ok")
            elif verb == b"DATA":
                self.say("354 go on")
                self.keep(recipients)
                recipients = []
                self.say("250 taken")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def keep(self, recipients):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        text = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
        number = len(list(folder.iterdir()))
        (folder / f"{number}").write_text("\n".join(recipients) + "\n\n" + text)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", 25), Conversation).serve_forever()
