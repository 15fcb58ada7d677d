"""Which migration steps apply to a database now, and if not, why not. Changes nothing."""

from __future__ import annotations

from modulestore._async.converting import CONVERSION
from modulestore._async.draft_courses import converted_sources
from modulestore._async.ports import Backend
from modulestore._async.preparing import FORMAT, schema_in
from modulestore._async.store_base import StoreBase
from modulestore.errors import CorruptDocument
from modulestore.formats.old_draft import decode_old_block
from modulestore.upkeep.migrations import load_steps
from modulestore.upkeep.steps import Step, StepStatus

__all__ = ["UpgradingStore"]


class UpgradingStore(StoreBase):
    """The part of the store that knows of migration steps."""

    async def upgrade_steps(self) -> list[StepStatus]:
        """Every migration step, in order, with whether it applies now, and why so. `upgrade` does those that
        are ``to do``; the others that could be done are done on request, by `convert` and
        `convert_old_courses`.

        Cost: a few round trips; one more reads the names of the courses in the platform's older store.
        """
        return [await _status(self._backend, step) for step in load_steps()]


async def _status(backend: Backend, step: Step) -> StepStatus:
    match step.kind:
        case "indexes":
            return await _indexes(backend, step)
        case "format":
            return await _format(backend, step)
        case "draft courses":
            return await _draft_courses(backend, step)


async def _indexes(backend: Backend, step: Step) -> StepStatus:
    missing = await backend.missing_indexes(step.indexes)
    if not missing:
        return StepStatus(step, "nothing to do", "no index is missing")
    reason = f"{len(missing)} of {len(step.indexes)} indexes are missing"
    return StepStatus(step, "to do", reason, indexes=tuple(missing))


async def _format(backend: Backend, step: Step) -> StepStatus:
    record = await backend.records.get(*FORMAT)
    if record is None and await backend.is_empty():
        return StepStatus(step, "nothing to do", "the database is empty")
    request = f"--format {step.schema}"
    schema = schema_in(record)
    if schema != step.schema:
        return StepStatus(step, "not asked for", f"versions are written in format {schema}", request)
    begun = await backend.records.get(*CONVERSION)
    if begun is not None and begun.value.get("schema") == step.schema:
        return StepStatus(step, "not asked for", "it was begun, and not finished", request)
    return StepStatus(step, "nothing to do", f"versions are written in format {schema} already")


async def _draft_courses(backend: Backend, step: Step) -> StepStatus:
    if backend.old_store is None:
        return StepStatus(
            step, "does not apply", "only a MongoDB database can have a collection `modulestore`"
        )
    sources = set()
    for document in await backend.old_store.courses():
        try:
            block = decode_old_block(document)
        except CorruptDocument:
            continue  # the conversion reports it
        sources.add(f"{block.org}/{block.course}/{block.key.id}")
    if not sources:
        return StepStatus(step, "nothing to do", "the collection `modulestore` has no course")
    left = sources - (await converted_sources(backend)).keys()
    if not left:
        return StepStatus(step, "nothing to do", "no course is left to convert")
    reason = f"{len(left)} of {len(sources)} courses in the collection `modulestore` are not converted"
    return StepStatus(step, "not asked for", reason, "--draft-courses")
