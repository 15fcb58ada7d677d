"""For tests: the conformance suite of backends, backends that fail or count, and samples. Needs pytest.

`AsyncBackendSuite` and `BackendSuite` say how to run the suite on a backend of your own.
"""

import pytest

_SUITES = ("modulestore.testing._async.conformance", "modulestore.testing._sync.conformance")
pytest.register_assert_rewrite(*_SUITES)

from modulestore.testing._async.conformance import AsyncBackendSuite  # noqa: E402
from modulestore.testing._async.faults import CountingBackend as AsyncCountingBackend  # noqa: E402
from modulestore.testing._async.faults import FaultyBackend as AsyncFaultyBackend  # noqa: E402
from modulestore.testing._sync.conformance import BackendSuite  # noqa: E402
from modulestore.testing._sync.faults import CountingBackend, FaultyBackend  # noqa: E402
from modulestore.testing.crash import Crash  # noqa: E402

__all__ = [
    "AsyncBackendSuite",
    "AsyncCountingBackend",
    "AsyncFaultyBackend",
    "BackendSuite",
    "CountingBackend",
    "Crash",
    "FaultyBackend",
]
