"""A real PostgreSQL server for tests, in a directory of its own, on loopback."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

USER, PASSWORD = "shopkeeper", "open-sesame"


class PostgresServer:
    """Started by making it; `stop` ends it and takes its directory away.

    As root it runs as Debian's user ``postgres``, for the server refuses root. `inside` is what
    puts a command into a network namespace.
    """

    def __init__(self, host="127.0.0.1", inside=(), fsync="off"):
        self.host = host
        self._bin = _programs()
        self._inside, self._fsync = inside, fsync
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="vitrine-postgres-"))
        self._schemas = count(1)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if self._user:
            owner = pwd.getpwnam(self._user)
            for path in (self._folder, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self.port = _free_port()
        self._run("initdb", "--no-sync", "-E", "UTF8", "--locale=C", "-U", USER, "-A",
                  "scram-sha-256", f"--pwfile={secret}")  # fmt: skip
        with open(self._folder / "data/pg_hba.conf", "a") as file:
            file.write(f"host all all {host}/24 scram-sha-256\n")
        self.start()

    @property
    def url(self):
        return f"postgresql://{USER}:{PASSWORD}@{self.host}:{self.port}/postgres"

    def new_shop(self):
        """Return the URL of a place where no shop is yet."""
        return f"{self.url}?schema=shop{next(self._schemas)}"

    def start(self):
        settings = {
            "listen_addresses": self.host, "port": self.port, "fsync": self._fsync,
            "unix_socket_directories": self._folder, "max_connections": 60,
            "shared_buffers": "64MB", "log_min_messages": "fatal",
        }  # fmt: skip
        options = [word for pair in settings.items() for word in ("-c", "=".join(map(str, pair)))]
        self._process = subprocess.Popen(
            [*self._inside, *self._as(), self._bin / "postgres", *options, "-D", "data"],
            cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 60
        while self._run("pg_isready", "-q", "-h", str(self._folder), check=False):
            assert self._process.poll() is None, "it has ended"
            assert time.monotonic() < until, "it did not start"
            time.sleep(0.05)

    def halt(self):
        """End it at once, as an operator does who restarts it: clients are cut off."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

    def stop(self):
        self.halt()
        shutil.rmtree(self._folder)

    def _run(self, program, *arguments, check=True):
        environment = {**os.environ, "PGDATA": str(self._folder / "data"), "PGPORT": str(self.port)}
        return subprocess.run(
            [*self._as(), self._bin / program, *arguments], check=check, cwd=self._folder,
            env=environment, stdout=subprocess.DEVNULL,
        ).returncode  # fmt: skip

    def _as(self):
        if self._user is None:
            return []
        return ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups"]


def _programs():
    found = list(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        return Path(shutil.which("initdb")).parent
    return max(found, key=lambda path: int(path.parent.name))


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
