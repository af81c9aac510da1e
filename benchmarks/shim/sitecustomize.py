"""Python runs this at its start (it is on PYTHONPATH): sends a peer's requests for Iterable to the benchmark's server.

It changes `requests` alone, from outside, and nothing of the peers.
"""

import os
from typing import Any

import requests

_send = requests.Session.send


def _send_to_server(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
    assert request.url is not None
    request.url = request.url.replace("https://api.iterable.com", os.environ["BENCHMARK_SERVER"], 1)
    return _send(self, request, **options)


if "BENCHMARK_SERVER" in os.environ:
    requests.Session.send = _send_to_server  # type: ignore[method-assign]
