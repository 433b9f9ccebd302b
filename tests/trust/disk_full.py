"""Fill the disk under each command, and see that it says so, loses nothing, and goes on later.

``python -m tests.trust.disk_full`` prints a table. The disk is a small tmpfs where this may be
mounted (root, or a user namespace); elsewhere, or with ``--limit``, a limit on the size of files.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import shutil
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from tests.trust.forks import in_child
from tests.trust.made import N_FIRST, World, item_id
from tests.trust.verdict import look_at
from tests.trust.web import KEY, form_of
from vitrine.service import Settings, create_app
from vitrine.service.keys import Keys, line_of

DISK_BYTES = 8 << 20
ROOMS = (0, 8_192, 40_000, 110_000, 250_000, 600_000)
"""Bytes that are left free when a command begins."""

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
PRIVATE, RECURSIVE, DETACH = 1 << 18, 1 << 14, 2
LIBC = ctypes.CDLL(None, use_errno=True)

SERVICE = "write over HTTP"
HEADERS = {"Authorization": f"Bearer {KEY}"}

COMMANDS: dict[str, list[str]] = {
    "create": [
        "create",
        "NEW",
        "TABLE0",
        "--encoder",
        "pixels",
        "--encoder-option",
        "n_components=6",
    ],
    "add": ["add", "SHOP", "TABLE1"],
    "remove": ["remove", "SHOP", *[item_id(n) for n in range(6)]],
    "retrain": ["retrain", "SHOP", "--encoder", "colour", "--encoder-option", "n_components=4"],
    "clusters": ["clusters", "SHOP", "-k", "2"],
    "ratings add": ["ratings", "add", "SHOP", "RATINGS"],
    "ratings fit": ["ratings", "fit", "SHOP", "--model", "ease"],
    "backup": ["backup", "SHOP", "COPY"],
    "export (Parquet)": ["export", "SHOP", "DISK/vectors.parquet"],
    "export (NumPy)": ["export", "SHOP", "DISK/vectors.npz"],
    "export (HDF5)": ["export", "SHOP", "DISK/vectors.h5"],
    "neighbours": ["neighbours", "SHOP", "-o", "DISK/neighbours.parquet"],
    SERVICE: [],
    "report": ["report", "SHOP", "-o", "DISK/report.html"],
}


def has_own_disk() -> bool:
    """Tell whether a small disk can be mounted here, for this process alone."""
    user, group = os.getuid(), os.getgid()
    flags = CLONE_NEWNS if user == 0 else CLONE_NEWNS | CLONE_NEWUSER
    if LIBC.unshare(flags) != 0:
        return False
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    return bool(LIBC.mount(b"none", b"/", None, PRIVATE | RECURSIVE, None) == 0)


class Disk:
    """A small tmpfs, filled up to so many bytes; it goes with the process that mounted it."""

    def __init__(self, where: Path) -> None:
        self.where = where
        where.mkdir()
        size = f"size={DISK_BYTES}".encode()
        if LIBC.mount(b"tmpfs", bytes(where), b"tmpfs", 0, size) != 0:
            raise OSError(ctypes.get_errno(), "cannot mount a tmpfs")
        self._ballast = where / "ballast"

    def leave(self, free: int) -> None:
        there = os.statvfs(self.where)
        with self._ballast.open("wb") as file:
            file.write(bytes(max(0, there.f_bavail * there.f_frsize - free)))

    def make_room(self) -> None:
        self._ballast.unlink()


class Limit:
    """No file may grow beyond so many bytes, in this process."""

    def __init__(self, where: Path) -> None:
        self.where = where
        where.mkdir()

    def leave(self, free: int) -> None:
        largest = max((f.stat().st_size for f in self.where.rglob("*")), default=0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (free, resource.RLIM_INFINITY))
        self.largest = largest

    def make_room(self) -> None:
        unlimited = resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))


def trial(world: World, truth: dict[str, Any], where: Path, name: str, free: int, how: str) -> Any:
    """Run a command with so much room, make room, look, and run it again; in a child."""
    disk: Disk | Limit = Disk(where) if how == "tmpfs" else Limit(where)
    if name == SERVICE:
        return service_trial(world, truth, disk, free)
    places = {
        "SHOP": world.copy(where / "shop"), "NEW": where / "new", "COPY": where / "copy",
        "TABLE0": world.tables[0], "TABLE1": world.tables[1], "RATINGS": world.ratings,
    }  # fmt: skip
    command = [str(places.get(word, word.replace("DISK", str(where)))) for word in COMMANDS[name]]
    disk.leave(free)
    code, said = run(command)
    reading, read = run(["similar", str(places["SHOP"]), item_id(20), "-k", "1"])
    disk.make_room()
    shop = places["NEW"] if name == "create" else places["SHOP"]
    faults = judge(name, places["SHOP"], truth)
    if code not in (0, 1) or (code == 1 and not says_what_to_do(said)):
        faults.append(f"it said, with {code}: {said}")
    if reading != 0 and not says_what_to_do(read):
        faults.append(f"asked while the disk was full, it said: {read}")
    left = [p.name for p in where.rglob("*") if p.name.endswith((".part", ".partial"))]
    faults += [f"{one} was left behind" for one in left]
    again, words = (0, "") if name == "remove" or (code == 0) else run(command)
    if again != 0:
        faults.append(f"again, with room: {words}")
    if shop.is_dir():
        faults += look_at(
            shop, truth if name != "create" else {"pixels 0": truth["created"]}
        ).faults()
    return {"refused": code == 1, "read": reading == 0, "faults": faults}


def service_trial(world: World, truth: dict[str, Any], disk: Disk | Limit, free: int) -> Any:
    """Write to a running service with so much room: it must say so, and answer all the while."""
    from starlette.testclient import TestClient

    shop = world.copy(disk.where / "shop")
    keys = Keys.parse(line_of(KEY, "write"), "test")
    app, faults = create_app(shop, Settings(keys=keys)), []
    with TestClient(app, base_url="http://localhost", headers=HEADERS) as client:
        disk.leave(free)
        body, kind = form_of(50)
        put = {"url": "/api/items/item-50", "content": body, "headers": {"Content-Type": kind}}
        answer = client.put(**put)
        if answer.status_code != 201 and (
            answer.status_code != 503 or "make room" not in answer.json()["detail"]
        ):
            faults.append(f"it answered {answer.status_code}: {answer.text}")
        read = client.get("/api/items/item-20/similar").status_code
        disk.make_room()
        if (again := client.put(**put).status_code) not in (200, 201):
            faults.append(f"with room it answered {again}")
    faults += judge("serve", shop, truth)
    return {"refused": answer.status_code == 503, "read": read == 200, "faults": faults}


def judge(name: str, shop: Path, truth: dict[str, Any]) -> list[str]:
    """Return what is wrong with the shop that was there before."""
    verdict = look_at(shop, truth)
    expected = {item_id(n) for n in range(6 if name == "remove" else 0, N_FIRST)}
    return verdict.faults() + [f"{i} is gone" for i in expected - set(verdict.versions)]


def says_what_to_do(said: str) -> bool:
    return "make room" in said and "Traceback" not in said and "fault of Vitrine" not in said


def run(command: list[str]) -> tuple[int, str]:
    from vitrine.cli.main import run as vitrine

    said = StringIO()
    with redirect_stderr(said), redirect_stdout(StringIO()):
        code = vitrine(command)
    return code, " ".join(said.getvalue().split())


def run_all(folder: Path, how: str, names: list[str], rooms: tuple[int, ...]) -> list[str]:
    """Try every command with every room; print a table, and return the faults."""
    world = World(folder)
    truth = in_child(folder, world.make)
    print(
        "| command | tried | refused clearly | read meanwhile | faults |\n|---|---:|---:|---:|---:|"
    )
    faults = []
    for name in names or COMMANDS:
        found = []
        for free in rooms:
            where = folder / "disk"
            try:
                found.append(in_child(folder, trial, world, truth, where, name, free, how))
            finally:
                LIBC.umount2(bytes(where), DETACH)  # fails, rightly, where nothing is mounted
                shutil.rmtree(where)
        own = [f"{name}, {free} bytes: {one}" for free, result in zip(rooms, found, strict=True)
               for one in result["faults"]]  # fmt: skip
        numbers = [len(found), *(sum(r[key] for r in found) for key in ("refused", "read"))]
        print(f"| {name} | {' | '.join(map(str, numbers))} | {len(own)} |", flush=True)
        faults += own
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", action="store_true", help="limit files even where root")
    parser.add_argument("--commands", nargs="*", default=[])
    parser.add_argument("--rooms", nargs="*", type=int, default=list(ROOMS))
    options = parser.parse_args()
    how = "tmpfs" if not options.limit and has_own_disk() else "limit"
    with tempfile.TemporaryDirectory(prefix="vitrine-full-") as folder:
        faults = run_all(Path(folder), how, options.commands, tuple(options.rooms))
    print(f"\nhow: {how}\n" + "\n".join(faults))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
