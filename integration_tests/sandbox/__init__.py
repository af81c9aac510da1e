"""A local Iterable API for tests and trials: the same data from the same seed, refusals, limits and faults included.

Its modules, ground first; each imports only what stands above it:

    settings, times                       what a sandbox can be; its clock, and the forms of times
    fixtures, limits                      JSON with placeholders, filled at random; Iterable's rate limits
    messages, server, faults              requests and responses; HTTP; what goes wrong on demand
    people, world, metrics                users; the things that the API lists; campaigns' numbers by day
    events, exports, jobs                 events of any window; what exports hold; export jobs
    core                                  all of these in one, and the parameters of a request
    rows, endpoints, export_endpoints     what an endpoint is; the tables of all of them
    hosts, sandbox, __main__              routes and checks; what tests hold; the program
"""

from .faults import Fault
from .messages import RequestLogEntry
from .sandbox import Sandbox
from .settings import NOW, SandboxSettings

__all__ = ["NOW", "Fault", "RequestLogEntry", "Sandbox", "SandboxSettings"]
