"""A backend whose every call is told to an observer."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from modulestore._async.ports import Backend
from modulestore._async.waiting import Call, monotonic
from modulestore._async.wrappers import Giving, WrappedBackend
from modulestore.observing.events import StorageCall
from modulestore.observing.hook import Observer

__all__ = ["ObservedBackend"]

T = TypeVar("T")

_DOCUMENTS: Final = frozenset(
    {
        "definitions.get_many",
        "definitions.put_many",
        "structures.get_many",
        "structures.put_many",
        "structures.replace_many",
    }
)


class ObservedBackend(WrappedBackend):
    """Like the backend that it wraps. The observer must not raise (`fan_out`).

    What has begun is told when it ends, however it ends: with an error, or because the caller was cancelled.
    """

    def __init__(self, backend: Backend, observe: Observer) -> None:
        super().__init__(backend, self._tell)
        self._observe = observe

    async def _tell(self, name: str, call: Call[T], /) -> T:
        began = monotonic()
        try:
            result = await call()
        except BaseException as error:
            at_end = isinstance(error, StopAsyncIteration)  # of a stream
            self._observe(StorageCall(name, monotonic() - began, None if at_end else type(error)))
            raise
        seconds = monotonic() - began
        documents, size = _moved(name, call.documents if isinstance(call, Giving) else result)
        self._observe(StorageCall(name, seconds, None, documents, size))
        return result


def _moved(name: str, moved: Any) -> tuple[int, int]:
    """How many documents or files a call has read or written, and their bytes."""
    if name in _DOCUMENTS:
        return len(moved), sum(map(len, moved.values()))
    if name in ("files.fetch", "files.read"):
        return 0, len(moved)
    if name == "files.put":
        return 1, moved.length
    if name == "files.put_many":
        return len(moved), sum(file.length for file in moved)
    return 0, 0
