"""What every test can use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.profiles import PROFILE

pytest_plugins = ["tests.server_notes", "tests.servers", "tests.memcached_servers", "tests.object_servers"]

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("stress", deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))
settings.load_profile(PROFILE)

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: the last ones should be short, so that all processes end together."""
    items.sort(key=lambda item: "tests/bench/" not in item.nodeid)


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio: pymongo's client needs it."""
    return "asyncio"


@pytest.fixture(scope="session")
def sample_course() -> str:
    """The folder of the project's own sample course."""
    return str(Path(__file__).resolve().parent.parent / "docs" / "examples" / "sample-course")
