"""Commands that look: ``courses``, ``tree``, ``blocks``, ``show``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from modulestore.cli.output import as_json_value, columns, console, print_json, since
from modulestore.cli.settings import Json, Key, field_and_value, open_store
from modulestore.keys import as_usage_key
from modulestore.model.course import Block
from modulestore.model.inheritance import Resolved

__all__ = ["blocks", "courses", "show", "tree"]

Branch = Annotated[
    str | None, typer.Option(help="draft, published or library; without it what learners see.")
]
Version = Annotated[str | None, typer.Option(help="Id of a version, instead of the head of a branch.")]


def courses(context: typer.Context, json: Json = False) -> None:
    """List courses and libraries.

    \b
    modulestore courses
    """
    with open_store(context, must_exist=True) as store:
        summaries = store.courses()
    if json:
        print_json(summaries)
        return
    rows = [
        (str(summary.key), str(summary.blocks), since(summary.edited_on), summary.title)
        for summary in summaries
    ]
    for line in columns([("KEY", "BLOCKS", "EDITED", "TITLE"), *rows]) if rows else ["no courses yet"]:
        print(line)


def tree(
    context: typer.Context,
    key: Key,
    branch: Branch = None,
    version: Version = None,
    depth: Annotated[int | None, typer.Option(min=0, help="How many levels below the root.")] = None,
    json: Json = False,
) -> None:
    """Show the outline of a course.

    \b
    modulestore tree course-v1:Example+MS101+2026 --depth 2
    """
    with open_store(context, must_exist=True) as store:
        course = store.open(key, branch=branch, version=version)
    if json:
        print_json({"key": course.key, "version": course.version, "root": _node(course.root, depth)})
        return
    shown = Tree(_label(course.root))
    _grow(shown, course.root, depth)
    console().print(shown)


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
    return Text.assemble((block.type, "cyan"), " ", block.display_name, (f"  {block.id}", "dim"))


def blocks(
    context: typer.Context,
    key: Key,
    type: Annotated[str | None, typer.Option(help="Only blocks of this type.")] = None,  # noqa: A002
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

    \b
    modulestore blocks course-v1:Example+MS101+2026 --type problem --where graded=true
    """
    tests = [_test(condition) for condition in where or ()]
    with open_store(context, must_exist=True) as store:
        course = store.open(key, branch=branch, version=version)
    found = [block for block in course.blocks(type) if all(test(block) for test in tests)]
    if json:
        print_json([{**_short(block), "path": [_short(parent) for parent in block.path]} for block in found])
        return
    for block in found:
        way = " / ".join(parent.display_name for parent in block.path)
        console().print(
            Text.assemble(str(block.key), "  ", (block.display_name, "bold"), (f"  {way}", "dim"))
        )


def _test(condition: str) -> Callable[[Block], bool]:
    name, wanted = field_and_value("--where", condition, """--where graded=true, or --where 'format="Lab"'""")
    return lambda block: _equal(as_json_value(block.get(name)), wanted)


def _equal(value: Any, wanted: Any) -> bool:
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def show(
    context: typer.Context,
    usage_key: Annotated[str, typer.Argument(metavar="USAGE_KEY", help="Key of a block.")],
    branch: Branch = None,
    json: Json = False,
) -> None:
    """Show one block: its own settings, those that apply to it and where they come from, its content.

    \b
    modulestore show block-v1:Example+MS101+2026+type@problem+block@quiz-range
    """
    usage = as_usage_key(usage_key)
    with open_store(context, must_exist=True) as store:
        course = store.open(usage.course, branch=branch)
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
    out.print(Text.assemble((block.type, "cyan"), " ", (block.display_name, "bold")))
    out.print(Text(str(block.key), "dim"))
    if block.path:
        out.print("in " + " / ".join(parent.display_name for parent in block.path), markup=False)
    rows = [
        (
            f"  {name}",
            "" if resolved.block == block.block_key else f"from {_short_origin(resolved)}",
            _text(resolved.value),
        )
        for name, resolved in block.effective().items()
        if resolved.origin != "default"
    ]
    _section("settings", columns(rows))
    _section("content", [f"  {name}: {_text(value)}" for name, value in content.items()])
    _section("children", [f"  {child.type} {child.display_name}  {child.id}" for child in block.children])


def _section(title: str, lines: list[str]) -> None:
    if lines:
        print(f"{title}:", *lines, sep="\n")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(as_json_value(value), ensure_ascii=False)
