"""Hypothesis profiles, chosen by HYPOTHESIS_PROFILE, and the kernel to test. Fixtures live with their layer.

No profile has a deadline: a slow machine is not a failure.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

_PATIENT = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=_PATIENT
)
settings.register_profile(
    "nightly", max_examples=2_000, deadline=None, suppress_health_check=_PATIENT
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kernel", help="a compiled kernel to test in place of the installed one")


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.getoption("--kernel")
    if chosen:
        from mvc.store.kernel import native

        native.PATH = os.path.abspath(chosen)
