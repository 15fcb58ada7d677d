"""Commands that look: ``courses``, ``tree``, ``blocks``, ``show``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from rich.text import Text
from rich.tree import Tree

from modulestore import Store, VersionId
from modulestore.cli.completing import block_types, branches
from modulestore.cli.output import as_json_text, as_json_value, print_json, since
from modulestore.cli.settings import Json, Key, Usage, field_and_value, open_store
from modulestore.cli.tables import Column, print_table
from modulestore.cli.terminal import console, one_line, print_lines, room_on, styled
from modulestore.keys import as_usage_key
from modulestore.model.course import Block
from modulestore.model.inheritance import Resolved

__all__ = ["blocks", "courses", "show", "tree"]

_ID_LENGTH: Final = 24

Branch = Annotated[
    str | None,
    typer.Option(help="draft, published or library; without it what learners see.", autocompletion=branches),
]
Version = Annotated[
    str | None,
    typer.Option(help="Id of a version, or a tag, instead of the head of a branch.", autocompletion=branches),
]


def courses(context: typer.Context, json: Json = False) -> None:
    """List courses and libraries.

    Examples:
        modulestore courses
    """
    with open_store(context, must_exist=True) as store:
        summaries = store.courses()
    if json:
        print_json(summaries)
        return
    if not summaries:
        print("no courses yet")
        return
    rows = [
        (str(summary.key), str(summary.blocks), since(summary.edited_on), summary.title)
        for summary in summaries
    ]
    columns = Column("KEY", is_key=True), Column("BLOCKS"), Column("EDITED"), Column("TITLE", least=12)
    print_table(columns, rows)


def tree(
    context: typer.Context,
    key: Key,
    branch: Branch = None,
    version: Version = None,
    depth: Annotated[int | None, typer.Option(min=0, help="How many levels below the root.")] = None,
    json: Json = False,
) -> None:
    """Show the outline of a course.

    Examples:
        modulestore tree course-v1:Example+MS101+2026 --depth 2
    """
    with open_store(context, must_exist=True) as store:
        course = store.open(key, branch=branch, version=_version_id(store, key, version))
    if json:
        print_json({"key": course.key, "version": course.version, "root": _node(course.root, depth)})
        return
    shown = Tree(_label(course.root))
    _grow(shown, course.root, depth)
    # On a terminal long titles go on in the next line, between the lines of the tree.
    console().print(shown, soft_wrap=room_on(sys.stdout) is None)


def _version_id(store: Store, key: str, name: str | None) -> VersionId | str | None:
    """The version that ``--version`` names. No tag is as long as an id, which needs no look at the index."""
    return name if name is None or len(name) == _ID_LENGTH else store.version(key, name).version


def _node(block: Block, depth: int | None) -> dict[str, Any]:
    below = [] if depth == 0 else block.children
    deeper = None if depth is None else depth - 1
    return {**_short(block), "children": [_node(child, deeper) for child in below]}


def _short(block: Block) -> dict[str, Any]:
    return {"key": block.key, "type": block.type, "id": block.id, "title": block.display_name}


def _grow(shown: Tree, block: Block, depth: int | None) -> None:
    if depth == 0:
        return
    for child in block.children:
        _grow(shown.add(_label(child)), child, None if depth is None else depth - 1)


def _label(block: Block) -> Text:
    return Text.assemble((block.type, "cyan"), " ", one_line(block.display_name), (f"  {block.id}", "dim"))


def blocks(
    context: typer.Context,
    key: Key,
    type: Annotated[  # noqa: A002
        str | None, typer.Option(help="Only blocks of this type.", autocompletion=block_types)
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=JSON", help="Only blocks on which this field, own or inherited, has this value."
        ),
    ] = None,
    branch: Branch = None,
    version: Version = None,
    json: Json = False,
) -> None:
    """List blocks in document order, each with the way to it.

    Examples:
        modulestore blocks course-v1:Example+MS101+2026 --type problem --where graded=true
    """
    tests = [_test(condition) for condition in where or ()]
    with open_store(context, must_exist=True) as store:
        course = store.open(key, branch=branch, version=_version_id(store, key, version))
    found = [block for block in course.blocks(type) if all(test(block) for test in tests)]
    if json:
        print_json([{**_short(block), "path": [_short(parent) for parent in block.path]} for block in found])
        return
    if not found:
        print("no such blocks", file=sys.stderr)
    rows = [
        (str(block.key), block.display_name, " / ".join(parent.display_name for parent in block.path))
        for block in found
    ]
    columns = Column(is_key=True), Column(style="bold", least=20), Column(style="dim", least=20)
    print_table(columns, rows, ragged=True)


def _test(condition: str) -> Callable[[Block], bool]:
    name, wanted = field_and_value("--where", condition, """--where graded=true, or --where 'format="Lab"'""")
    return lambda block: _equal(as_json_value(block.get(name)), wanted)


def _equal(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def show(
    context: typer.Context,
    usage_key: Usage,
    branch: Branch = None,
    version: Version = None,
    json: Json = False,
) -> None:
    """Show one block: its own settings, those that apply to it and where they come from, its content.

    Examples:
        modulestore show block-v1:Example+MS101+2026+type@problem+block@quiz-range
        modulestore show block-v1:Example+MS101+2026+type@html+block@columns --branch draft
    """
    usage = as_usage_key(usage_key)
    with open_store(context, must_exist=True) as store:
        course = store.open(
            usage.course, branch=branch, version=_version_id(store, str(usage.course.bare), version)
        )
        block = course[usage]
        content = store.load_content([block])[block]
    details = {
        "key": block.key,
        "type": block.type,
        "id": block.id,
        "settings": block.settings,
        "effective": {name: _source(block, resolved) for name, resolved in block.effective().items()},
        "content": content,
        "children": [child.key for child in block.children],
        "parents": [parent.key for parent in block.parents],
        "edit_info": block.edit_info._asdict(),
    }
    if json:
        print_json(details)
        return
    _print_block(block, content)


def _source(block: Block, resolved: Resolved) -> dict[str, Any]:
    return {"value": resolved.value, "from": _origin(block, resolved)}


def _origin(block: Block, resolved: Resolved) -> str:
    if resolved.block is None:
        return str(resolved.origin)
    return str(block.course.key.usage(*resolved.block))


def _short_origin(resolved: Resolved) -> str:
    return str(resolved.origin) if resolved.block is None else "/".join(resolved.block)


def _print_block(block: Block, content: dict[str, Any]) -> None:
    out = console()
    styled(out, Text.assemble((block.type, "cyan"), " ", (one_line(block.display_name), "bold")))
    styled(out, Text(str(block.key), "dim"))
    if block.path:
        print_lines([one_line("in " + " / ".join(parent.display_name for parent in block.path))])
    rows = [
        (
            f"  {name}",
            "" if resolved.block == block.block_key else f"from {_short_origin(resolved)}",
            _text(resolved.value),
        )
        for name, resolved in block.effective().items()
        if resolved.origin != "default"
    ]
    if rows:
        print("settings:")
        print_table([Column(is_key=True), Column(), Column(least=20)], rows)
    if content:
        print("content:")
    for name, value in content.items():
        for line in f"  {name}: {_text(value)}".split("\n"):  # as it was written, however wide
            print(line if room_on(sys.stdout) is None else one_line(line))
    if block.children:
        print("children:")
    print_lines(f"  {child.type} {one_line(child.display_name)}  {child.id}" for child in block.children)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else as_json_text(value)
