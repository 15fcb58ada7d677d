"""The video block.

Source: course archive format, type rules of video. Its attributes and its elements say many things twice;
policies do not apply to it.
"""

from __future__ import annotations

import re

from modulestore.model.fields import FIELD_NAMES_NEVER_READ, field_of
from modulestore.olx.attributes import store_text
from modulestore.olx.reading import FAMILY, Reading
from modulestore.olx.rules.leaves import INNER_XML
from modulestore.olx.values import OTHERS, classic_value
from modulestore.olx.xml import attributes_of, children_of, remove_child, stray_text

__all__ = ["video"]

_RENAMED = {"from": "start_time", "to": "end_time"}
_TIMES = ("start_time", "end_time")
_SPEEDS = {
    "0.75": "youtube_id_0_75",
    "1.0": "youtube_id_1_0",
    "1.25": "youtube_id_1_25",
    "1.5": "youtube_id_1_5",
}
_YOUTUBE = re.compile(r"\s*([\d.]+)\s*:\s*([^,:\s]*)\s*", re.ASCII)


def video(reading: Reading) -> None:
    """Read a video: attributes, then the elements inside, then what follows from both."""
    element = reading.element
    others: dict[str, str] = {}
    for attribute, text in attributes_of(element).items():
        name = _RENAMED.get(attribute, attribute)
        if name in FIELD_NAMES_NEVER_READ or name in ("slug", "youtube", FAMILY):
            continue
        known = field_of("video", name)
        if known is None or name == "name":
            others[attribute] = text
        elif name == attribute or name not in element.attrib:
            store_text(reading, name, known, text, classic_value)
    _take_youtube(reading, others)
    if others:
        reading.settings[OTHERS] = others
    _take_elements(reading)
    for name in _TIMES:
        if reading.settings.get(name) in ("", "00:00:00"):
            del reading.settings[name]
    for name in ("handout", "track"):
        if isinstance(url := reading.settings.get(name), str):
            reading.settings[name] = reading.loader.links.portable_url(url)
    if isinstance(reading.settings.get("edx_video_id"), str):
        reading.settings["edx_video_id"] = reading.settings["edx_video_id"].strip()


def _take_youtube(reading: Reading, others: dict[str, str]) -> None:
    """``1.00:ID,0.75:ID``; an attribute of a speed's own goes first, unless it is empty."""
    text = reading.element.get("youtube")
    if not text:
        return
    for part in text.split(","):
        match = _YOUTUBE.fullmatch(part)
        name = (
            _SPEEDS.get(str(float(match[1])))
            if match and match[1].count(".") < 2 and match[1] != "."
            else None
        )
        if match is None or name is None:
            others["youtube"] = text
            reading.report("its attribute youtube is no list of speeds and ids", "kept as text")
        elif match[2] and not reading.settings.get(name):
            reading.settings[name] = match[2]


def _take_elements(reading: Reading) -> None:
    element = reading.element
    sources, transcripts = [], {}
    for child in children_of(element):
        src = child.get("src")
        if child.tag == "source" and src:
            sources.append(src)
        elif child.tag in ("track", "handout") and src:
            if child.tag not in reading.settings:
                reading.settings[child.tag] = src
        elif child.tag == "transcript" and src and child.get("language"):
            transcripts[child.get("language")] = src
        else:
            continue
        remove_child(element, child)
    if sources:
        reading.settings["html5_sources"] = sources
        if "download_video" not in reading.settings:
            reading.settings.setdefault("source", sources[0])
    if transcripts:
        known = reading.settings.get("transcripts")
        reading.settings["transcripts"] = {**(known if isinstance(known, dict) else {}), **transcripts}
    if reading.settings.get("track") and "download_track" not in reading.settings:
        reading.settings["download_track"] = True
    if len(element) or stray_text(element):  # the record of a video pipeline, say
        reading.content[INNER_XML] = reading.loader.inner(element)
