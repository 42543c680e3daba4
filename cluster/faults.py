"""What is broken under load, and how it is mended. Each function returns when the cause is gone; the driver then waits until the cluster is
whole. Who may lose acts, and what must be said then, stands in `Fault`."""

import os
import shutil
import signal
import time
from dataclasses import dataclass, field

from cluster import ADDRESSES, COORDINATORS, DATABASES, PREPARED_STATEMENTS, WORKERS, Failed, http, send, wait_until, with_children

# Longer than Patroni takes to replace a primary.
OUTAGE_SECONDS = 30
FAULTS = {}


@dataclass
class Fault:
    """One fault of a run, with its times (seconds since 1970)."""

    name: str
    begun: float
    healed: float = 0  # its cause is gone
    recovered: float = 0  # all is well, and has been for a while
    # Times in which nothing can have reached the database.
    nothing_sent: list = field(default_factory=list)
    # The database went back in time: what was acknowledged since is lost, and mail may go again.
    loses: bool = False
    # When an operator let mail go on in a database that went back in time; before that nothing may go twice.
    accepted: float = 0
    # The database may lose the last acts unless a standby is synchronous.
    fails_over: bool = False
    # What must be so and is not.
    wrong: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def note(self, text):
        self.notes.append(text)
        print(f"    {time.strftime('%H:%M:%S')} {text}", flush=True)


def fault(function):
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def patroni(cluster, method, path, body=None):
    status, text = http(method, f"http://{ADDRESSES[cluster.primary()]}:8008/{path}", body, timeout=60)
    if status not in (200, 202):
        raise Failed(f"Patroni, {path}: {status} {text}")


@fault
def switchover(cluster, it):
    """Another server becomes the primary, in order."""
    it.fails_over = True
    leader = cluster.primary()
    patroni(cluster, "POST", "switchover", {"leader": leader})
    it.note(f"{leader} handed over to {cluster.primary()}")


@fault
def kill(cluster, it):
    """The primary's processes are killed: Postgres and Patroni."""
    it.fails_over = True
    leader = cluster.primary()
    send(signal.SIGKILL, cluster.database_processes(leader))
    cluster.stop(leader)
    it.note(f"{leader} killed")
    time.sleep(OUTAGE_SECONDS)
    cluster.start_database(leader)
    it.note(f"{leader} started")


def frozen(cluster, it, name, pids):
    send(signal.SIGSTOP, pids)
    it.note(f"{name} frozen")
    time.sleep(OUTAGE_SECONDS)
    send(signal.SIGCONT, pids)
    it.note(f"{name} thawed")


@fault
def freeze(cluster, it):
    """The primary's machine stands still: its connections stay open and say nothing."""
    it.fails_over = True
    leader = cluster.primary()
    frozen(cluster, it, leader, cluster.database_processes(leader))


@fault
def freeze_postgres(cluster, it):
    """Only Postgres stands still; Patroni beside it goes on."""
    it.fails_over = True
    leader = cluster.primary()
    frozen(cluster, it, f"Postgres of {leader}", with_children(cluster.postmaster(leader)))


@fault
def cut(cluster, it):
    """The primary's cable is pulled: packets vanish in both directions."""
    it.fails_over = True
    leader = cluster.primary()
    cluster.set_cable(leader, "down")
    it.note(f"{leader} cut off")
    time.sleep(OUTAGE_SECONDS)
    cluster.set_cable(leader, "up")
    it.note(f"{leader} back")


@fault
def etcd(cluster, it):
    """All three etcd are gone: Patroni's primary steps down."""
    for name in COORDINATORS:
        cluster.stop(name, signal.SIGKILL)
    it.note("etcd killed")
    time.sleep(20)
    cluster.start_coordinators()
    it.note("etcd started")


@fault
def pooler(cluster, it):
    """PgBouncer is killed, and started ten seconds later."""
    cluster.stop("pooler", signal.SIGKILL)
    gone = time.time()
    time.sleep(10)
    it.nothing_sent.append((gone, time.time()))
    cluster.start_pooler()
    it.note("PgBouncer killed and started")


@fault
def few_statements(cluster, it):
    """PgBouncer keeps 10 prepared statements for each connection; Muster has hundreds."""
    for number in (10, PREPARED_STATEMENTS):
        cluster.prepared_statements = number
        cluster.stop("pooler", signal.SIGINT)  # after the transactions that run
        cluster.start_pooler()
        it.note(f"PgBouncer restarted with max_prepared_statements = {number}")
        if number == 10:
            time.sleep(20)


@fault
def full(cluster, it):
    """The primary's volume is full."""
    it.fails_over = True
    leader = cluster.primary()
    filler = f"{cluster.volume(leader)}/filler"
    with open(filler, "wb") as file:
        free = os.statvfs(cluster.volume(leader)).f_bavail * 4096
        while free:
            try:
                os.posix_fallocate(file.fileno(), file.tell(), free)
                file.seek(free, os.SEEK_CUR)
            except OSError:
                free //= 2
    it.note(f"the volume of {leader} is full")
    time.sleep(OUTAGE_SECONDS)
    os.remove(filler)
    it.note(f"the volume of {leader} has room")


@fault
def keyring(cluster, it):
    """Root keys are rotated on one host, used once all have them; then the key file of a worker is away for 20 seconds."""
    cluster.command("web1", "keyring", "rotate")
    it.note("rotated on web1")
    time.sleep(5)
    if cluster.try_command("web1", "keyring", "activate").returncode == 0:
        it.wrong.append("keys that other hosts lack were activated")
    for host in ("web2", *WORKERS):
        cluster.copy_keys(host)
    # for ten minutes a process that was restarted counts as one without the new keys
    wait_until("the new keys on every host", 90, lambda: cluster.try_command("web1", "keyring", "activate").returncode == 0)
    it.note("activated once every host had them")
    file = f"{cluster.run}/worker1/keyring.json"
    os.rename(file, f"{file}.away")
    it.note("worker1 cannot read its keys")
    time.sleep(20)
    os.rename(f"{file}.away", file)
    it.note("worker1 can")


@fault
def clock(cluster, it):
    """The clock of a worker is 90 seconds ahead."""
    cluster.stop("worker2")
    cluster.start_muster("worker2", clock="+90s")
    it.note("worker2 is 90 s ahead")
    time.sleep(OUTAGE_SECONDS)
    skew = metric("worker2", "muster_clock_skew_seconds")
    if not 85 < abs(skew) < 95:
        it.wrong.append(f"muster_clock_skew_seconds of a worker 90 s ahead is {skew}")
    cluster.stop("worker2")
    cluster.start_muster("worker2")
    it.note("worker2 has the right time")


def metric(host, name):
    text = http("GET", f"http://{ADDRESSES[host]}:9090/metrics")[1]
    values = [float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)]
    return sum(values)


@fault
def relay(cluster, it):
    """The relay refuses the account for 20 seconds."""
    open(f"{cluster.run}/refuse", "w").close()
    it.note("the relay refuses")
    time.sleep(20)
    os.remove(f"{cluster.run}/refuse")
    accepts, sent = time.time(), sent_mails(cluster)
    it.note("the relay accepts")
    wait_until("mail again", 300, lambda: sent_mails(cluster) > sent)
    it.note(f"mail goes again after {time.time() - accepts:.0f} s")


@fault
def lag(cluster, it):
    """The primary reaches no standby for 30 seconds, and is then killed for as long: a standby takes its place, or waits for it."""
    it.fails_over = it.loses = not cluster.synchronous
    leader = cluster.primary()
    others = [name for name in DATABASES if name != leader]
    for name in others:
        cluster.set_route(leader, name, "add")
    it.note(f"{leader} reaches no standby")
    time.sleep(OUTAGE_SECONDS)
    send(signal.SIGKILL, cluster.database_processes(leader))
    cluster.stop(leader)
    it.note(f"{leader} killed")
    time.sleep(OUTAGE_SECONDS)
    it.note(f"the primary is {cluster.leader() or 'none'}")
    for name in others:
        cluster.set_route(leader, name, "del")
    cluster.start_database(leader)
    if not cluster.synchronous:
        accept_older_database(cluster, it)


@fault
def restore(cluster, it):
    """The database of 30 seconds ago takes the place of the present one, under running workers."""
    it.fails_over = it.loses = True
    leader = cluster.primary()
    snapshot = f"{cluster.volume(leader)}/snapshot"
    cluster.run_in_root("pg_basebackup", "-h", ADDRESSES[leader], "-U", "postgres", "-D", snapshot, "-X", "stream", "-c", "fast")
    it.note("copied")
    time.sleep(OUTAGE_SECONDS)
    for name in (*(name for name in DATABASES if name != leader), leader):
        cluster.stop(name, patience=60)
    for name in DATABASES:
        shutil.rmtree(f"{cluster.volume(name)}/data", ignore_errors=True)
    os.rename(snapshot, f"{cluster.volume(leader)}/data")
    cluster.start_database(leader)
    cluster.primary()
    for name in DATABASES:
        if name != leader:
            cluster.start_database(name)
    it.note(f"the copy is the primary on {leader}")
    accept_older_database(cluster, it)


def accept_older_database(cluster, it):
    """Mail must stand still until an operator has looked; then it goes on, also what was sent since."""
    wait_until("a standby", 90, cluster.is_whole)
    try:
        wait_until("the pause", 40, lambda: pauses(cluster))
    except Failed:
        it.wrong.append("the database went back in time and mail was not paused")
        return
    it.note(f"mail is paused: {pauses(cluster)}")
    sent = sent_mails(cluster)
    time.sleep(8)
    if sent_mails(cluster) != sent:
        it.wrong.append("mail was sent while the restore guard paused it")
    it.accepted = time.time()
    for host in WORKERS:
        cluster.command(host, "mail", "epoch", "--accept")
    it.note("an operator took the database for the newest")
    time.sleep(5)
    if pauses(cluster):
        it.wrong.append(f"mail is paused again: {pauses(cluster)}")
        for host in WORKERS:
            cluster.command(host, "mail", "epoch", "--accept")


def pauses(cluster):
    return ", ".join(reason for (reason,) in cluster.sql("SELECT reason FROM mail_pauses WHERE scope = 'everything'"))


def sent_mails(cluster):
    with open(f"{cluster.run}/mail.jsonl") as file:
        return sum(1 for _ in file)
