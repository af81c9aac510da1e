"""For all tests: Hypothesis asserts no duration, which a busy machine would fail."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "any machine",
    # With CI=1 that one tries the same examples each time.
    parent=settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")
