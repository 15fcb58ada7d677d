"""How each type of block is written: one rule per type, each the reader's backwards
(``modulestore.olx.rules``).

Source: course archive format, type rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lxml import etree

from modulestore.model.fields import (
    BLOCK_TYPES,
    FIELD_NAMES_NEVER_READ,
    Kind,
    field_of,
    fields_of,
    is_container,
)
from modulestore.model.plain import PlainBlock
from modulestore.olx.attributes import OPTION
from modulestore.olx.names import file_name
from modulestore.olx.reading import FAMILY
from modulestore.olx.references import block_of
from modulestore.olx.rules.bodies import RERANDOMIZE_OF_OLD, says_something
from modulestore.olx.rules.containers import CONDITIONS
from modulestore.olx.rules.leaves import INNER_XML
from modulestore.olx.values import OTHERS
from modulestore.olx.writing.elements import Definition, element_text, indented, parsed
from modulestore.olx.writing.fields import (
    Attributes,
    classic_attributes,
    pure_attributes,
    reference_texts,
)
from modulestore.olx.writing.texts import is_xml_name, is_xml_text, json_text, native
from modulestore.olx.xml import Element, attributes_of, outer_xml, pretty_xml, stray_text

if TYPE_CHECKING:
    from modulestore.olx.writing.blocks import BlockWriter

__all__ = ["asides_of", "holds_children", "options_of", "rule_of"]

Rule: TypeAlias = "Callable[[BlockWriter, PlainBlock, Mapping[str, str]], Definition]"

# Their element stands whole in the parent, though they are of the old kind.
_IN_PARENT = frozenset({"customtag", "book", "slides", "image", "discuss", "videodev"})
_TIMES = ("start_time", "end_time")


def rule_of(block: PlainBlock) -> Rule:
    """The rule of a block: its type's own, or that of its kind."""
    return _RULES.get(block.key.type) or _rule_of_kind(block)


def _rule_of_kind(block: PlainBlock) -> Rule:
    known = BLOCK_TYPES.get(block.key.type)
    if known is None:
        return _raw if _is_element(block) else _pure
    if known.container:
        return _container
    return _raw if known.classic else _pure


def _is_element(block: PlainBlock) -> bool:
    """Whether a block of an unknown type is its XML, and nothing else that has to be written."""
    return not block.children and set(block.content) == {"data"} and parsed(block.content["data"]) is not None


def holds_children(block: PlainBlock) -> bool:
    """Whether the children of a block are written, if it has any."""
    return is_container(block.key.type) or rule_of(block) is _pure


def _container(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    return _classic(writer, block, classic_attributes(block, writer.course), more, writer.children(block))


def _html(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    attributes = classic_attributes(block, writer.course, skip=("data",))
    body = block.content.get("data")
    if not isinstance(body, str):
        _leave_content(writer, block, "data")
        body = ""
    path, name = writer.body_file(block)
    attributes.fields["filename"] = name
    definition = _classic(writer, block, attributes, more)
    writer.files[writer.base + path] = writer.portable(body).encode()
    if path == f"{block.key.type}/{block.key.id.replace(':', '/')}.html":
        return definition
    head = {"url_name": block.key.id, **attributes.fields, **attributes.others, **more}
    return Definition(element_text("html", head, "".join(asides_of(writer, block))), inline=not more)


def _problem(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    attributes = classic_attributes(block, writer.course, skip=("data",))
    mode = attributes.fields.get("rerandomize")
    if mode in RERANDOMIZE_OF_OLD:
        attributes.fields["rerandomize"] = RERANDOMIZE_OF_OLD[mode]
    data = block.content.get("data", "")
    element = parsed(writer.portable(data) if isinstance(data, str) else data, blanks=False)
    if element is None:
        # No problem that could be shown, but somebody's work all the same.
        if data != "":
            _leave_content(writer, block, "data")
        element = etree.Element("problem")
    _fill(writer, element, block, attributes, more)
    return Definition(pretty_xml(element).rstrip("\n"))


def _with_optional_xml(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    attributes = classic_attributes(block, writer.course, skip=("data",))
    data = block.content.get("data", "")
    element = parsed(writer.portable(data) if isinstance(data, str) else None)
    if element is not None and not says_something(element):
        element, data = None, ""  # which the reader makes of it
    if element is not None:
        _fill(writer, element, block, attributes, more)
        return Definition(outer_xml(element))
    if data != "":
        _leave_content(writer, block, "data")
    for name in list(attributes.others):  # as an attribute each would make XML of the block
        attributes.leave(name, attributes.others.pop(name))
    return _classic(writer, block, attributes, more)


def _raw(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    """The element as it was, with its settings. What else there is cannot be said in it."""
    element = parsed(writer.portable(str(block.content.get("data") or "")))
    if element is None:
        element = etree.Element(block.key.type)
        _leave_content(writer, block, "data")
    if element.get(FAMILY) is not None and block.key.type not in BLOCK_TYPES:
        attributes = pure_attributes(block, skip=("data",))
    else:
        attributes = classic_attributes(block, writer.course, skip=("data",))
    inline = not more and (
        block.key.type in _IN_PARENT
        or (block.key.type not in BLOCK_TYPES and element.get(FAMILY) is not None)
    )
    inline = inline and element.tag == block.key.type
    for name in list(attributes.others):  # as an attribute each would become content
        attributes.leave(name, attributes.others.pop(name))
    writer.leave(block, attributes.left)
    kept = {name: text for name, text in attributes_of(element).items() if name not in ("url_name", "slug")}
    element.attrib.clear()
    if inline:
        element.set("url_name", block.key.id)
    for name, text in {**kept, **attributes.fields, **more}.items():
        element.set(name, text)
    _put_first(element, asides_of(writer, block))
    only_named = (
        inline and block.key.type in BLOCK_TYPES and len(element.attrib) == 1 + (FAMILY in element.attrib)
    )
    if only_named and not len(element) and not (element.text or "").strip():
        inline = False  # it would be taken for a pointer
        del element.attrib["url_name"]
    return Definition(outer_xml(element), inline)


def _pure(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    """Whole in its parent. Attributes that stay in its XML come before its settings, as they did."""
    field, element = _kept_xml(block) if not block.children else (None, None)
    if block.children:
        writer.leave_more(block, "children", True)
    skip = () if field is None else (field,)
    attributes = pure_attributes(block, skip=skip)
    kept_whole = block.key.type not in BLOCK_TYPES and not block.children
    # Content that is left replaces what the reader makes of the element: attributes would go with it.
    replaced = kept_whole and element is None and "data" in block.content
    for name in list(attributes.others):
        unknown_content = name in block.content and field_of(block.key.type, name) is None
        if (
            replaced
            or (kept_whole and name in FIELD_NAMES_NEVER_READ)
            or (block.children and unknown_content)
        ):
            del attributes.others[name]
            attributes.left[name] = native({**block.content, **block.settings}[name])
    head = {} if more and kept_whole else {"url_name": block.key.id}  # a draft is called as its file is
    inside: list[str] = []
    if element is None:
        head |= {FAMILY: "xblock.v1", **attributes.others}
        inside += writer.children(block)
    else:
        kept = {name: text for name, text in element.attrib.items() if name not in attributes.fields}
        head |= {
            str(name): attributes.others.get(str(name), str(text))
            for name, text in kept.items()
            if str(name) in attributes.others or str(name) == FAMILY or str(name).startswith("{")
        }
        head |= {name: text for name, text in attributes.others.items() if name not in head}
    options = [] if replaced else options_of(attributes)
    writer.leave(block, attributes.left)
    inside = [*asides_of(writer, block), *options, *inside]
    if element is None:
        return Definition(
            element_text(block.key.type, {**head, **attributes.fields, **more}, indented(inside)), not more
        )
    element.attrib.clear()
    for name, text in {**head, **attributes.fields, **more}.items():
        element.set(name, text)
    _put_first(element, inside)
    return Definition(outer_xml(element), not more)


def _discussion(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    attributes = classic_attributes(block, writer.course, skip=(INNER_XML,))
    head = {"url_name": block.key.id, FAMILY: "xblock.v1", **attributes.fields, **attributes.others, **more}
    writer.leave(block, attributes.left)
    inside = "".join(asides_of(writer, block)) + _inner(writer, block, INNER_XML)
    return Definition(element_text("discussion", head, inside), inline=not more)


def _poll_question(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    answers = block.content.get("answers", [])
    attributes = classic_attributes(block, writer.course, skip=("question", "answers"))
    writer.leave(block, attributes.left)
    inside = "".join(asides_of(writer, block)) + writer.portable(_inner(writer, block, "question"))
    if isinstance(answers, list) and all(map(_is_answer, answers)):
        inside += "".join(
            element_text("answer", {"id": answer["id"]}, writer.portable(answer["text"]))
            for answer in answers
        )
    else:
        _leave_content(writer, block, "answers")
    return Definition(
        element_text("poll_question", {**attributes.fields, **attributes.others, **more}, inside)
    )


def _conditional(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    content = block.content
    own = ("sources_list", "show_tag_list", "conditional_attr", "conditional_value", "conditional_message")
    attributes = classic_attributes(block, writer.course, skip=own)
    if sources := _references(writer, content.get("sources_list")):
        attributes.fields["sources"] = ";".join(sources)
    condition, value = content.get("conditional_attr"), content.get("conditional_value")
    if condition in CONDITIONS and isinstance(value, str) and is_xml_text(value):
        attributes.fields[condition] = value
    else:
        _leave_content(writer, block, "conditional_attr", "conditional_value")
    message = content.get("conditional_message")
    if isinstance(message, str) and is_xml_text(message):
        attributes.fields["message"] = message
    else:
        _leave_content(writer, block, "conditional_message")
    return _classic(writer, block, attributes, more, list(_shown(writer, block)))


def _shown(writer: BlockWriter, block: PlainBlock) -> Iterator[str]:
    """The children of a conditional: by key those that it only shows, which stand somewhere else."""
    shown = block.content.get("show_tag_list")
    keys = [block_of(item) for item in shown] if isinstance(shown, list) else []
    children = [child for child in block.children or () if child in writer.blocks]
    by_key = {child for child in children if child in keys and writer.stands_elsewhere(child, block.key)}
    if [child for child in children if child in by_key] == keys:
        for child in children:
            if child in by_key:
                yield element_text("show", {"sources": str(writer.course.usage(*child))})
            else:
                yield writer.element(child)
        return
    # What is shown is said apart: by elements it would be something else.
    _leave_content(writer, block, "show_tag_list")
    for child in children:
        yield writer.element(child)


def _references(writer: BlockWriter, value: object) -> list[str]:
    texts = reference_texts(Kind.REFERENCE_LIST, value, writer.course)
    return [text for text in texts or [] if isinstance(text, str)]


def _video(writer: BlockWriter, block: PlainBlock, more: Mapping[str, str]) -> Definition:
    """Everything in attributes. What the reader would add is written, so that nothing changes on the way."""
    settings: dict[str, Any] = dict(block.settings)
    for name in _TIMES:
        if settings.get(name) in ("", "00:00:00"):
            del settings[name]
    for name in ("handout", "track"):
        if isinstance(url := settings.get(name), str):
            settings[name] = writer.links.portable_url(url)
    if isinstance(edx_video_id := settings.get("edx_video_id"), str):
        settings["edx_video_id"] = edx_video_id.strip()
    if settings.get("track") and "download_track" not in settings:
        settings["download_track"] = True
    others = settings.get(OTHERS)
    plain = PlainBlock(block.key, settings, block.content, None, block.asides)
    attributes = classic_attributes(plain, writer.course, skip=(INNER_XML,))
    title = others.get("name") if isinstance(others, Mapping) else None
    if isinstance(title, str) and is_xml_text(title):
        attributes.others["name"] = title
        attributes.left.get(OTHERS, {}).pop("name", None)
    writer.leave(block, attributes.left)
    inside = "".join(asides_of(writer, block)) + writer.portable(_inner(writer, block, INNER_XML))
    told = {**attributes.fields, **attributes.others, **more}
    if writer.has_file(block.key) or more:
        return Definition(element_text("video", told, inside))
    if not told and not inside:
        told["filename"] = file_name(
            block.key
        )  # of videos the reader takes none; but a bare name is a pointer
    return Definition(element_text("video", {"url_name": block.key.id, **told}, inside), inline=True)


_RULES: Mapping[str, Rule] = {
    "conditional": _conditional,
    "discussion": _discussion,
    "html": _html,
    "lti": _with_optional_xml,
    "poll_question": _poll_question,
    "problem": _problem,
    "video": _video,
    "word_cloud": _with_optional_xml,
}


def _classic(
    writer: BlockWriter,
    block: PlainBlock,
    attributes: Attributes,
    more: Mapping[str, str],
    inside: Sequence[str] = (),
) -> Definition:
    """A block whose fields are attributes."""
    writer.leave(block, attributes.left)
    parts = [*asides_of(writer, block), *inside]
    return Definition(
        element_text(block.key.type, {**attributes.fields, **attributes.others, **more}, indented(parts))
    )


def asides_of(writer: BlockWriter, block: PlainBlock) -> list[str]:
    """The asides of a block, as elements; what these cannot say is left."""
    found = []
    for aside in block.asides:
        fields = {str(name): value for name, value in aside.get("fields", {}).items()}
        content = fields.pop("content", "")
        texts = {
            name: value if isinstance(value, str) else json_text(value)
            for name, value in sorted(fields.items())
        }
        names = [str(aside.get("aside_type")), *texts]
        if all(map(is_xml_name, names)) and all(map(is_xml_text, texts.values())) and _is_inside(content):
            found.append(element_text(names[0], {FAMILY: "xblock_asides.v1", **texts}, content))
    if len(found) < len(block.asides) or not all(map(_is_of_texts, block.asides)):
        writer.leave_more(block, "asides", native(list(block.asides)))
    return found


def _is_of_texts(aside: Mapping[str, Any]) -> bool:
    """Whether an aside has what elements say, and nothing else."""
    fields = aside.get("fields", {})
    return (
        set(aside) == {"aside_type", "fields"}
        and all(isinstance(value, str) for value in fields.values())
        and not {"url_name", FAMILY} & set(fields)
        and fields.get("content", "text").strip() != ""
    )


def _fill(
    writer: BlockWriter, element: Element, block: PlainBlock, attributes: Attributes, more: Mapping[str, str]
) -> None:
    """Write the fields of a block into the element that has its content."""
    for name in [name for name in attributes.others if element.get(name) is None]:
        attributes.leave(name, attributes.others.pop(name))
    for name, text in {**attributes.fields, **more}.items():
        element.set(name, text)
    writer.leave(block, attributes.left)
    _put_first(element, asides_of(writer, block))


def _put_first(element: Element, parts: list[str]) -> None:
    for at, part in enumerate(parts):
        element.insert(at, etree.fromstring(part))


def _kept_xml(block: PlainBlock) -> tuple[str | None, Element | None]:
    """The field that keeps the XML of a pure block, and that."""
    data = fields_of(block.key.type).get("data")
    field = "data" if data is None or data.kind is Kind.STRING else INNER_XML
    element = parsed(block.content.get(field))
    if element is None or element.tag != block.key.type or not (len(element) or stray_text(element)):
        return None, None
    return field, element


def options_of(attributes: Attributes) -> list[str]:
    """Elements for fields of a pure block that are None and that no attribute can say; taken out of those
    that are left.
    """
    namespace = OPTION.strip("{}")
    names = [name for name, value in attributes.left.items() if value is None and is_xml_name(name)]
    for name in names:
        del attributes.left[name]
    return [f'<option:{name} xmlns:option="{namespace}" none="true"/>' for name in names]


def _leave_content(writer: BlockWriter, block: PlainBlock, *names: str) -> None:
    """Content of which the element says nothing."""
    writer.leave(block, {name: native(block.content[name]) for name in names if name in block.content})


def _inner(writer: BlockWriter, block: PlainBlock, field: str) -> str:
    """What stands inside: a text that is XML; any other is left."""
    value = block.content.get(field, "")
    if field == INNER_XML and isinstance(value, str) and value.strip() == "":
        return ""  # of blanks the reader keeps none there
    if isinstance(value, str) and _is_inside(value):
        return value
    _leave_content(writer, block, field)
    return ""


def _is_inside(text: object) -> bool:
    """Whether this can stand inside an element."""
    return isinstance(text, str) and is_xml_text(text) and parsed(f"<a>{text}</a>") is not None


def _is_answer(answer: object) -> bool:
    return (
        isinstance(answer, dict)
        and isinstance(answer.get("id"), str)
        and answer["id"] != ""
        and is_xml_text(answer["id"])
        and _is_inside(answer.get("text"))
        and set(answer) == {"id", "text"}
    )
