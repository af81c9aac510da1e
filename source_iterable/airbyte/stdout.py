"""Stdout: messages of the protocol, a line each, and the log among them."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from threading import RLock
from typing import Any

import orjson

from source_iterable.config import Config
from source_iterable.errors import IterableError

# A message of the protocol, as its JSON.
Message = dict[str, Any]
LOGGER = logging.getLogger("airbyte")

_LEVELS = {
    logging.DEBUG: "DEBUG",
    logging.INFO: "INFO",
    logging.WARNING: "WARN",
    logging.ERROR: "ERROR",
    logging.CRITICAL: "FATAL",
}
_SECRET_OPTIONS = [
    name
    for name, option in Config.model_fields.items()
    if isinstance(option.json_schema_extra, dict) and option.json_schema_extra.get("airbyte_secret")
]
_secrets: list[str] = []
# Taken again by a line of the log from within a write: of a finalizer, say.
_lock = RLock()


def write(lines: bytes) -> None:
    """Write whole lines, and flush. Raises OSError."""
    with _lock:
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()


def line(message: Message) -> bytes:
    """A message as it is written."""
    try:
        return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a state written by hand, with a number over 64 bits, half a surrogate pair, or nested 255 deep
        return json.dumps(message).encode() + b"\n"


def hide(config: Mapping[str, Any]) -> None:
    """From now on, mask the secrets of this configuration in the log and in errors."""
    _secrets[:] = [str(config[name]) for name in _SECRET_OPTIONS if config.get(name)]


def _hidden(text: str) -> str:
    for secret in _secrets:
        text = text.replace(secret, "****")
    return text


def told(error: BaseException) -> str:
    """What users are told of an error."""
    return str(error) if isinstance(error, IterableError) else f"Unexpected error: {type(error).__name__}."


def error_message(error: BaseException, stream_name: str | None = None) -> Message:
    """The TRACE message of an error, of one stream or of the command."""
    content: dict[str, Any] = {
        "message": _hidden(told(error)),
        "internal_message": _hidden(str(error)),
        "stack_trace": _hidden("".join(traceback.format_exception(error))),
        "failure_type": error.failure if isinstance(error, IterableError) else "system_error",
    }
    if stream_name is not None:
        content["stream_descriptor"] = {"name": stream_name}
    return trace("ERROR", error=content)


def trace(kind: str, **content: Any) -> Message:
    """A TRACE message, of now."""
    return {"type": "TRACE", "trace": {"type": kind, "emitted_at": time.time() * 1000, **content}}


def log_to_stdout(debug: bool) -> None:
    """Write the log as messages from now on."""
    in_messages = os.environ.get("LOG_LEVEL", "").lower() == "debug"
    logging.basicConfig(format="%(message)s", handlers=[_Log(in_messages)], force=True)
    LOGGER.setLevel(logging.DEBUG if debug or in_messages else logging.INFO)
    LOGGER.debug("Debug logs enabled")


class _Log(logging.Handler):
    """Writes the log as the CDK does.

    Also DEBUG lines: with `in_messages`, which the platform asks for, as messages; else as lines that are none.
    """

    def __init__(self, in_messages: bool) -> None:
        super().__init__()
        self._in_messages = in_messages

    def emit(self, record: logging.LogRecord) -> None:
        text = _hidden(self.format(record))
        message: Message = {"type": "LOG", "log": {"level": _LEVELS.get(record.levelno, "INFO"), "message": text}}
        if record.levelno == logging.DEBUG:
            message["log"]["message"] += " ///\nExtra logs: {}"
            if not self._in_messages:
                message = {"type": "DEBUG", "message": text, "data": {}}
        # If stdout is closed or full, the next message ends the process.
        with suppress(OSError):
            write(line(message))
