"""How hypothesis searches: always the same examples, or new ones with `HYPOTHESIS_PROFILE=search`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large)

# The suite says the same for the same commit: a failure is never a matter of luck.
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=_CHECKS,
)
# To look for what nobody thought of: new examples each time, as many as HYPOTHESIS_EXAMPLES says.
settings.register_profile(
    "search",
    deadline=None,
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "1000")),
    suppress_health_check=_CHECKS,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
