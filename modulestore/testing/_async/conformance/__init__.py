"""What every storage backend must do, as tests to inherit from."""

from modulestore.testing._async.conformance.base import SuiteBase
from modulestore.testing._async.conformance.documents import DefinitionTests, StructureTests
from modulestore.testing._async.conformance.file_history import FileHistoryTests
from modulestore.testing._async.conformance.files import FileTests
from modulestore.testing._async.conformance.index import IndexTests
from modulestore.testing._async.conformance.records import RecordTests
from modulestore.testing._async.conformance.upkeep import UpkeepTests
from modulestore.testing._async.conformance.whole import WholeTests

__all__ = ["AsyncBackendSuite", "SuiteBase"]


class AsyncBackendSuite(
    IndexTests,
    StructureTests,
    DefinitionTests,
    FileTests,
    FileHistoryTests,
    RecordTests,
    UpkeepTests,
    WholeTests,
):
    """The conformance suite: inherit from it, and say where a fresh database is and how it is opened.

    ::

        class TestMyBackend(AsyncBackendSuite):
            @pytest.fixture
            def place(self, tmp_path):
                return tmp_path / "store"

            async def open(self, place):
                return await open_my_backend(place)

    Asynchronous tests carry the mark of anyio's pytest plugin, which runs them.
    """
