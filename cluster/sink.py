"""An SMTP relay that delivers nothing: one line of JSON in mail.jsonl for each mail that it has taken.

    python3 sink.py ADDRESS FOLDER

While the file `refuse` is in the folder it refuses every mail, as a relay that has blocked the account does.
"""

import asyncio
import email
import email.policy
import json
import os
import re
import sys
import time

ADDRESS, FOLDER = sys.argv[1:]
mails = open(f"{FOLDER}/mail.jsonl", "a", buffering=1)


def note(recipients, content):
    """Writes down who gets it, its links, and the writer whom a letter names."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    text = "".join(part.get_content() for part in mail.walk() if part.get_content_type() == "text/plain")
    links = [link.rstrip(".,;:") for link in re.findall(r"https?://[^\s<>\")]+", text)]
    writer = re.search(r"\bWriter-\d+\b", text)
    line = {"at": time.time(), "id": mail["Message-ID"], "to": recipients[0], "links": links, "writer": writer and writer[0]}
    mails.write(json.dumps(line) + "\n")


async def converse(reader, writer):
    recipients = []
    writer.write(b"220 relay ESMTP\r\n")
    try:
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-relay\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n")
            elif verb == b"MAIL" and os.path.exists(f"{FOLDER}/refuse"):
                writer.write(b"550 5.7.1 Account suspended\r\n")
            elif verb == b"MAIL":
                recipients = []
                writer.write(b"250 2.1.0 ok\r\n")
            elif verb == b"RCPT" and os.path.exists(f"{FOLDER}/refuse"):
                writer.write(b"503 5.5.1 no MAIL\r\n")
            elif verb == b"RCPT":
                recipients.append(re.search(rb"<(.*)>", line)[1].decode())
                writer.write(b"250 2.1.5 ok\r\n")
            elif verb == b"DATA" and not recipients:
                writer.write(b"503 5.5.1 no RCPT\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await writer.drain()
                content = b""
                while (line := await reader.readline()) not in (b".\r\n", b""):
                    content += line[1:] if line.startswith(b".") else line
                if not line:
                    return
                note(recipients, content)
                recipients = []
                writer.write(b"250 2.0.0 queued\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 2.0.0 bye\r\n")
                await writer.drain()
                return
            else:
                recipients = [] if verb == b"RSET" else recipients
                writer.write(b"250 2.0.0 ok\r\n")
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(converse, ADDRESS, 2525, limit=1 << 20)
    await server.serve_forever()


asyncio.run(main())
