"""Two servers in one thread: the API on one port, the storage host on another."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from .responses import SEVER

START_SECONDS = 10.0


def listen(host: str, port: int) -> socket.socket:
    """A socket that already accepts connections, so that nobody has to wait for the server to be ready."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, every answer waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(256)
    return sock


class Severable:
    """An application whose requests can close their connection before a byte of an answer is out.

    An exception that early becomes a 500 in every ASGI server, and ASGI knows no other way. uvicorn's `send` belongs to
    an object that holds the connection; this is the only place that knows.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport | None = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope[SEVER] = transport.abort
        await self._app(scope, receive, send)


class Servers:
    """Serves applications, each on its own socket, from now on until closed."""

    def __init__(self, apps: list[tuple[ASGIApp, socket.socket]]) -> None:
        # Cut connections are made by raising; uvicorn would print each with a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self._sockets = [sock for _, sock in apps]
        self._servers = [
            uvicorn.Server(
                uvicorn.Config(
                    Severable(app),
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    timeout_keep_alive=75,
                    timeout_graceful_shutdown=0,
                    server_header=False,
                )
            )
            for app, _ in apps
        ]
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True, name="sandbox-server")
        self._thread.start()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        stop = self._stop = asyncio.Event()
        pairs = zip(self._servers, self._sockets, strict=True)
        serving = [asyncio.ensure_future(server.serve(sockets=[sock])) for server, sock in pairs]
        self._ready.set()
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([stopping, *serving], return_when=asyncio.FIRST_COMPLETED)
        # uvicorn's own end takes two of its ticks, 0.2 seconds, which every test would wait for.
        for server in self._servers:
            for listener in getattr(server, "servers", ()):
                listener.close()
            for connection in list(server.server_state.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
        for task in (stopping, *serving):
            task.cancel()
        await asyncio.gather(stopping, *serving, return_exceptions=True)

    def close(self) -> None:
        """Stop serving; connections that are still open are cut."""
        if self._ready.wait(timeout=START_SECONDS) and self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=START_SECONDS)
        for sock in self._sockets:
            sock.close()
