"""A local Iterable API for tests and trials: the same data from the same seed, refusals, limits and faults included."""

from .faults import Fault
from .messages import RequestLogEntry
from .sandbox import Sandbox
from .settings import SandboxSettings

__all__ = ["Fault", "RequestLogEntry", "Sandbox", "SandboxSettings"]
