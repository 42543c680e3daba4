"""People who take part, and the journal of what they were told.

Each person has an address of their own and a plan drawn from the seed: sign, register or write; confirm where a mail asks for it;
then perhaps take it back or have everything erased, by the links of their mails. An answer 2xx or 3xx is on disk in the journal,
with the address, before that person's next step.
"""

import http.client
import json
import os
import queue
import random
import re
import threading
import time

from cluster import ADDRESSES, WEB

OPEN, MAILED, EVENT, LETTER, IMPORTED = "open", "mailed", "assembly", "write", "imported"
CAPACITY = 60
IMPORT_LINES = 20
# An answer that takes longer is none.
PATIENCE_SECONDS = 30

FIRST_STEPS = {
    "sign": f"/api/v1/petitions/{OPEN}/signatures",
    "sign_by_mail": f"/api/v1/petitions/{MAILED}/signatures",
    "register": f"/api/v1/events/{EVENT}/attendances",
    "write": f"/api/v1/advocacy_campaigns/{LETTER}/outreaches",
}
SETUP = [
    ("PUT", "/api/v1/integrity", {"muster:per_network_hour": 1_000_000_000, "muster:per_domain_hour": 1_000_000_000, "muster:least_form_seconds": 0}),
    ("POST", "/api/v1/petitions", {"title": "Open", "muster:slug": OPEN, "muster:status": "published", "muster:confirmation": "none"}),
    ("POST", "/api/v1/petitions", {"title": "Mailed", "muster:slug": MAILED, "muster:status": "published", "muster:confirmation": "email"}),
    ("POST", "/api/v1/petitions", {"title": "Imported", "muster:slug": IMPORTED, "muster:status": "published"}),
    ("POST", "/api/v1/events", {"title": "Assembly", "muster:slug": EVENT, "muster:status": "published", "muster:confirmation": "email",
                                "capacity": CAPACITY, "muster:waitlist": True, "start_date": "2031-04-27T20:00:00-04:00",
                                "end_date": "2031-04-27T22:00:00-04:00", "timezone_identifier": "America/Toronto"}),
    ("POST", "/api/v1/offices", {"title": "Minister", "muster:slug": "minister", "muster:mailboxes": ["minister@office.example.org"],
                                 "muster:holder": {"given_name": "Ana", "family_name": "Roy"}}),
    ("POST", "/api/v1/advocacy_campaigns", {"title": "Write", "muster:slug": LETTER, "muster:status": "published", "muster:targets": ["minister"],
                                            "muster:letters": [{"locale": "en", "subjects": ["Act now"], "body": "Dear {{ target.salutation }},\n\nplease act."}]}),
    ("PUT", f"/api/v1/advocacy_campaigns/{LETTER}", {"muster:live": True}),
]


def request(host, method, path, body=None, token=None, kind=None):
    """Status, text and headers of an answer; status 0 where none came."""
    connection = http.client.HTTPConnection(ADDRESSES[host], 8080, timeout=PATIENCE_SECONDS)
    headers = {"OSDI-API-Token": token} if token else {}
    if isinstance(body, (dict, list)):
        body, kind = json.dumps(body), "application/json"
    if method == "POST":
        headers["Content-Type"] = kind or "application/x-www-form-urlencoded"
    elif kind:
        headers["Content-Type"] = kind
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf8", "replace"), answer.headers
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error), {}
    finally:
        connection.close()


class Person:
    def __init__(self, number, seed):
        chance = random.Random(f"{seed} {number}")
        self.number = number
        self.address = f"person-{number}@example.org"
        self.first = chance.choices(list(FIRST_STEPS), (4, 3, 2, 2))[0]
        last = {"register": (("cancel", 4), ("erase", 1), (None, 5)), "write": ((None, 1),)}
        last = last.get(self.first, (("withdraw", 2), ("erase", 1), (None, 7)))
        self.last = chance.choices([step for step, _ in last], [weight for _, weight in last])[0]
        self.party = chance.randint(1, 3)
        self.step = None  # that waits for a mail
        self.mails = set()
        self.asked_to_be_erased = False

    def details(self):
        person = {"given_name": "Ximena", "family_name": f"Writer-{self.number}", "email_addresses": [{"address": self.address}],
                  "postal_addresses": [{"postal_code": "M5S 2T9", "country": "CA"}], "preferred_language": "en"}
        return {"person": person, **({"muster:party_size": self.party} if self.first == "register" else {})}


class Load:
    """`rate` people begin in a second, on both web processes."""

    def __init__(self, run, token, seed, rate):
        self.run, self.token, self.seed, self.rate = run, token, seed, rate
        self.journal = open(f"{run}/journal", "a")
        self.lock = threading.Lock()
        self.people = {}  # address: person
        self.steps = queue.Queue()  # (person, step, path) whose mail has come
        self.last_number = 0
        self.no_more_people = threading.Event()
        self.ended = threading.Event()
        self.threads = []

    # --- the journal

    def record(self, host, step, address, begun, status, text):
        line = {"begun": begun, "ended": time.time(), "host": host, "step": step, "address": address, "status": status}
        if not 200 <= status < 400:
            line["says"] = text[:300]
        with self.lock:
            self.journal.write(json.dumps(line) + "\n")
            if "says" not in line:
                self.journal.flush()
                os.fsync(self.journal.fileno())

    def act(self, host, step, address, method, path, body=None, token=None, kind=None):
        begun = time.time()
        status, text, headers = request(host, method, path, body, token, kind)
        self.record(host, step, address, begun, status, text)
        return 200 <= status < 400, status, text, headers

    # --- people

    def set_up(self):
        """Makes the actions."""
        for method, path, body in SETUP:
            status, text, _ = request("web1", method, path, body, self.token)
            if status not in (200, 201):
                raise RuntimeError(f"{method} {path}: {status} {text}")

    def new_person(self):
        with self.lock:
            self.last_number += 1
            person = Person(self.last_number, self.seed)
            self.people[person.address] = person
        return person

    def begin(self, host, person):
        person.step = person.last if person.first == "sign" else "confirm"
        self.act(host, person.first, person.address, "POST", FIRST_STEPS[person.first], person.details())

    def keep_beginning(self, index, threads):
        """One of the threads in which people begin."""
        pause = threads / self.rate
        while not self.no_more_people.is_set():
            begun = time.monotonic()
            self.begin(WEB[index % 2], self.new_person())
            self.no_more_people.wait(max(0, pause - (time.monotonic() - begun)))

    def keep_visiting(self):
        """A new visitor each half second, however long those before have to wait."""
        turn = 0
        while not self.no_more_people.wait(0.5):
            turn += 1
            threading.Thread(target=self.begin, args=(WEB[turn % 2], self.new_person()), daemon=True).start()

    def keep_importing(self):
        """A file of people every ten seconds."""
        turn = 0
        while not self.no_more_people.wait(10):
            turn += 1
            host = WEB[turn % 2]
            addresses = [f"imported-{turn}-{line}@example.org" for line in range(IMPORT_LINES)]
            path = f"/api/v1/petitions/{IMPORTED}/imports"
            done, _, text, _ = self.act(host, "upload", f"import-{turn}", "POST", path, "\n".join(["email", *addresses]), self.token, "text/csv")
            if done:
                start = json.loads(text)["_links"]["muster:start"]["href"]
                start = start[start.index("/api/"):]
                self.act(host, "import", f"import-{turn}", "POST", start, {"mapping": {"email": "email"}, "dry_run": False}, self.token)

    # --- what their mails let them do

    def read_mails(self):
        """Gives each person the link that the next step needs."""
        with open(f"{self.run}/mail.jsonl") as file:
            while not self.ended.wait(0.2):
                while True:
                    place = file.tell()
                    line = file.readline()
                    if not line.endswith("\n"):
                        file.seek(place)
                        break
                    self.take_mail(json.loads(line))

    def take_mail(self, mail):
        person = self.people.get(mail["to"])
        link = next((link for link in mail["links"] if "/t/" in link), None)
        if person is None or link is None or mail["id"] in person.mails:
            return
        person.mails.add(mail["id"])
        step, person.step = person.step, None
        if step:
            self.steps.put((person, step, link[link.index("/t/"):]))

    def keep_following(self, index):
        """One of the threads that press buttons, again until that is answered well."""
        turn = index
        while not self.ended.is_set():
            try:
                person, step, path = self.steps.get(timeout=0.2)
            except queue.Empty:
                continue
            turn += 1
            host = WEB[turn % 2]
            # the thanks may come before the answer
            if step == "confirm":
                person.step = person.last
            if step == "erase":
                done, status = self.erase(host, person, path)
            else:
                done, status, _, _ = self.act(host, step, person.address, "POST", path)
            if not done and (status == 0 or status >= 500):
                self.ended.wait(0.3)
                self.steps.put((person, step, path))

    def erase(self, host, person, path):
        """By the link on the person's own page."""
        begun = time.time()
        status, page, _ = request(host, "GET", path)
        found = re.search(r'/t/[\w.~-]+(?="[^>]*>\s*Delete my data)', page)
        if found:
            person.asked_to_be_erased = True
            done, status, _, _ = self.act(host, "erase", person.address, "POST", found[0])
            return done, status
        # the page is gone after an answer of which nobody could be certain
        done = status == 410 and person.asked_to_be_erased
        self.record(host, "erase", person.address, begun, 200 if done else status, page)
        return done, status

    def start(self):
        threads = 24
        for index in range(threads):
            self.go(self.keep_beginning, index, threads)
        self.go(self.keep_visiting)
        self.go(self.keep_importing)
        self.go(self.read_mails)
        for index in range(8):
            self.go(self.keep_following, index)

    def go(self, what, *arguments):
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        thread.start()
        self.threads.append(thread)

    def is_idle(self):
        """Nobody has a button to press."""
        return self.steps.empty()

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS + 5)
        with self.lock:
            self.journal.flush()
