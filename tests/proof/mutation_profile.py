"""Hypothesis under mutation: a pytest plugin, with a profile that finds the same in every run, and stops at once."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutation",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=50,
    phases=[Phase.explicit, Phase.generate],  # that an example fails is enough: none is made smaller
    suppress_health_check=list(HealthCheck),
)
