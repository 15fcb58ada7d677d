"""Reading a whole archive: a file tree in, a plain course out.

Source: course archive format. The order is the platform's: the tree of published blocks, pages beside it,
files, then drafts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modulestore.errors import InvalidArchive
from modulestore.keys import ContextKey, CourseKey, LibraryKey
from modulestore.model.plain import PlainCourse
from modulestore.olx.detached import DETACHED_FOLDERS, read_detached, renamed_tabs
from modulestore.olx.drafts import Drafts, read_drafts
from modulestore.olx.graph import check_cycles, drop_missing_children
from modulestore.olx.identity import Identity, course_identity, library_identity
from modulestore.olx.left import Left
from modulestore.olx.links import Links
from modulestore.olx.loader import Loader
from modulestore.olx.metadata import read_metadata
from modulestore.olx.names import Named
from modulestore.olx.orphans import report_orphans
from modulestore.olx.policy import Policy, grading_policy
from modulestore.olx.problems import Problems, clipped
from modulestore.olx.reading import FAMILY
from modulestore.olx.references import References
from modulestore.olx.statics import STATIC_FOLDERS, read_files
from modulestore.olx.tree import ROOT_FILES, FileTree, SubTree, course_root
from modulestore.olx.xml import Element, Malformed, attributes_of, parse_xml

__all__ = ["read_course"]

_POINTER = {"url_name", "org", "course"}
_OTHER_FOLDERS = {"assets", "drafts", "policies", "roots", *(folder.rstrip("/") for folder in STATIC_FOLDERS)}


def read_course(tree: FileTree, *, key: ContextKey | None = None) -> PlainCourse:
    """Read the course or library in a file tree.

    Args:
        tree: its files, from any folder above ``course.xml`` or ``library.xml``.
        key: what to call it; without, what the archive says. References and links to the course that the
            archive says are then read as meaning this one.

    Raises:
        InvalidArchive: there is no course in it, or its root cannot be read, or it is of the other kind than
        ``key``. InvalidCourse: blocks contain each other.
    """
    root = course_root(tree)
    problems = Problems()
    for problem in root.problems:
        problems.add(problem.place, problem.message, problem.action)
    file = next((file for file in ROOT_FILES if root.exists(file)), None)
    if file is None:
        raise InvalidArchive("there is no course.xml or library.xml in it")
    key = None if key is None else key.bare
    try:
        element = parse_xml(root.read(file), file)
        if element.tag != file.removesuffix(".xml"):
            raise Malformed(
                f"{file}:{element.sourceline}", f"its root element is {clipped(str(element.tag))}"
            )
        prefix = _prefix(tree, root)
        if file == "library.xml":
            return _read_library(root, prefix, element, key, problems)
        return _read_course(root, prefix, element, key, problems)
    except Malformed as error:
        raise InvalidArchive(error.message, place=error.place) from None


def _read_course(
    tree: FileTree, prefix: str, element: Element, key: ContextKey | None, problems: Problems
) -> PlainCourse:
    place = f"course.xml:{element.sourceline}"
    if isinstance(key, LibraryKey):
        raise InvalidArchive("it holds a course, and the key is a library's", place=place)
    identity = course_identity(element, tree.name, place)
    target = identity.key(place) if key is None else key
    moved_to = None if target.identity == (identity.org, identity.course, identity.run) else target
    run = identity.run or ""
    loader = _loader(tree, identity, moved_to, problems, Policy.read(tree, run, problems))
    loader.used.add("course.xml")
    left = Left(tree, problems)
    loader.containers = left.containers
    definition, path = _course_definition(loader, element, run)
    loader.build(identity.root, Named(run, identity.root.id), loader.define(definition, path))
    _complete_course(loader, identity, moved_to)
    read_detached(loader, run, loader.blocks[identity.root].settings.get("tabs"))
    _rename_tabs(loader, identity)
    loader.policy.report_unmet(problems)
    left.apply_fields(loader.blocks)
    report_orphans(loader, _OTHER_FOLDERS)
    assets = read_metadata(loader)
    files = read_files(tree, prefix, problems)
    drafts = read_drafts(loader)
    return _finished(target, identity, loader, drafts, assets, files)


def _read_library(
    tree: FileTree, prefix: str, element: Element, key: ContextKey | None, problems: Problems
) -> PlainCourse:
    place = f"library.xml:{element.sourceline}"
    if isinstance(key, CourseKey):
        raise InvalidArchive("it holds a library, and the key is a course's", place=place)
    identity = library_identity(element, tree.name)
    target = key or identity.key(place)
    loader = _loader(tree, identity, key, problems, Policy.none())
    loader.used.add("library.xml")
    left = Left(tree, problems)
    loader.containers = left.containers
    named = Named("library", identity.root.id)
    loader.build(identity.root, named, loader.define(element, "library.xml"))
    left.apply_fields(loader.blocks)
    report_orphans(loader, {*_OTHER_FOLDERS, *DETACHED_FOLDERS})
    files = read_files(tree, prefix, problems)
    return _finished(target, identity, loader, Drafts(), {}, files)


def _loader(
    tree: FileTree, identity: Identity, key: ContextKey | None, problems: Problems, policy: Policy
) -> Loader:
    return Loader(tree, problems, policy, References(identity, problems), Links(identity, key))


def _course_definition(loader: Loader, element: Element, run: str) -> tuple[Element, str]:
    """The definition of the course block: in ``course.xml``, or in the file that it points to."""
    names = set(attributes_of(element)) - {FAMILY}
    empty = not len(element) and not (element.text or "").strip()
    file = f"course/{run.replace(':', '/')}.xml"
    if empty and names == _POINTER:
        if not loader.tree.exists(file):
            raise InvalidArchive(f"{file} is missing", place=loader.place("course.xml", element))
        return loader.parse(file), file
    if filename := element.get("filename"):
        file = f"course/{filename}.xml"
        if loader.tree.exists(file):
            definition = loader.parse(file)
            for name, text in attributes_of(element).items():
                definition.set(name, text)
            return definition, file
    return element, "course.xml"


def _complete_course(loader: Loader, identity: Identity, moved_to: ContextKey | None) -> None:
    """What the course block takes from other places: its grading policy, and the name of its wiki."""
    block = loader.blocks[identity.root]
    content: dict[str, Any] = dict(block.content)
    policy = grading_policy(loader.tree, identity.run or "", loader.problems)
    if policy is not None:
        content["grading_policy"] = policy
    slug = content.get("wiki_slug") or identity.course
    defaults = (f"{identity.org}.{identity.course}.{identity.run}", identity.course)
    if moved_to is not None and slug in defaults:
        slug = ".".join(moved_to.identity)
    content["wiki_slug"] = slug
    loader.blocks[identity.root] = replace(block, content=content)


def _rename_tabs(loader: Loader, identity: Identity) -> None:
    block = loader.blocks[identity.root]
    if "tabs" in block.settings:
        tabs = renamed_tabs(block.settings["tabs"], loader.blocks)
        loader.blocks[identity.root] = replace(block, settings={**block.settings, "tabs": tabs})


def _finished(
    key: ContextKey, identity: Identity, loader: Loader, drafts: Drafts, assets: Any, files: Any
) -> PlainCourse:
    known = {**loader.blocks, **drafts.blocks}
    places = {**loader.places, **drafts.places}
    drop_missing_children(loader.blocks, loader.blocks, loader.places, loader.problems)
    drop_missing_children(drafts.blocks, known, places, loader.problems)
    check_cycles(loader.blocks, loader.places)
    if drafts.blocks:
        check_cycles({**loader.blocks, **drafts.blocks}, places)
    return PlainCourse(
        key=key,
        root=identity.root,
        blocks=loader.blocks,
        draft_blocks=drafts.blocks,
        draft_roots=drafts.roots,
        assets=assets,
        files=files,
        problems=list(loader.problems),
    )


def _prefix(tree: FileTree, root: FileTree) -> str:
    return root.prefix if isinstance(root, SubTree) and root is not tree else ""
