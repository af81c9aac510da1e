"""A sandbox in Iterable's place, for programs that take nothing but their environment: they reach it at
https://api.iterable.com and its files at Amazon, and no other host.
"""

from __future__ import annotations

import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from integration_tests.connector import time_text
from integration_tests.sandbox import Sandbox

API, FILES = "api.iterable.com", "files.s3.amazonaws.com"


@contextmanager
def in_place_of_iterable(sandbox: Sandbox, folder: Path) -> Iterator[dict[str, str]]:
    """Yields the variables that lead there: a proxy and its certificate, made in `folder`; and a key and a start date."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN={API}"
    subprocess.run(
        [*command.split(), "-addext", f"subjectAltName=DNS:{API},DNS:{FILES}"], check=True, capture_output=True
    )
    certificate.chmod(0o644)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    servers = {API: urlsplit(sandbox.base_url), FILES: urlsplit(sandbox.files_url)}
    sandbox.core.files_url = f"https://{FILES}/"

    class Proxy(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked = self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            address = servers.get(asked.decode().removeprefix("CONNECT ").partition(":443 ")[0])
            if address is None:
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with (
                suppress(OSError),
                tls.wrap_socket(self.connection, server_side=True) as client,
                socket.create_connection((address.hostname, address.port)) as server,
            ):
                threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
                _pass_on(server, client)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield {
                "HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}",
                "NO_PROXY": "localhost,127.0.0.1",
                "REQUESTS_CA_BUNDLE": str(certificate),
                "ITERABLE_API_KEY": sandbox.settings.api_key,
                "ITERABLE_START_DATE": time_text(sandbox.now() - timedelta(days=2)),
            }
        finally:
            proxy.shutdown()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Until the end of what one side has to say."""
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
