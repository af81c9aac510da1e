"""The server: the API on one port and the storage host on another, in a thread of its own."""

import asyncio
import contextlib
import logging
import socket
import threading
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from .responses import SEVER


def listen(host: str, port: int) -> socket.socket:
    """A socket that already accepts connections, so that nobody has to wait for the server to be ready."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, every response waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(256)
    return sock


class Server:
    """Serves an application on each socket, from now on until closed."""

    def __init__(self, apps: dict[socket.socket, ASGIApp]) -> None:
        # Cut connections are made by raising; uvicorn would print each with a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        self._apps = {sock.getsockname()[1]: app for sock, app in apps.items()}
        self._sockets = list(apps)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True, name="sandbox-server")
        self._thread.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # An exception before the first byte of a response becomes a 500 in every ASGI server, and ASGI knows no other
        # way to close the connection. uvicorn's `send` belongs to an object that holds it; only this place knows.
        transport: asyncio.Transport | None = getattr(getattr(send, "__self__", None), "transport", None)
        if transport is not None:
            scope[SEVER] = transport.abort
        await self._apps[scope["server"][1]](scope, receive, send)

    async def _serve(self) -> None:
        options: dict[str, Any] = {"lifespan": "off", "log_config": None, "access_log": False, "server_header": False}
        server = uvicorn.Server(uvicorn.Config(self, timeout_keep_alive=75, **options))
        self._loop, serving = asyncio.get_running_loop(), asyncio.ensure_future(server.serve(self._sockets))
        self._cancel = serving.cancel
        self._ready.set()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        # uvicorn's own end takes two of its ticks, 0.2 seconds, which every test would wait for.
        for listener in getattr(server, "servers", ()):
            listener.close()
        for connection in list(server.server_state.connections):
            if transport := getattr(connection, "transport", None):
                transport.abort()

    def close(self) -> None:
        """Stop serving; connections that are still open are cut."""
        if self._ready.wait(timeout=10):
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(timeout=10)
        for sock in self._sockets:
            sock.close()
