"""A local Iterable API for tests and trials: the same data from the same seed, refusals, limits and faults included."""

from .faults import Fault
from .messages import RequestLogEntry
from .sandbox import Sandbox
from .settings import NOW, SandboxSettings

__all__ = ["NOW", "Fault", "RequestLogEntry", "Sandbox", "SandboxSettings"]
