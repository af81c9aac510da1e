"""A local Iterable API for tests and trials: the same data from the same seed, refusals, limits and faults included.

Its modules, ground first; each imports only what stands above it:

    settings, times                       what a sandbox can be; its clock, and the forms of times
    fixtures                              JSON with placeholders, filled at random
    http, faults                          requests, responses and the server; what goes wrong on demand
    people, world                         users; the things that the API lists
    events, metrics, exports              events of any window; what is counted of them; what exports hold, and their jobs
    core                                  all of these in one; a request's parameters; the row of an endpoint
    endpoints, export_endpoints           the tables of all endpoints
    hosts, sandbox, __main__              routes, checks and rate limits; what tests hold; the program
"""

from .faults import Fault
from .http import RequestLogEntry
from .sandbox import Sandbox
from .settings import NOW, SandboxSettings

__all__ = ["NOW", "Fault", "RequestLogEntry", "Sandbox", "SandboxSettings"]
