"""What the journal, the mails and the database must agree on after a run."""

import bisect
import collections
import csv
import io
import json
import re

from cluster import WEB, WORKERS
from load import CAPACITY, EVENT, IMPORT_LINES, IMPORTED, LETTER, MAILED, OPEN, request

# Where a first step's row is found, and in which states it may be.
ROWS = {
    "sign": (f"petitions/{OPEN}/signatures", {"counted"}),
    "sign_by_mail": (f"petitions/{MAILED}/signatures", {"pending", "counted"}),
    "register": (f"events/{EVENT}/attendances", {"pending", "accepted", "waitlisted"}),
    "write": (f"advocacy_campaigns/{LETTER}/outreaches", {"pending", "held", "queued", "sent", "failed", "uncertain"}),
}
AFTER_CONFIRMATION = {
    "sign_by_mail": {"counted"},
    "register": {"accepted", "waitlisted"},
    "write": {"held", "queued", "sent", "failed", "uncertain"},
}
# A process answers /readyz for no longer than this otherwise than its writes go (docs/operations.md).
READY_WRONG_SECONDS = 10
HEALED_SECONDS = 30
MEMORY_MEGABYTES = 300
DEAD_ROWS = 30_000
LOG_LINES_PER_SECOND = 5


class History:
    """The journal, read from the disk, with the faults' times."""

    def __init__(self, run, faults):
        self.faults = faults
        with open(f"{run}/journal") as file:
            self.acts = [json.loads(line) for line in file]
        with open(f"{run}/mail.jsonl") as file:
            self.mails = [json.loads(line) for line in file if line.endswith("\n")]
        self.done = collections.defaultdict(dict)  # address: step: when it was acknowledged
        self.tried = collections.defaultdict(set)  # address: steps
        for act in self.acts:
            self.tried[act["address"]].add(act["step"])
            if is_done(act):
                self.done[act["address"]].setdefault(act["step"], act["ended"])

    def fault_at(self, time):
        """The fault by which something acknowledged or sent at that time can have been lost: the first that ended later."""
        return next((fault for fault in self.faults if time <= fault.recovered), self.faults[-1])


def is_done(act):
    return 200 <= act["status"] < 400


def export(path, token):
    """Rows of a list by the address, in every state: [(state, party)]."""
    for _ in range(10):
        status, text, _ = request("web1", "GET", f"/api/v1/exports/{path}.csv?state=all", token=token)
        if status == 200:
            break
    else:
        raise RuntimeError(f"{path}: {status} {text[:200]}")
    rows = collections.defaultdict(list)
    for row in csv.DictReader(io.StringIO(text.lstrip("\ufeff"))):
        rows[row["email"]].append((row["state"], int(row.get("party_size") or 1)))
    return rows


def check_rows(history, token):
    """(kind, address, fault) of what was acknowledged and is not so."""
    found = []
    lists = {step: export(path, token) for step, (path, _) in ROWS.items()}
    for address, done in history.done.items():
        first = next((step for step in ROWS if step in done or step in history.tried[address]), None)
        if first is None:
            continue
        rows = lists[first][address]
        states = {state for state, _ in rows}
        live = states & ROWS[first][1]
        undone = {"withdraw", "cancel", "erase"} & history.tried[address]
        miss = lambda kind, step: found.append((kind, address, history.fault_at(done[step])))
        if first in done and not live and not undone:
            miss("lost", first)
        elif "confirm" in done and not undone and not states & AFTER_CONFIRMATION[first]:
            miss("lost", "confirm")
        if {"withdraw", "cancel"} & done.keys() and live:
            miss("lost", next(step for step in ("withdraw", "cancel") if step in done))
        if "erase" in done and rows:
            miss("lost", "erase")
        if len(rows) > 1:
            miss("twice", first)
    imported = export(f"petitions/{IMPORTED}/signatures", token)
    for address, done in history.done.items():
        if "import" in done:
            number = address.split("-")[1]
            for line in range(IMPORT_LINES):
                rows = imported[f"imported-{number}-{line}@example.org"]
                if len(rows) != 1:
                    found.append(("lost" if not rows else "twice", f"{address} line {line}", history.fault_at(done["import"])))
    return found, lists


def check_said(history, lists):
    """A 503 tells the truth: what is said not to be done has no row, and "not certain" is not said where nothing can have been sent."""
    found = []
    for act in history.acts:
        if act["status"] != 503:
            continue
        says = act.get("says", "")
        if "not done" in says and act["step"] in ROWS and lists[act["step"]][act["address"]]:
            found.append(("said not done, and was", act["address"], history.fault_at(act["ended"])))
        for fault in history.faults:
            if "not certain" in says and any(begin <= act["begun"] and act["ended"] <= end for begin, end in fault.nothing_sent):
                found.append(("said not certain, and nothing was sent", act["address"], fault))
    return found


def writer_of(address):
    """The name by which a letter tells who wrote it."""
    return address.split("@")[0].replace("person", "Writer")


def states_of(lists, address):
    """States of a person's letter."""
    return {state for state, _ in lists["write"][address]}


def check_mails(history, lists):
    """Each acknowledged act has its mail; no letter arrives twice, unless it was `uncertain`."""
    found = []
    mails = collections.defaultdict(set)
    letters = collections.defaultdict(list)
    for mail in history.mails:
        mails[mail["to"]].add(mail["id"])
        if mail["to"] == "minister@office.example.org":
            letters[mail["writer"]].append(mail)
    for address, done in history.done.items():
        steps = [step for step in done if step in ROWS or step in ("confirm", "cancel")]
        if "erase" in history.tried[address]:
            continue
        if len(mails[address]) < len(steps):
            found.append(("without its mail", address, history.fault_at(max(done[step] for step in steps))))
        # nobody knows whether an uncertain letter arrived: an organizer decides
        awaited = "write" in history.tried[address] and "confirm" in done and "uncertain" not in states_of(lists, address)
        if awaited and not letters[writer_of(address)]:
            found.append(("letter not sent", address, history.fault_at(done["confirm"])))
    for writer, copies in letters.items():
        address = writer.replace("Writer", "person") + "@example.org"
        if len(copies) > 1 and "uncertain" not in states_of(lists, address):
            cause = history.fault_at(copies[-1]["at"])
            early = cause.loses and copies[-1]["at"] < cause.accepted
            found.append(("letter twice before anybody looked" if early else "letter twice", writer, cause))
    counted = collections.Counter(mail["id"] for mail in history.mails if mail["to"] != "minister@office.example.org")
    again = [(mail_id, count) for mail_id, count in counted.items() if count > 1]
    last = {mail["id"]: mail["at"] for mail in history.mails}
    repeated = [("mail twice", mail_id, history.fault_at(last[mail_id])) for mail_id, _ in again]
    return found, repeated


def check_numbers(cluster, token, lists):
    """Counts equal rows, seats equal registrations, and nobody waits who fits."""
    found = []
    for path in (f"petitions/{OPEN}", f"petitions/{MAILED}", f"petitions/{IMPORTED}", f"events/{EVENT}", f"advocacy_campaigns/{LETTER}"):
        status, text, _ = request("web1", "POST", f"/api/v1/{path}/recount", {}, token)
        if status != 200 or json.loads(text)["muster:repaired"]:
            found.append(f"recount of {path}: {status} {text[:200]}")
    columns = "seats_taken, capacity, repeated_seats, waiting_parties, waiting_seats"
    taken, capacity, kept, parties, seats = (int(cell) for cell in cluster.sql(f"SELECT {columns} FROM events")[0])
    rows = [row for rows in lists["register"].values() for row in rows]
    accepted = sum(party for state, party in rows if state == "accepted")
    waiting = [party for state, party in rows if state == "waitlisted"]
    if not taken == accepted <= capacity == CAPACITY:
        found.append(f"{taken} seats are taken by the event's row, {accepted} by registrations, of {capacity}")
    if (parties, seats) != (len(waiting), sum(waiting)):
        found.append(f"{parties} parties with {seats} seats wait by the event's row, {len(waiting)} with {sum(waiting)} by registrations")
    first = cluster.sql("SELECT party_size FROM attendances WHERE state = 'waitlisted' ORDER BY waitlist_position LIMIT 1")
    if first and int(first[0][0]) <= capacity - taken - kept:
        found.append(f"a party of {first[0][0]} waits while {capacity - taken - kept} seats are free")
    states = cluster.sql("SELECT state, count(*) FROM emails WHERE state IN ('failed', 'queued', 'sending') GROUP BY 1")
    found.extend(f"{count} mails are {state}" for state, count in states)
    jobs = cluster.sql("SELECT kind, count(*) FROM jobs WHERE state = 'failed' GROUP BY 1")
    found.extend(f"{count} jobs {kind} failed" for kind, count in jobs)
    return found


def check_answers(history):
    """No 500, no refusal of a good act."""
    found = []
    for act in history.acts:
        if act["status"] >= 500 and act["status"] != 503:
            found.append((f"answered {act['status']}", f"{act['step']} {act['address']} {act.get('says', '')[:120]}", history.fault_at(act["ended"])))
        elif act["step"] == "upload" and "This upload was cancelled" in act.get("says", ""):
            pass  # somebody of the same organization was erased meanwhile (docs/states.md#import)
        elif 400 <= act["status"] < 500:
            found.append(("refused", f"{act['step']} {act['address']} {act['status']}", history.fault_at(act["ended"])))
    return found


def longest_gap(history, fault, host=None):
    """The longest time without an act acknowledged, from the fault's beginning until all is well again."""
    begin, end = fault.begun, fault.recovered
    times = sorted(act["ended"] for act in history.acts
                   if is_done(act) and act["step"] in ROWS and begin <= act["ended"] <= end and (host is None or act["host"] == host))
    times = [begin, *times, end]
    return max(later - sooner for sooner, later in zip(times, times[1:]))


def success_after(history, fault, host):
    """Seconds from the end of the fault to the first act acknowledged by a host; None where there was none."""
    times = [act["ended"] for act in history.acts if is_done(act) and act["host"] == host and act["begun"] >= fault.healed]
    return min(times) - fault.healed if times else None


def readiness_wrong(history, answers, fault, host):
    """The longest time for which /readyz said otherwise than acts went: (ready and failing, unready and working)."""
    good = sorted(act["ended"] for act in history.acts if is_done(act) and act["host"] == host and act["step"] in ROWS)
    bad = sorted(act["ended"] for act in history.acts if act["status"] in (0, 503) and act["host"] == host and act["step"] in ROWS)
    near = lambda times, at, within: bisect.bisect_left(times, at - within) < bisect.bisect_right(times, at + within)
    longest = [0, 0]
    began = [None, None]
    for at, asked, status in answers:
        if asked != host or not fault.begun <= at <= fault.recovered:
            continue
        works, fails = near(good, at, 1), near(bad, at, 3)
        wrong = (status == 200 and fails and not works, status != 200 and works and not fails)
        for index in (0, 1):
            if not wrong[index]:
                began[index] = None
            else:
                began[index] = began[index] or at
                longest[index] = max(longest[index], at - began[index])
    return longest


def check_bounds(cluster, run, seconds, memory):
    """Memory, rows that wait for VACUUM, and the log do not grow without end."""
    found = [f"{host} takes {used} MB" for host, used in memory.items() if used > MEMORY_MEGABYTES]
    for table, dead in cluster.sql("SELECT relname, n_dead_tup FROM pg_stat_user_tables ORDER BY 2 DESC LIMIT 1"):
        if int(dead) > DEAD_ROWS:
            found.append(f"{dead} dead rows in {table}")
    for host in (*WEB, *WORKERS):
        with open(f"{run}/log/{host}.log", errors="replace") as file:
            log = file.readlines()
        if len(log) > LOG_LINES_PER_SECOND * seconds:
            found.append(f"{len(log)} lines in the log of {host} in {seconds:.0f} s")
        found.extend(f"{host}: {line.strip()[:200]}" for line in log if re.search(r"panicked|http\.internal_error", line))
    return found
