"""A folder served as Hadoop's WebHDFS: a file system that Spark reads and writes, and Arrow not.

As much of the protocol as Hadoop's own client asks for:
https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

import json
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

PREFIX = "/webhdfs/v1"


class Handler(BaseHTTPRequestHandler):
    """Answers each operation for the folder ``server.folder``."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._prepare()
        if self.operation == "OPEN":
            return self._open()
        if not self.path_there.exists():
            return self._missing()
        if self.operation == "GETFILESTATUS":
            return self._json({"FileStatus": status(self.path_there, "")})
        if self.operation == "LISTSTATUS":
            paths = [self.path_there]
            if self.path_there.is_dir():
                paths = sorted(self.path_there.iterdir())
            names = [path.name if self.path_there.is_dir() else "" for path in paths]
            found = [status(*pair) for pair in zip(paths, names, strict=True)]
            return self._json({"FileStatuses": {"FileStatus": found}})
        if self.operation == "GETFILEBLOCKLOCATIONS":
            return self._json({"BlockLocations": {"BlockLocation": []}})
        return self._unsupported()

    def do_PUT(self):
        self._prepare()
        if self.operation == "CREATE" and "data" not in self.query:
            return self._send(307, b"", Location=f"http://{self.headers['Host']}{self.path}&data=1")
        if self.operation == "CREATE":
            self.path_there.parent.mkdir(parents=True, exist_ok=True)
            self.path_there.write_bytes(self.body)
            return self._send(201, b"")
        if self.operation == "MKDIRS":
            self.path_there.mkdir(parents=True, exist_ok=True)
        elif self.operation == "RENAME":
            target = self._on_disk(self.query["destination"][0])
            if not self.path_there.exists() or not target.parent.exists():
                return self._json({"boolean": False})
            target = target / self.path_there.name if target.is_dir() else target
            self.path_there.rename(target)
        elif self.operation not in ("SETPERMISSION", "SETTIMES"):
            return self._unsupported()
        return self._json({"boolean": True})

    def do_DELETE(self):
        self._prepare()
        there = self.path_there.exists()
        if self.path_there.is_dir():
            shutil.rmtree(self.path_there)
        elif there:
            self.path_there.unlink()
        return self._json({"boolean": there})

    def log_message(self, *_):
        pass

    def _prepare(self):
        length = self.headers.get("Content-Length")
        self.body = self.rfile.read(int(length)) if length else self._chunks()
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        self.operation = self.query["op"][0].upper()
        self.path_there = self._on_disk(unquote(parts.path).removeprefix(PREFIX))
        self.server.asked.append((self.operation, parts.path))

    def _chunks(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return b""
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _on_disk(self, path):
        return self.server.folder / path.lstrip("/")

    def _open(self):
        if not self.path_there.is_file():
            return self._missing()
        offset = int(self.query.get("offset", ["0"])[0])
        length = int(self.query["length"][0]) if "length" in self.query else -1
        with self.path_there.open("rb") as file:
            file.seek(offset)
            return self._send(200, file.read(length))

    def _missing(self):
        self._exception(404, "java.io.FileNotFoundException", f"{self.path_there} does not exist")

    def _unsupported(self):
        self._exception(400, "java.lang.UnsupportedOperationException", self.operation)

    def _exception(self, code, kind, message):
        said = {"exception": kind.rpartition(".")[2], "javaClassName": kind, "message": message}
        self._json({"RemoteException": said}, code)

    def _json(self, content, code=200):
        # Without a Content-Type, for which Spark's Hadoop client lacks a class.
        self._send(code, json.dumps(content).encode())

    def _send(self, code, content, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def status(path, name):
    facts, folder = path.stat(), path.is_dir()
    return {
        "pathSuffix": name, "type": "DIRECTORY" if folder else "FILE",
        "length": 0 if folder else facts.st_size,
        "modificationTime": int(facts.st_mtime * 1000), "accessTime": 0,
        "blockSize": 2**27, "replication": 1, "permission": "755", "owner": "shop",
        "group": "shop", "childrenNum": 0, "fileId": facts.st_ino,
    }  # fmt: skip


@contextmanager
def served(folder: Path):
    """Serve a folder until the context closes; yield its address and what was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.folder, server.asked = folder, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"webhdfs://127.0.0.1:{server.server_port}", server.asked
    finally:
        server.shutdown()
        server.server_close()
