"""Records."""

from __future__ import annotations

import pytest

from modulestore._async.ports import Backend, Record
from modulestore._async.waiting import race
from modulestore.errors import DocumentTooLarge, InvalidInput
from modulestore.testing._async.conformance.base import SuiteBase
from modulestore.testing.samples import MOMENT

__all__ = ["RecordTests"]

VALUE = {
    "text": "über 字 \x00",
    "number": 2**53 + 1,
    "fraction": 0.1,
    "flags": [True, False, None],
    "when": MOMENT,
    "nested": {"a.b": {"$set": "$x"}, "": {}, "list": [[], [{"deep": MOMENT}]]},
}


@pytest.mark.anyio
class RecordTests(SuiteBase):
    """The port `Records`."""

    async def test_record_that_is_not_there(self, backend: Backend) -> None:
        assert await backend.records.get("tag", "a") is None
        assert await backend.records.list("tag") == []
        record = Record("tag", "a", 1, {})
        assert await backend.records.swap(record, {}) is False
        assert await backend.records.delete(record) is False
        assert await backend.records.get("tag", "a") is None

    async def test_record_comes_back_as_it_was(self, backend: Backend) -> None:
        assert await backend.records.put_if_absent("tag", "köy/with $strange.parts", VALUE) is True
        record = await backend.records.get("tag", "köy/with $strange.parts")
        assert record == Record("tag", "köy/with $strange.parts", 1, VALUE)
        assert record is not None
        assert list(record.value) == list(VALUE)

    async def test_record_that_is_there_is_left_as_it_is(self, backend: Backend) -> None:
        await backend.records.put_if_absent("tag", "a", {"n": 1})
        assert await backend.records.put_if_absent("tag", "a", {"n": 2}) is False
        assert await backend.records.get("tag", "a") == Record("tag", "a", 1, {"n": 1})

    async def test_swap_replaces_the_value_and_counts(self, backend: Backend) -> None:
        await backend.records.put_if_absent("tag", "a", {"old": 1})
        assert await backend.records.swap(Record("tag", "a", 1, {}), VALUE) is True
        assert await backend.records.get("tag", "a") == Record("tag", "a", 2, VALUE)

    async def test_swap_of_another_revision_does_nothing(self, backend: Backend) -> None:
        await backend.records.put_if_absent("tag", "a", {"n": 1})
        for revision in (0, 2):
            assert await backend.records.swap(Record("tag", "a", revision, {"n": 1}), {"n": 2}) is False
        assert await backend.records.get("tag", "a") == Record("tag", "a", 1, {"n": 1})

    async def test_delete_goes_by_the_revision(self, backend: Backend) -> None:
        await backend.records.put_if_absent("tag", "a", {"n": 1})
        await backend.records.swap(Record("tag", "a", 1, {}), {"n": 2})
        assert await backend.records.delete(Record("tag", "a", 1, {"n": 2})) is False
        assert await backend.records.delete(Record("tag", "a", 2, {})) is True
        assert await backend.records.get("tag", "a") is None
        assert await backend.records.put_if_absent("tag", "a", {}) is True

    async def test_records_are_listed_by_key_and_kind(self, backend: Backend) -> None:
        keys = ["b", "a", "ä", "字", "B", "a/b"]
        for key in keys:
            await backend.records.put_if_absent("tag", key, {"key": key})
        for kind in ("ta", "tagg", "tag0", "tag/a", "TAG"):
            await backend.records.put_if_absent(kind, "x", {})
        expected = [Record("tag", key, 1, {"key": key}) for key in sorted(keys)]
        assert await backend.records.list("tag") == expected

    async def test_value_that_cannot_be_stored(self, backend: Backend) -> None:
        await backend.records.put_if_absent("tag", "a", {"n": 1})
        record = Record("tag", "a", 1, {"n": 1})
        too_large = {"text": "x" * (backend.max_document + 1)}
        for value, error in (
            ({"n": 2**64}, InvalidInput),
            ({"n": object()}, InvalidInput),
            (too_large, DocumentTooLarge),
        ):
            with pytest.raises(error):
                await backend.records.put_if_absent("tag", "b", value)
            with pytest.raises(error):
                await backend.records.swap(record, value)
        assert await backend.records.list("tag") == [record]

    async def test_of_many_puts_at_once_one_wins(self, backend: Backend) -> None:
        put = backend.records.put_if_absent
        done = await race(*(lambda n=n: put("tag", "a", {"n": n}) for n in range(6)))
        assert done.count(True) == 1
        assert await backend.records.get("tag", "a") == Record("tag", "a", 1, {"n": done.index(True)})

    async def test_of_many_swaps_at_once_one_wins(self, backend: Backend) -> None:
        await backend.records.put_if_absent("tag", "a", {"n": -1})
        swap = backend.records.swap
        for revision in range(1, 6):
            record = Record("tag", "a", revision, {})
            done = await race(*(lambda n=n, record=record: swap(record, {"n": n}) for n in range(6)))
            assert done.count(True) == 1
            stored = Record("tag", "a", revision + 1, {"n": done.index(True)})
            assert await backend.records.get("tag", "a") == stored
