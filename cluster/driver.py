"""Breaks a cluster under load and checks that nothing acknowledged was lost (cluster/README.md). Started by cluster/run.sh."""

import argparse
import collections
import signal
import sys
import threading
import time
import traceback

import check
from cluster import ADDRESSES, WEB, WORKERS, Cluster, Failed, http, wait_until
from faults import FAULTS, Fault
from load import Load

# Before the first fault, and after each, once the cluster is whole.
CALM_SECONDS = 6
SETTLE_SECONDS = 150


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="folder with Debian 13")
    parser.add_argument("--run", required=True, help="empty folder for what the run makes")
    parser.add_argument("--muster", required=True, help="the binary")
    parser.add_argument("--clock", required=True, help="libfaketime.so.1")
    parser.add_argument("--replication", choices=("synchronous", "asynchronous"), default="synchronous")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--rate", type=float, default=20, help="people who begin in a second")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    given = parser.parse_args()
    unknown = [name for name in given.faults if name not in FAULTS]
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)}. There are {', '.join(FAULTS)}.")
    return given


class Watch:
    """Asks /readyz of every process twice a second."""

    def __init__(self):
        self.answers = []  # (when it was answered, host, status)
        self.ended = threading.Event()
        for host in (*WEB, *WORKERS):
            threading.Thread(target=self.ask, args=(host,), daemon=True).start()

    def ask(self, host):
        while not self.ended.wait(0.5):
            status = http("GET", f"http://{ADDRESSES[host]}:9090/readyz")[0]
            self.answers.append((time.time(), host, status))


def memory(cluster):
    """Megabytes of each process of Muster."""
    used = {}
    for host in (*WEB, *WORKERS):
        with open(f"/proc/{cluster.processes[host].pid}/status") as file:
            used[host] = next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmRSS"))
    return used


def make_fault(cluster, name):
    print(f"==> {name}: {FAULTS[name].__doc__}", flush=True)
    fault = Fault(name, time.time())
    try:
        FAULTS[name](cluster, fault)
    except Failed as failed:
        fault.wrong.append(str(failed))
    fault.healed = time.time()
    try:
        wait_until("a cluster that is whole", 120, cluster.is_whole)
        wait_until("every process ready", 60, lambda: all(cluster.is_ready(host) for host in (*WEB, *WORKERS)))
        fault.note(f"whole, the primary is {cluster.leader()}")
    except Failed as failed:
        fault.wrong.append(str(failed))
    time.sleep(CALM_SECONDS)
    fault.recovered = time.time()
    return fault


def settle(cluster, load):
    """Waits until every mail has gone, and nobody has a button left to press. Mail that an outage has put off waits for up to five
    minutes: it is made due now."""
    def is_quiet():
        waiting = cluster.sql("SELECT count(*) FROM emails WHERE state IN ('queued', 'sending')")[0][0]
        jobs = cluster.sql("SELECT count(*) FROM jobs")[0][0]
        return waiting == jobs == "0" and load.is_idle()
    quiet = 0
    end = time.monotonic() + SETTLE_SECONDS
    # a mail that goes may bring the next step, and that another mail
    while quiet < 4 and time.monotonic() < end:
        time.sleep(1)
        cluster.sql("UPDATE emails SET due_at = now() WHERE state = 'queued' AND due_at > now()")
        quiet = quiet + 1 if is_quiet() else 0


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    cluster = Cluster(given.root, given.run, given.muster, given.clock, given.replication == "synchronous")
    begun = time.time()
    try:
        print(f"==> A cluster with {given.replication} replication, seed {given.seed}", flush=True)
        token = cluster.bring_up()
        print(f"    up in {time.time() - begun:.0f} s", flush=True)
        load = Load(given.run, token, given.seed, given.rate)
        load.set_up()
        cluster.sql("ALTER TABLE mail_lanes ALTER rate_per_hour SET DEFAULT 100000, ALTER burst SET DEFAULT 1000")
        watch = Watch()
        load_begun = time.time()
        load.start()
        time.sleep(CALM_SECONDS)
        pids = {host: cluster.processes[host].pid for host in (*WEB, "worker1")}
        faults = [make_fault(cluster, name) for name in given.faults or FAULTS]
        load.no_more_people.set()
        settle(cluster, load)
        load.end()
        watch.ended.set()
        restarted = [host for host, pid in pids.items() if cluster.processes[host].pid != pid or cluster.processes[host].poll() is not None]
        return report(cluster, given, token, faults, watch, time.time() - load_begun, restarted)
    finally:
        cluster.tear_down()


# What may happen to acts and mails of a time that the database has lost.
OF_A_LOST_TIME = {"lost", "without its mail", "letter not sent", "letter twice", "refused", "twice"}


def report(cluster, given, token, faults, watch, seconds, restarted):
    """Prints a table of the faults, and all that is wrong; returns the exit code."""
    history = check.History(given.run, faults)
    rows, lists = check.check_rows(history, token)
    mails, repeated = check.check_mails(history, lists)
    found = rows + mails + check.check_said(history, lists) + check.check_answers(history)
    wrong = check.check_numbers(cluster, token, lists) + check.check_bounds(cluster, given.run, seconds, memory(cluster))
    wrong += [f"{host} ended" for host in restarted]

    print(f"\n| {given.replication}: fault | longest gap | answers 503, none | acts lost | mails twice | /readyz wrong | first act after |")
    print("|---|---|---|---|---|---|---|")
    for fault in faults:
        mine = [(kind, what) for kind, what, cause in found if cause is fault]
        twice = sum(cause is fault for _, _, cause in repeated)
        may_lose = fault.loses or fault.fails_over and not cluster.synchronous
        wrong += [f"{fault.name}: {problem}" for problem in judge(history, watch, fault, mine, twice, may_lose)]

    done = collections.Counter(act["step"] for act in history.acts if check.is_done(act))
    uncertain = sum("uncertain" in check.states_of(lists, address) for address in list(lists["write"]))
    print(f"\nAcknowledged in {seconds:.0f} s: " + ", ".join(f"{step} {count}" for step, count in done.most_common()))
    print(f"Mails: {len(history.mails)}, letters uncertain: {uncertain}. Memory: "
          + ", ".join(f"{host} {used} MB" for host, used in memory(cluster).items()))
    for line in wrong:
        print(f"WRONG: {line}")
    print(f"{len(faults)} faults, {len(wrong)} wrong")
    return 1 if wrong else 0


def judge(history, watch, fault, found, twice, may_lose):
    """Prints a fault's line of the table; returns what is wrong."""
    acts = [act for act in history.acts if fault.begun <= act["ended"] <= fault.recovered]
    refused, unanswered = (sum(act["status"] == status for act in acts) for status in (503, 0))
    lost = sum(kind == "lost" for kind, _ in found)
    twice += sum(kind.startswith("letter twice") for kind, _ in found)
    readiness = [check.readiness_wrong(history, watch.answers, fault, host) for host in WEB]
    first = [check.success_after(history, fault, host) for host in WEB]
    told = "none" if None in first else f"{max(first):.1f} s"
    gap = check.longest_gap(history, fault)
    print(f"| {fault.name} | {gap:.1f} s | {refused}, {unanswered} | {lost} | {twice} | {max(map(max, readiness)):.1f} s | {told} |", flush=True)

    problems = list(fault.wrong)
    if None in first or max(first) > check.HEALED_SECONDS:
        problems.append(f"no act was taken within {check.HEALED_SECONDS} s after the fault: {told}")
    for host, (failing, working) in zip(WEB, readiness):
        if max(failing, working) > check.READY_WRONG_SECONDS:
            problems.append(f"/readyz of {host} said ready for {failing:.0f} s while acts failed, and not ready for {working:.0f} s while they worked")
    if unanswered:
        problems.append(f"{unanswered} acts got no answer")
    if fault.loses and not lost:
        problems.append("the database went back in time, and nothing was lost: the fault did not happen")
    kinds = collections.defaultdict(list)
    for kind, what in found:
        if not (may_lose and kind in OF_A_LOST_TIME):
            kinds[kind].append(what)
    return problems + [f"{len(whats)} {kind}: {', '.join(whats[:3])}" for kind, whats in kinds.items()]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed:
        traceback.print_exc()
        sys.exit(1)
