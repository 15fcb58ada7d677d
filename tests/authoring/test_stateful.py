"""The whole store against a plain model, in long histories of everything that authors do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pymongo import MongoClient

from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.errors import EditConflict
from modulestore.formats.structures import Schema
from modulestore.keys import BlockKey, UsageKey, as_course_key
from modulestore.testing._sync.checking import check_store
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from tests.authoring.plain_model import PlainCourse, Tree, parents, remove
from tests.authoring.states import blocks_of

KEY = as_course_key(SMALL_COURSE)
SEQUENCES = ["sequential/first", "sequential/second"]
TEXTS = st.text(max_size=5)
WHICH = st.integers(0, 10**6)


def block_key(name: str) -> BlockKey:
    return BlockKey(*name.split("/"))


def usage(name: str) -> UsageKey:
    return KEY.usage(*block_key(name))


class Authors(RuleBasedStateMachine):
    """The store, and the model beside it."""

    backend: Backend
    make: Callable[[], Backend]

    @initialize()
    def begin(self) -> None:
        self.backend = type(self).make()
        self.store = Store(self.backend)
        make_small_course(self.store)
        draft, published = self.read("draft"), self.read("published")
        assert draft == published
        self.model = PlainCourse(draft, published)
        self.number = 0
        self.tags: dict[str, Tree] = {}
        self.heads: list[tuple[str, Tree]] = []
        self.remember()

    def teardown(self) -> None:
        if hasattr(self, "backend"):
            assert check_store(self.backend) == []
            assert len(self.store.history(KEY, branch="draft")) == len(self.heads) + 1
            self.backend.close()

    def read(self, branch: str) -> Tree:
        return blocks_of(self.store, self.store.open(KEY, branch=branch))

    def remember(self) -> None:
        version = str(self.store.open(KEY, branch="draft").version)
        if not self.heads or self.heads[-1][0] != version:
            self.heads.append((version, deepcopy(self.model.draft)))

    def new(self, kind: str) -> str:
        self.number += 1
        return f"{kind}/n{self.number:04}"

    @staticmethod
    def pick(names: list[str], which: int) -> str:
        return names[which % len(names)]

    @invariant()
    def the_same(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self.read("draft") == self.model.draft
        assert self.read("published") == self.model.published
        changes = {f"{key.type}/{key.id}": str(change) for key, change in self.store.changes(KEY).items()}
        assert changes == self.model.changes()
        self.remember()

    # --- edits

    def edit(self, edits: Callable[[Any], object], tree: Tree) -> None:
        with self.store.edit(KEY, author="ana") as session:
            edits(session)
        self.model.change(tree)

    @rule(which=WHICH, text=TEXTS, last=st.booleans())
    def add(self, which: int, text: str, last: bool) -> None:
        tree, above = self.model.edited(), self.pick(self.model.units() + SEQUENCES, which)
        name = self.new("html" if above.startswith("vertical") else "vertical")
        fields = {"display_name": text}
        content = {"data": text} if name.startswith("html") else {}
        tree[name] = {"children": [], "settings": fields, "asides": [], "content": content}
        tree[above]["children"].insert(len(tree[above]["children"]) if last else 0, name)
        key, parent = block_key(name), block_key(above)
        index = None if last else 0
        self.edit(
            lambda session: session.add(key.type, parent, id=key.id, index=index, **fields, **content), tree
        )

    @rule(which=WHICH, text=TEXTS)
    def update(self, which: int, text: str) -> None:
        tree = self.model.edited()
        name = self.pick([*self.model.units(), *self.model.leaves(), *SEQUENCES, "static_tab/news"], which)
        tree[name]["settings"]["display_name"] = text
        fields = {"display_name": text}
        if name.startswith(("html", "static_tab")):
            tree[name]["content"]["data"] = fields["data"] = text
        self.edit(lambda session: session.update(block_key(name), **fields), tree)

    @rule(which=WHICH, where=WHICH, first=st.booleans())
    def move(self, which: int, where: int, first: bool) -> None:
        movable = self.model.units() + self.model.leaves()
        if not movable or not self.model.units():
            return
        name = self.pick(movable, which)
        above = self.pick(SEQUENCES if name.startswith("vertical") else self.model.units(), where)
        tree = self.model.edited()
        for parent in parents(tree, name):
            tree[parent]["children"].remove(name)
        tree[above]["children"].insert(0 if first else len(tree[above]["children"]), name)
        key, parent_key = block_key(name), block_key(above)
        self.edit(lambda session: session.move(key, parent_key, 0 if first else None), tree)

    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        names = self.model.units() + self.model.leaves()
        if names:
            name, tree = self.pick(names, which), self.model.edited()
            remove(tree, name)
            self.edit(lambda session: session.delete(block_key(name)), tree)

    @rule(which=WHICH, data=st.data())
    def reorder(self, which: int, data: st.DataObject) -> None:
        tree, name = self.model.edited(), self.pick(self.model.units() + SEQUENCES, which)
        tree[name]["children"] = order = data.draw(st.permutations(tree[name]["children"]))
        self.edit(lambda session: session.reorder(block_key(name), list(map(block_key, order))), tree)

    # --- two at once

    @precondition(lambda self: self.model.leaves())
    @rule(one=WHICH, other=WHICH, wish=st.sampled_from(["abort", "overwrite", "mine"]))
    def two_update(self, one: int, other: int, wish: str) -> None:
        mine, theirs = self.pick(self.model.leaves(), one), self.pick(self.model.leaves(), other)
        number = self.number = self.number + 1
        tree = self.model.edited()
        tree[theirs]["settings"]["display_name"] = f"ben {number}"
        self.model.change(tree)
        tree = self.model.edited()
        tree[mine]["settings"]["display_name"] = f"ana {number}"
        try:
            with self.store.edit(KEY, author="ana") as ana:
                ana.update(block_key(mine), display_name=f"ana {number}")
                with self.store.edit(KEY, author="ben") as ben:
                    ben.update(block_key(theirs), display_name=f"ben {number}")
            assert mine != theirs
        except EditConflict as raised:
            assert mine == theirs
            error = raised
            self.heads.append((str(error.conflict.theirs), deepcopy(self.model.draft)))
            (item,) = error.conflict.items
            decide = {"abort": error.abort, "overwrite": error.overwrite}
            decide.get(wish, lambda: error.merge({item.id: "mine"}))()
            if wish == "abort":
                return
        else:
            self.heads.append((str(ben.version), deepcopy(self.model.draft)))
        self.model.change(tree)

    @rule(one=WHICH, other=WHICH)
    def two_add(self, one: int, other: int) -> None:
        above = [self.pick(self.model.units() + SEQUENCES, which) for which in (one, other)]
        kinds = ["html" if name.startswith("vertical") else "vertical" for name in above]
        names = [self.new(kind) for kind in kinds]
        with ExitStack() as stack:
            for parent, name in zip(above, names, strict=True):
                key = block_key(name)
                session = stack.enter_context(self.store.edit(KEY, author=key.id))
                session.add(key.type, block_key(parent), id=key.id)
        # Sessions end in the opposite order; the later one's block comes where both put theirs by its id.
        for number in (1, 0):
            tree = self.model.edited()
            tree[names[number]] = {"children": [], "settings": {}, "asides": [], "content": {}}
            children = tree[above[number]]["children"]
            at = len(children) - (1 if number == 0 and above[0] == above[1] else 0)
            children.insert(at, names[number])
            self.model.change(tree)
            if number == 1:
                version = self.store.open(KEY, branch="draft").previous_version
                self.heads.append((str(version), deepcopy(self.model.draft)))

    # --- publication and history

    @rule(which=WHICH)
    def publish(self, which: int) -> None:
        name = self.pick(["course/course", *self.model.units()], which)
        self.store.publish(KEY, None if name == "course/course" else usage(name), author="ana")
        self.model.publish(name)

    @rule(which=WHICH)
    def unpublish(self, which: int) -> None:
        names = sorted(name for name in self.model.published if name.startswith("vertical/"))
        if names:
            name = self.pick(names, which)
            self.store.unpublish(usage(name))
            self.model.unpublish(name)

    @rule(which=WHICH)
    def discard(self, which: int) -> None:
        names = [name for name in self.model.units() if self.model.can_discard(name)]
        if names:
            name = self.pick(names, which)
            self.store.discard(usage(name))
            self.model.discard(name)

    @rule(which=WHICH)
    def restore(self, which: int) -> None:
        version, tree = self.heads[which % len(self.heads)]
        self.store.restore(KEY, version)
        self.model.change(deepcopy(tree))

    @precondition(lambda self: len(self.heads) > 1)
    @rule()
    def undo(self) -> None:
        self.store.undo(KEY, "draft")
        self.model.change(deepcopy(self.heads[-2][1]))

    @rule(which=WHICH)
    def tag(self, which: int) -> None:
        version, tree = self.heads[which % len(self.heads)]
        name = f"tag {self.number}"
        if name not in self.tags:
            self.store.tag(KEY, version, name)
            self.tags[name] = tree

    @precondition(lambda self: self.tags)
    @rule(which=WHICH)
    def restore_a_tag(self, which: int) -> None:
        name = self.pick(sorted(self.tags), which)
        self.store.restore(KEY, name)
        self.model.change(deepcopy(self.tags[name]))

    @rule()
    def reopen(self) -> None:
        self.store = Store(self.backend)

    @rule(schema=st.sampled_from([1, 2]), ours=st.booleans())
    def convert(self, schema: Schema, ours: bool) -> None:
        """What is at hand in a store was stored otherwise then, by this store or by somebody else."""
        store = self.store if ours else Store(self.backend)
        assert store.convert(schema).left == ()


def against_model(make: Callable[[], Backend], *, examples: int, steps: int) -> None:
    machine = type("Machine", (Authors,), {"make": staticmethod(make)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("schema", [1, 2])
def test_in_memory(schema: Schema) -> None:
    def make() -> Backend:
        backend = open_sqlite(":memory:")
        prepare_write(backend, -1, WriteRules(new_schema=schema))
        return backend

    against_model(make, examples=40, steps=40)


def test_on_a_server(mongodb_url: str, mongodb_admin: MongoClient[dict[str, Any]]) -> None:
    parts, numbers = urlsplit(mongodb_url), count()
    made: list[str] = []

    def make() -> Backend:
        # A new one each time: the stand-in may look for what was in one of the same name.
        made.append(f"{parts.path.strip('/')}_{next(numbers)}")
        return open_mongo(urlunsplit(parts._replace(path=f"/{made[-1]}")))

    try:
        against_model(make, examples=4, steps=20)
    finally:
        for name in made:
            mongodb_admin.drop_database(name)
