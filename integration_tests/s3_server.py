"""S3Server: moto's S3 on this machine, whose requests can fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """What is answered instead: a status and S3's code of an error. `performed`: the request was carried out before."""

    status: int
    code: str = "AccessDenied"
    performed: bool = False


class S3Server:
    """Answers until the block ends. `fault` is asked for each request, by its method and path; None: it is answered."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log(self, *message: Any) -> None:
                return

        self.fault: Callable[[str, str], Fault | None] = lambda method, path: None
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> S3Server:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def make(self, bucket: str) -> None:
        """Make a bucket."""
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(bucket, "us-east-1")

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        fault = self.fault(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if fault is None:
            return self._moto(environ, start_response)
        if fault.performed:
            list(self._moto(environ, lambda *arguments: None))
        start_response(f"{fault.status} Fault", [("Content-Type", "application/xml"), ("Connection", "close")])
        return [f"<Error><Code>{fault.code}</Code><Message>{fault.code}</Message></Error>".encode()]
