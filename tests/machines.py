"""Machines of one's own for tests: network namespaces where the rights allow it, else addresses.

Each has an address, starts processes and asks services from there, and can be cut off from the
database and joined again.
"""

import ctypes
import os
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

NEW_NETWORK = 0x40000000  # of setns(2)
NET = "10.77.0"


def rights():
    """Tell whether this process may make network namespaces."""
    try:
        made = subprocess.run(["ip", "netns", "add", f"try{os.getpid()}"], capture_output=True)
    except OSError:
        return False
    if made.returncode == 0:
        subprocess.run(["ip", "netns", "delete", f"try{os.getpid()}"], check=True)
    return made.returncode == 0


class Namespaces:
    """A hub, where the database is, and machines around it, each with a cable of its own."""

    def __init__(self, names):
        self._mark = f"v{os.getpid()}"
        self._hub = f"{self._mark}hub"
        self.machines = []
        self.database_host = f"{NET}.1"
        self.database_inside = ["ip", "netns", "exec", self._hub]
        _ip(f"netns add {self._hub}")
        try:
            _ip(f"-n {self._hub} link add br0 type bridge")
            _ip(f"-n {self._hub} addr add {NET}.1/24 dev br0")
            for device in ("lo", "br0"):
                _ip(f"-n {self._hub} link set dev {device} up")
            for number, name in enumerate(names, 2):
                self._add_machine(name, number)
        except BaseException:
            self.close()
            raise

    def _add_machine(self, name, number):
        space = f"{self._mark}{name}"
        _ip(f"netns add {space}")
        cable = f"-n {self._hub} link set dev {name}"
        self.machines.append(Machine(f"{NET}.{number}", space, cable))
        _ip(f"link add eth0 netns {space} type veth peer name {name} netns {self._hub}")
        _ip(f"-n {space} addr add {NET}.{number}/24 dev eth0")
        for where, device in ((space, "lo"), (space, "eth0"), (self._hub, f"{name} master br0")):
            _ip(f"-n {where} link set dev {device} up")

    def close(self):
        for machine in self.machines:
            machine.close()
            _ip(f"netns delete {machine.space}")
        _ip(f"netns delete {self._hub}")


class Machine:
    """One network namespace."""

    def __init__(self, address, space, cable):
        self.address, self.space, self._cable = address, space, cable
        self._threads = ThreadPoolExecutor(8, initializer=self._enter)

    def database_url(self, url):
        return url

    def start(self, command, **options):
        return subprocess.Popen(["ip", "netns", "exec", self.space, *command], **options)

    def ask(self, function, *arguments):
        """Call a function whose connections start from here; return what will be its result."""
        return self._threads.submit(function, *arguments)

    def cut(self):
        _ip(f"{self._cable} down")

    def join(self):
        _ip(f"{self._cable} up")

    def close(self):
        self._threads.shutdown()

    def _enter(self):
        space = os.open(f"/run/netns/{self.space}", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.setns(space, NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        os.close(space)


class Addresses:
    """The same on one machine: addresses of the loopback, cut off by what forwards to them."""

    database_host, database_inside = "127.0.0.1", ()

    def __init__(self, names):
        self.machines = [LoopbackMachine(f"127.0.0.{n}") for n, _ in enumerate(names, 2)]

    def close(self):
        for machine in self.machines:
            machine.close()


class LoopbackMachine:
    """An address, and a forwarder that stands for its cable to the database."""

    def __init__(self, address):
        self.address = address
        self._threads = ThreadPoolExecutor(8)
        self._connected = threading.Event()
        self._connected.set()
        self._entry = None

    def database_url(self, url):
        parts = urlsplit(url)
        if self._entry is None:
            self._entry = socket.create_server((self.address, 0))
            there = (parts.hostname, parts.port)
            threading.Thread(target=self._forward, args=(there,), daemon=True).start()
        own = f"{self.address}:{self._entry.getsockname()[1]}"
        return url.replace(f"{parts.hostname}:{parts.port}", own)

    def start(self, command, **options):
        return subprocess.Popen(command, **options)

    def ask(self, function, *arguments):
        return self._threads.submit(function, *arguments)

    def cut(self):
        self._connected.clear()

    def join(self):
        self._connected.set()

    def close(self):
        self._threads.shutdown()
        if self._entry is not None:
            self._entry.close()

    def _forward(self, there):
        while True:
            try:
                here, _ = self._entry.accept()
                pair = here, socket.create_connection(there, 5)
            except OSError:
                if self._entry.fileno() < 0:
                    return
                here.close()
                continue
            for one, other in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one, other):
        try:
            while data := one.recv(65_536):
                self._connected.wait()
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # else who waits at the other end is not woken
            end.close()


def _ip(arguments):
    subprocess.run(["ip", *arguments.split()], check=True, capture_output=True)
