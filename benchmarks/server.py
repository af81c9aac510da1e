"""Server: a local Iterable that exports one dataset as fast as the kernel sends it, in a separate process.

`python -m benchmarks.server KIND RECORDS START [FILE]` prints its port. With FILE, which holds the whole dataset, responses
are sent by sendfile(2), so that the server is not what is measured; without, blocks are generated as they are sent.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from benchmarks.data import Dataset
from benchmarks.kinds import KINDS
from integration_tests.sandbox.export_endpoints import files_page
from integration_tests.sandbox.http import error_body
from integration_tests.sandbox.times import window_ms

_FILES_A_PAGE = 10


class Server(ThreadingHTTPServer):
    """Serves `data`, from `file` if there is one. `answers` records when data was sent (time.monotonic)."""

    daemon_threads = True

    def __init__(self, data: Dataset, file: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.data = data
        self.file = file
        self.lock = threading.Lock()
        self.jobs: list[range] = []
        self.answers: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"  # ignore-https-check


class _Handler(BaseHTTPRequestHandler):
    """GET export/data.json, the export jobs, `lists`, and /bench/answers for the benchmark itself."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = url.path.removeprefix("/api").strip("/").split("/")
        if path == ["export", "data.json"]:
            self._send_blocks(self._window(query))
        elif path[0] == "files":
            self._send_blocks(range(int(path[1]), int(path[1]) + 1))
        elif path[0] == "export" and path[2:] == ["files"]:
            self._send_json(self._files(int(path[1]), query.get("startAfter", "")))
        elif path == ["lists"]:
            self._send_json({"lists": []})
        elif path == ["bench", "answers"]:
            self._send_json(self.server.answers)
        else:
            self._send_json(error_body(404), 404)

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.jobs.append(self._window(body))
            self._send_json({"jobId": len(self.server.jobs)})

    def do_DELETE(self) -> None:
        self._send_json({})

    def log_message(self, format: str, *args: Any) -> None:
        """No-op: requests are in `answers`."""

    def _window(self, query: Mapping[str, str]) -> range:
        if query["dataTypeName"] != self.server.data.kind.data_type:
            return range(0)
        end = query.get("endDateTime")
        return self.server.data.between(
            window_ms(query["startDateTime"]) // 1000, window_ms(end) // 1000 if end else self.server.data.end
        )

    def _files(self, job: int, start_after: str) -> dict[str, Any]:
        """A page of a job's files, ready at once: how long Iterable takes is not measured here."""
        names = [f"{number:08d}" for number in self.server.jobs[job - 1]]
        page = [name for name in names if name > start_after][:_FILES_A_PAGE]
        return files_page(job, "Completed", False, {name: f"{self.server.url}/files/{int(name)}" for name in page})

    def _send_json(self, value: Any, status: int = 200) -> None:
        body = orjson.dumps(value)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_blocks(self, blocks: range) -> None:
        data = self.server.data
        begun = time.monotonic()
        size = len(blocks) * data.block_bytes
        self.send_response(200)
        self.send_header("Content-Type", "application/x-json-stream")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        try:
            if self.server.file and size:
                with open(self.server.file, "rb") as file:
                    self.connection.sendfile(file, blocks.start * data.block_bytes, size)
            else:
                for number in blocks:
                    self.wfile.write(data.block(number))
        except (BrokenPipeError, ConnectionResetError):
            # The connector aborts a response over its spool limit, and requests smaller windows.
            self.close_connection = True
            size = -1
        answer = {"path": self.path, "bytes": size, "begun": begun, "last_byte": time.monotonic()}
        with self.server.lock:
            self.server.answers.append(answer)


def main() -> None:
    """Serve until killed."""
    title, records, start, *file = sys.argv[1:]
    kind = next(kind for kind in KINDS if kind.title == title)
    server = Server(Dataset(int(records), int(start), kind), file[0] if file else None)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
