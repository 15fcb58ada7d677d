"""What a replay made, held against the documents that the platform left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import bson
from bson import ObjectId

from modulestore.formats import v1
from modulestore.formats.definitions import encode_definition
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.entries import encode_entry
from modulestore.keys import BlockKey, VersionId
from modulestore.model.branches import branch_name
from tests.golden.better import BETTER_ON_PURPOSE, Better, Kind
from tests.golden.replay import ERRORS, Replay

__all__ = ["Comparison"]


class Comparison:
    """What a replay made, held against what the platform made.

    ``problems`` are the differences that are not on purpose; ``used`` the rows of the table that were needed.
    """

    def __init__(self, scenario: Mapping[str, Any], dump: Mapping[str, list[dict[str, Any]]]) -> None:
        self.scenario = scenario
        self.theirs = {document["_id"]: document for document in dump["structures"]}
        self.their_definitions = {document["_id"]: document for document in dump["definitions"]}
        self.their_entries = dump["active_versions"]
        self.better = [row for row in BETTER_ON_PURPOSE if row.scenario == scenario["name"]]
        self.used: set[Better] = set()
        self.problems: list[str] = []
        blocks = [block for document in dump["structures"] for block in document["blocks"]]
        course = next(block for block in blocks if block["block_type"] == "course")
        about = next(
            document["fields"] for document in dump["definitions"] if document["block_type"] == "about"
        )
        computed = {name: course["fields"][name] for name in ("discussion_topics", "tabs")}
        self.replay = Replay(computed, about)
        self._ids: dict[ObjectId, VersionId] = {}
        self._dates: dict[datetime, datetime] = {}
        self._skipped: set[ObjectId] = set()
        self._loose: set[tuple[BlockKey, ObjectId]] = set()
        self._missing = {BlockKey(*row.of): row for row in self.better if row.kind is Kind.NO_BLOCK}
        self._place = ""

    def run(self) -> None:
        """Do all steps, and compare after each."""
        heads: Mapping[str, Mapping[str, Any]] = {}
        for number, step in enumerate(self.scenario["steps"]):
            self._place = f"{self.scenario['name']} step {number} {step['op']}"
            result = self.replay.do(step["op"], step["args"])
            heads = step.get("heads_after", heads)
            if not self.replay.in_bulk:
                self._compare_heads(heads, number)
            self._compare_result(step, result)
        self._place = f"{self.scenario['name']} at the end"
        self._compare_end()

    def _problem(self, what: str) -> None:
        self.problems.append(f"{self._place}: {what}")

    def _row(self, number: int, kind: Kind, *of: str) -> Better | None:
        row = next((r for r in self.better if (r.step, r.kind, r.of) == (number, kind, of)), None)
        if row is not None:
            self.used.add(row)
        return row

    # --- heads and results

    def _compare_heads(self, heads: Mapping[str, Mapping[str, Any]], number: int) -> None:
        ours = self.replay.entries
        if heads.keys() != ours.keys():
            self._problem(f"courses {sorted(ours)}, expected {sorted(heads)}")
            return
        for course, branches in heads.items():
            if {branch_name(branch) for branch in branches} != ours[course].heads.keys():
                self._problem(f"branches of {course}: {sorted(ours[course].heads)}")
                continue
            for stored, head in branches.items():
                self._compare_head(
                    course,
                    branch_name(stored),
                    ObjectId(head["$oid"] if isinstance(head, dict) else head),
                    number,
                )

    def _compare_head(self, course: str, branch: str, theirs: ObjectId, number: int) -> None:
        ours = self.replay.entries[course].heads[branch]
        if theirs in self._ids:
            if self._ids[theirs] != ours:
                self._problem(f"{branch} head {ours} has moved, expected the one for {theirs}")
            return
        if ours in self._ids.values():
            if self._row(number, Kind.NO_VERSION, branch) is None:
                self._problem(f"{branch} head has not moved, expected one for {theirs}")
            self._skipped.add(theirs)
            self._ids[theirs] = ours
            return
        for row in self.better:
            if row.kind is Kind.EDIT_INFO and row.step == number and row.of[0] == branch:
                self.used.add(row)
                self._loose.add((BlockKey(*row.of[1:]), theirs))
        self._ids[theirs] = ours
        document: dict[str, Any] = bson.decode(v1.encode_structure(self.replay.structures[ours]), OPTIONS)
        self._compare_structure(self.theirs[theirs], document, branch)

    def _compare_result(self, step: Mapping[str, Any], result: Any) -> None:
        if "error" in step:
            if result != {"error": ERRORS[step["error"]["type"]]}:
                self._problem(f"gave {result}, expected {step['error']['type']}")
            return
        wanted = step.get("result")
        if isinstance(wanted, list) and step["op"] == "get_orphans":
            wanted = [block for block in wanted if BlockKey(*block) not in self._missing]
        self._compare(wanted, result, "result")

    def _compare_end(self) -> None:
        for theirs in self.their_entries:
            name = "+".join((theirs["org"], theirs["course"], theirs["run"]))
            self._compare(theirs, encode_entry(self.replay.entries[name]), f"entry {name}")
        for missing in self.theirs.keys() - self._ids.keys():
            self._problem(f"no version for {missing}")
        if len(self.replay.structures) != len(self.theirs.keys() - self._skipped):
            self._problem(f"{len(self.replay.structures)} versions")
        unmatched = self.their_definitions.keys() - self._ids.keys()
        without = [row for row in self.better if row.kind in (Kind.NO_DEFINITION, Kind.NO_BLOCK)]
        self.used.update(without)
        if len(unmatched) != len(without):
            self._problem(
                f"{len(unmatched)} definitions are not there: {sorted(unmatched)}, on purpose {len(without)}"
            )
        if len(self.replay.definitions) != len(self.their_definitions) - len(unmatched):
            self._problem(f"{len(self.replay.definitions)} definitions")
        for row in self.better:
            if row.kind is Kind.OTHER_ID and BlockKey(*row.of) in self.replay.generated:
                self.used.add(row)

    # --- documents

    def _compare_structure(self, theirs: dict[str, Any], ours: dict[str, Any], branch: str) -> None:
        there = [
            block
            for block in theirs["blocks"]
            if BlockKey(block["block_type"], block["block_id"]) not in self._missing
        ]
        self._compare({**theirs, "blocks": []}, {**ours, "blocks": []}, branch)
        if len(there) != len(ours["blocks"]):
            self._problem(f"{branch}: {len(ours['blocks'])} blocks, expected {len(there)}")
        for block, made in zip(there, ours["blocks"], strict=False):
            self._compare_block(block, made, branch)

    def _compare_block(self, theirs: dict[str, Any], ours: dict[str, Any], branch: str) -> None:
        key = BlockKey(theirs["block_type"], theirs["block_id"])
        path = f"{branch} {key.type}/{key.id}"
        mark = theirs["edit_info"]["update_version"]
        if (key, mark) in self._loose:
            theirs, ours = ({**block, "edit_info": {}} for block in (theirs, ours))
        elif mark in self._skipped:
            left_out = ("previous_version", "edited_on", "edited_by")
            theirs, ours = (
                {
                    **block,
                    "edit_info": {
                        name: at for name, at in block["edit_info"].items() if name not in left_out
                    },
                }
                for block in (theirs, ours)
            )
        self._compare(theirs, ours, path)

    def _compare(self, theirs: Any, ours: Any, path: str) -> None:
        """Whether two values are the same but for ids and times."""
        if isinstance(theirs, dict) and isinstance(theirs.get("$oid"), str):
            theirs = ObjectId(theirs["$oid"])
        if isinstance(theirs, ObjectId):
            self._compare_ids(theirs, ours, path)
        elif isinstance(theirs, dict) and isinstance(ours, dict):
            if list(theirs) != list(ours):
                self._problem(f"{path}: fields {list(ours)}, expected {list(theirs)}")
                return
            for name, item in theirs.items():
                self._compare(item, ours[name], f"{path}.{name}")
        elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
            if len(theirs) == 2 and all(isinstance(part, str) for part in theirs):
                theirs = list(self.replay.generated.get(BlockKey(*theirs), theirs))
            for at, (item, made) in enumerate(zip(theirs, ours, strict=True)):
                self._compare(item, made, f"{path}[{at}]")
        elif isinstance(theirs, datetime) and re.search(r"(edited_on|last_update|created_on)$", path):
            if self._dates.setdefault(theirs, ours) != ours:
                self._problem(f"{path}: {ours}, expected {self._dates[theirs]} for {theirs}")
        elif path.endswith(".block_id") and theirs != ours:
            if ours not in (key.id for key in self.replay.generated.values()):
                self._problem(f"{path}: {ours!r}, expected {theirs!r}")
        elif theirs != ours or type(theirs) is not type(ours):
            self._problem(f"{path}: {ours!r}, expected {theirs!r}")

    def _compare_ids(self, theirs: ObjectId, ours: Any, path: str) -> None:
        if not isinstance(ours, ObjectId | VersionId):
            self._problem(f"{path}: {ours!r}, expected an id for {theirs}")
            return
        made = ours if isinstance(ours, VersionId) else VersionId(ours.binary)
        if theirs not in self._ids:
            if made in self._ids.values():
                self._problem(f"{path}: {made} stands for another than {theirs}")
                return
            self._ids[theirs] = made
            if theirs in self.their_definitions:
                self._compare_definitions(theirs, made)
        elif self._ids[theirs] != made:
            self._problem(f"{path}: {made}, expected {self._ids[theirs]} for {theirs}")

    def _compare_definitions(self, theirs: ObjectId, ours: VersionId) -> None:
        document = self.their_definitions[theirs]
        if self._follows_an_unused_one(document):
            info = {**document["edit_info"], "previous_version": None, "original_version": theirs}
            document = {**document, "edit_info": info}
        made: dict[str, Any] = bson.decode(encode_definition(self.replay.definitions[ours]), OPTIONS)
        self._compare(document, made, f"definition {theirs}")

    def _follows_an_unused_one(self, document: Mapping[str, Any]) -> bool:
        """Whether before it was the empty definition of a new course's root, which no block has."""
        first = self.their_definitions.get(document["edit_info"]["previous_version"])
        if first is None or document["block_type"] != "course" or first["fields"]:
            return False
        return first["edit_info"]["previous_version"] is None
