"""For all tests: Hypothesis asserts no duration, which a busy machine would fail; requests_mock tells lengths."""

import io
from typing import Any

import requests_mock.response
from hypothesis import HealthCheck, settings
from urllib3 import HTTPResponse

settings.register_profile(
    "any machine",
    # With CI=1 that one tries the same examples each time.
    parent=settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


class _WithLength(HTTPResponse):
    """As it comes from a server that says how long its response is."""

    def __init__(self, body: Any = b"", **options: Any) -> None:
        super().__init__(body, **options)
        if isinstance(body, io.BytesIO) and self.length_remaining is None:
            self.length_remaining = len(body.getbuffer())


requests_mock.response.HTTPResponse = _WithLength
