"""The machines of the cluster, each a network namespace, and the processes on them.

A process is started here and stopped here, by its id. Files lie in the folder of the run, which the database's processes see
under the same name, although their root is another one (Debian 13).
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

DATABASES = ("db1", "db2", "db3")
COORDINATORS = ("etcd1", "etcd2", "etcd3")
WEB = ("web1", "web2")
WORKERS = ("worker1", "worker2")
ADDRESSES = {
    **{name: f"10.77.0.{i}" for i, name in enumerate(COORDINATORS, 2)},
    **{name: f"10.77.0.{i}" for i, name in enumerate(DATABASES, 11)},
    "balancer": "10.77.0.20",
    "pooler": "10.77.0.21",
    **{name: f"10.77.0.{i}" for i, name in enumerate(WEB, 31)},
    **{name: f"10.77.0.{i}" for i, name in enumerate(WORKERS, 41)},
    "relay": "10.77.0.50",
}
POSTGRES = "/usr/lib/postgresql/17/bin"
# Patroni's least: a primary that is gone is replaced after so many seconds.
TTL_SECONDS = 20
# Of each volume, which lies in memory.
VOLUME_MEGABYTES = 1024
PREPARED_STATEMENTS = 500

PATRONI = """\
scope: muster
name: {name}
restapi: {{listen: "{address}:8008", connect_address: "{address}:8008"}}
etcd3: {{hosts: [{etcd}]}}
bootstrap:
  dcs:
    ttl: {ttl}
    loop_wait: 2
    retry_timeout: 5
    maximum_lag_on_failover: 1073741824
    synchronous_mode: {synchronous}
    synchronous_mode_strict: {synchronous}
    postgresql:
      use_pg_rewind: true
      parameters:
        shared_buffers: 64MB
        max_connections: 200
        wal_log_hints: "on"
        max_wal_size: 256MB
        wal_keep_size: 128MB
        wal_sender_timeout: 10s
        tcp_keepalives_idle: 5
        tcp_keepalives_interval: 3
        tcp_keepalives_count: 3
        tcp_user_timeout: 15000
  initdb: [{{encoding: UTF8}}, {{locale: C.UTF-8}}]
postgresql:
  listen: "{address}:5432"
  connect_address: "{address}:5432"
  data_dir: {volume}/data
  bin_dir: {postgres}
  pgpass: {volume}/pgpass
  pg_hba: ["host all all 10.77.0.0/24 trust", "host replication all 10.77.0.0/24 trust"]
  parameters: {{unix_socket_directories: "", archive_mode: "off"}}
  basebackup: {{checkpoint: fast}}
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
  authentication: {{superuser: {{username: postgres}}, replication: {{username: postgres}}}}
"""

HAPROXY = """\
global
  maxconn 2000
defaults
  mode tcp
  timeout connect 3s
  timeout client 30m
  timeout server 30m
  timeout check 2s
  option clitcpka
  option srvtcpka
listen primary
  bind {address}:5000
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 1s fall 3 rise 1 on-marked-down shutdown-sessions
{servers}
"""

# By default PgBouncer waits 15 seconds after a failed connection: what a failover costs beyond itself.
PGBOUNCER = """\
[databases]
muster = host={balancer} port=5000 dbname=muster user=muster
[pgbouncer]
listen_addr = {address}
listen_port = 6432
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_prepared_statements = {prepared}
ignore_startup_parameters = extra_float_digits,options
default_pool_size = 60
max_client_conn = 500
server_login_retry = 1
server_connect_timeout = 5
server_check_delay = 5
query_wait_timeout = 10
"""


class Failed(Exception):
    """The cluster is not as it must be; the run cannot go on."""


def http(method, url, body=None, timeout=3):
    """Status and text of an answer; status 0 where there was none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def wait_until(what, seconds, condition):
    """The condition's first value that is true."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.25)


def with_children(pid):
    """A process and all below it."""
    children = {}
    for entry in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(entry) as file:
                own, rest = file.read().split(" ", 1)
        except OSError:
            continue
        children.setdefault(int(rest.rsplit(")", 1)[1].split()[1]), []).append(int(own))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found


def send(number, pids):
    """A signal to processes, of which some may have ended."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Cluster:
    def __init__(self, root, run, muster, clock, synchronous):
        self.root, self.run, self.muster, self.clock = root, run, muster, clock
        self.synchronous = synchronous
        self.processes = {}  # name: what runs under it
        self.prepared_statements = PREPARED_STATEMENTS
        os.makedirs(f"{run}/log")

    # --- machines

    def make_machines(self):
        """A switch, and a machine with one cable for each address. This process sits at the switch."""
        ip = lambda *arguments: subprocess.run(["ip", *arguments], check=True)
        ip("link", "set", "lo", "up")
        ip("link", "add", "switch", "type", "bridge")
        ip("address", "add", "10.77.0.1/24", "dev", "switch")
        ip("link", "set", "switch", "up")
        for name, address in ADDRESSES.items():
            ip("netns", "add", name)
            ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", name, "master", "switch", "up")
            ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")

    def set_cable(self, machine, state):
        """Packets of an unplugged (`down`) machine vanish; nobody is told."""
        subprocess.run(["ip", "link", "set", machine, state], check=True)

    def set_route(self, machine, to, verb):
        """`add`: the machine can send nothing to the other one; `del`: it can again."""
        subprocess.run(["ip", "-n", machine, "route", verb, "blackhole", f"{ADDRESSES[to]}/32"], check=True)

    # --- processes

    def start(self, name, machine, command, environment=None):
        """Starts a process on a machine; its output goes to log/NAME.log."""
        with open(f"{self.run}/log/{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                ["ip", "netns", "exec", machine, *command],
                cwd=self.run, env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def in_root(self, user, *command):
        return ["chroot", f"--userspec={user}", self.root, *command]

    def stop(self, name, number=signal.SIGTERM, patience=20):
        """Ends a process, in the end by SIGKILL."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def run_in_root(self, *command, user="postgres:postgres"):
        done = subprocess.run(self.in_root(user, *command), capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise Failed(f"{command[0]}: {done.stderr.strip()}")
        return done.stdout

    def volume(self, name):
        return f"{self.run}/{name}"

    def make_volume(self, name):
        os.makedirs(self.volume(name))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={VOLUME_MEGABYTES}m", name, self.volume(name)], check=True)
        # the mount of the run's folder in the root does not show what is mounted below it
        subprocess.run(["mount", "--bind", self.volume(name), self.root + self.volume(name)], check=True)

    def start_coordinators(self):
        peers = ",".join(f"{name}=http://{ADDRESSES[name]}:2380" for name in COORDINATORS)
        for name in COORDINATORS:
            client, peer = f"http://{ADDRESSES[name]}:2379", f"http://{ADDRESSES[name]}:2380"
            self.start(name, name, self.in_root(
                "root:root", "etcd", "--name", name, "--data-dir", f"{self.volume(name)}/data", "--log-level", "warn",
                "--heartbeat-interval", "300", "--election-timeout", "3000",
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", peers,
            ))
        wait_until("etcd", 30, lambda: all(
            http("GET", f"http://{ADDRESSES[name]}:2379/health")[0] == 200 for name in COORDINATORS))

    def configure_database(self, name):
        with open(f"{self.volume(name)}/patroni.yml", "w") as file:
            file.write(PATRONI.format(
                name=name, address=ADDRESSES[name], ttl=TTL_SECONDS, volume=self.volume(name), postgres=POSTGRES,
                etcd=", ".join(f'"{ADDRESSES[etcd]}:2379"' for etcd in COORDINATORS),
                synchronous=str(self.synchronous).lower()))
        self.run_in_root("chown", "-R", "postgres:postgres", self.volume(name), user="root:root")

    def start_database(self, name):
        self.start(name, name, self.in_root("postgres:postgres", "patroni", f"{self.volume(name)}/patroni.yml"))

    def start_pooler(self):
        with open(f"{self.run}/pgbouncer.ini", "w") as file:
            file.write(PGBOUNCER.format(address=ADDRESSES["pooler"], balancer=ADDRESSES["balancer"], prepared=self.prepared_statements))
        self.start("pooler", "pooler", self.in_root("postgres:postgres", "pgbouncer", f"{self.run}/pgbouncer.ini"))

    def start_balancer(self):
        servers = "\n".join(f"  server {name} {ADDRESSES[name]}:5432 check port 8008" for name in DATABASES)
        with open(f"{self.run}/haproxy.cfg", "w") as file:
            file.write(HAPROXY.format(address=ADDRESSES["balancer"], servers=servers))
        self.start("balancer", "balancer", self.in_root("root:root", "haproxy", "-db", "-f", f"{self.run}/haproxy.cfg"))

    def start_relay(self):
        here = os.path.dirname(os.path.abspath(__file__))
        self.start("relay", "relay", ["python3", f"{here}/sink.py", ADDRESSES["relay"], self.run])

    # --- Postgres

    def leader(self):
        """The primary by Patroni's word, or None."""
        return next((name for name in DATABASES if http("GET", f"http://{ADDRESSES[name]}:8008/primary", timeout=2)[0] == 200), None)

    def primary(self):
        """The primary, as soon as there is one."""
        return wait_until("a primary", 60, self.leader)

    def sql(self, statement, database="muster", host=None):
        """Rows of a statement as the administrator, on the primary unless told otherwise."""
        out = self.run_in_root(
            "psql", "-h", ADDRESSES[host or "balancer"], "-p", "5432" if host else "5000", "-U", "postgres", "-d", database,
            "-qAtX", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return [line.split("\t") for line in out.splitlines()]

    def answers(self, statement, host=None):
        """Rows of a statement; None where the server does not answer."""
        try:
            return self.sql(statement, "postgres", host)
        except Failed:
            return None

    def is_whole(self):
        """A primary and two standbys that follow it, one of them synchronous where that is wanted."""
        leader = self.leader()
        rows = leader and self.answers("SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming' ORDER BY 1", leader)
        return rows == [["async"], ["sync" if self.synchronous else "async"]]

    def postmaster(self, name):
        with open(f"{self.volume(name)}/data/postmaster.pid") as file:
            return int(file.readline())

    def database_processes(self, name):
        """Patroni's and Postgres' of a machine."""
        return with_children(self.processes[name].pid) + with_children(self.postmaster(name))

    # --- Muster

    def environment(self, host):
        pooled = f"postgres://muster@{ADDRESSES['pooler']}:6432/muster"
        direct = f"postgres://muster@{ADDRESSES['balancer']}:5000/muster"
        settings = {
            "DATABASE__DIRECT_URL": direct,
            "DATABASE__DURABILITY": "remote" if self.synchronous else "local",
            "HTTP__BIND": f"{ADDRESSES[host]}:8080",
            "HTTP__PUBLIC_URL": f"http://{ADDRESSES['web1']}:8080",
            "ADMIN__BIND": f"{ADDRESSES[host]}:9090",
            "KEYRING__FILE": f"{self.run}/{host}/keyring.json",
            "KEYRING__GENERATE": "false",
            "POSTGRES__DATA_ROOT": f"{self.run}/{host}/var",
            "GUARD__MODE": "off",
            "MAIL__TRANSPORT": "smtp",
            "MAIL__SMTP_URL": f"smtp://{ADDRESSES['relay']}:2525",
            "MAIL__FROM_DOMAIN": "muster.example.org",
            # an outage delays what was claimed before it by so many seconds
            "MAIL__LEASE_SECONDS": "30",
            # the bound on log lines is for what goes wrong
            "LOG__ACCESS_LINES_PER_SECOND": "0",
        }
        return {"MUSTER_PROFILE": "development", "DATABASE_URL": pooled, **{f"MUSTER__{key}": value for key, value in settings.items()}}

    def start_muster(self, host, clock=None):
        """Starts the process of a host; `clock`: its clock differs so much ("+90s")."""
        faked = {"LD_PRELOAD": self.clock, "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"} if clock else {}
        command = ["env", *(f"{key}={value}" for key, value in faked.items()), self.muster, "serve", "--role", host.rstrip("12")]
        self.start(host, host, command, self.environment(host))

    def is_ready(self, host):
        return http("GET", f"http://{ADDRESSES[host]}:9090/readyz")[0] == 200

    def try_command(self, host, *arguments, given="", settings=None):
        """Runs the command line of Muster on a host."""
        return subprocess.run(
            ["ip", "netns", "exec", host, self.muster, *arguments], input=given, capture_output=True, text=True, timeout=120,
            cwd=self.run, env={**os.environ, **self.environment(host), **(settings or {})})

    def command(self, host, *arguments, given="", settings=None):
        done = self.try_command(host, *arguments, given=given, settings=settings)
        if done.returncode:
            raise Failed(f"muster {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def migrate(self):
        """As an administrator, past the pooler."""
        balancer = ADDRESSES["balancer"]
        self.command("web1", "migrate", settings={
            "DATABASE_URL": f"postgres://muster@{balancer}:5000/muster",
            "MUSTER__DATABASE__MIGRATE_URL": f"postgres://postgres@{balancer}:5000/muster",
        })

    def copy_keys(self, to):
        """What an operator copies from the first host to another one."""
        os.makedirs(f"{self.run}/{to}", exist_ok=True)
        for name in ("keyring.json", "vault-keys.json"):
            shutil.copy(f"{self.run}/web1/{name}", f"{self.run}/{to}/{name}.new")
            os.chmod(f"{self.run}/{to}/{name}.new", 0o600)
            os.rename(f"{self.run}/{to}/{name}.new", f"{self.run}/{to}/{name}")

    # --- from nothing to ready, and back

    def bring_up(self):
        """Starts everything; returns a token of an owner."""
        self.make_machines()
        for name in (*COORDINATORS, *DATABASES):
            self.make_volume(name)
        self.start_coordinators()
        for name in DATABASES:
            self.configure_database(name)
            self.start_database(name)
        self.start_balancer()
        self.start_relay()
        wait_until("a primary with two standbys", 90, self.is_whole)
        wait_until("the balancer", 15, lambda: self.answers("SELECT 1"))
        self.sql("CREATE ROLE muster LOGIN", "postgres")
        self.sql("GRANT pg_monitor TO muster", "postgres")
        self.sql("CREATE DATABASE muster", "postgres")
        self.start_pooler()
        os.makedirs(f"{self.run}/web1")
        self.command("web1", "keyring", "init")
        self.migrate()
        for host in ("web2", *WORKERS):
            self.copy_keys(host)
        self.command("web1", "organizer", "add", "--email", "owner@example.org", "--name", "Owner", "--role", "owner",
                     "--password-stdin", given="a password of the cluster tests\n")
        self.command("web1", "organizer", "operator", "--email", "owner@example.org")
        token = self.command("web1", "token", "add", "--organizer", "owner@example.org", "--name", "cluster", "--scopes", "all")
        for host in WORKERS:
            self.command(host, "mail", "epoch", "--accept")
        for host in (*WEB, *WORKERS):
            self.start_muster(host)
        wait_until("Muster", 60, lambda: all(self.is_ready(host) for host in (*WEB, *WORKERS)))
        return token.splitlines()[-1].strip()

    def tear_down(self):
        """Ends what was started here, in an order in which nothing waits for another."""
        for host in (*WEB, *WORKERS):
            self.stop(host, patience=5)
        for name in ("pooler", "balancer", "relay"):
            self.stop(name)
        for name in DATABASES:
            if name in self.processes:
                pids = with_children(self.processes[name].pid)
                try:
                    pids += with_children(self.postmaster(name))
                except OSError:
                    pass
                send(signal.SIGKILL, pids)
                self.stop(name, signal.SIGKILL)
        for name in COORDINATORS:
            self.stop(name, signal.SIGKILL)
