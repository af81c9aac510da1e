"""For all tests: Hypothesis asserts no duration, which a busy machine would fail; what was imported is no garbage."""

import gc

from hypothesis import HealthCheck, settings

settings.register_profile(
    "any machine",
    # With CI=1 that one tries the same examples each time.
    parent=settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


def pytest_collection_finish() -> None:
    """Modules and thousands of cases stay: looking through them would take a third of a second each time."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Otherwise DuckDB calls what is frozen leaks, when the interpreter shuts down."""
    gc.unfreeze()
