"""XML that is dangerous or none."""

from __future__ import annotations

import pytest

from modulestore.olx import xml
from modulestore.olx.xml import Malformed, inner_xml, outer_xml, parse_xml, remove_child

BOMB = (
    '<?xml version="1.0"?>\n<!-- c -->\n<!DOCTYPE a [<!ENTITY b "'
    + "x" * 1000
    + '"><!ENTITY c "'
    + "&b;" * 1000
    + '">]>\n<a>'
    + "&c;" * 1000
    + "</a>"
)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (BOMB.encode(), "f.xml:3"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "f.xml:1"),
        (b"\xef\xbb\xbf\n <!DOCTYPE a><a/>", "f.xml:2"),
        (b'<!ENTITY x "y"><a/>', "f.xml:1"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "f.xml"),
        ("<!DOCTYPE a><a/>".encode("utf-32"), "f.xml"),
        (b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>', None),
        (b"<a>&undefined;</a>", "f.xml:1"),
        (b"<a>\n<b>\n</a>", "f.xml:3"),
        (b"", "f.xml:1"),
        (b"   \n ", None),
        (b"text", "f.xml:1"),
        (b"<a/><b/>", "f.xml:1"),
        (b"<a b='1' b='2'/>", "f.xml:1"),
        (b"<a>\x00</a>", "f.xml:1"),
        (b"<a>\xff\xfe</a>", "f.xml:1"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', None),
        (b"<a>" * 300 + b"</a>" * 300, "f.xml:1"),
        (b' <?xml version="1.0"?><a/>', "f.xml:1"),
    ],
)
def test_what_is_refused_says_where(data: bytes, place: str | None) -> None:
    with pytest.raises(Malformed) as caught:
        parse_xml(data, "f.xml")
    assert place is None or caught.value.place == place
    assert caught.value.place.startswith("f.xml")


def test_a_file_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "LARGEST", 10)
    with pytest.raises(Malformed, match="is larger than"):
        parse_xml(b"<a>12345</a>", "f.xml")


@pytest.mark.parametrize(
    "text",
    [
        "\n\n <a/>",
        "\ufeff<a/>",
        '<?xml version="1.0"?>\n<!-- <!DOCTYPE x> --><a/>',
        "<a><!-- <!DOCTYPE x> --></a>",
    ],
)
def test_what_is_read(text: str) -> None:
    assert parse_xml(text.encode(), "f.xml").tag == "a"


def test_another_encoding_that_the_file_declares() -> None:
    assert parse_xml('<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'.encode("latin-1"), "f").text == "é"


def test_texts_of_elements() -> None:
    root = parse_xml(b"<a>1 &lt; 2 &amp; <b>x</b> tail<c/></a>", "f.xml")
    assert inner_xml(root) == "1 &lt; 2 &amp; <b>x</b> tail<c/>"
    assert outer_xml(root[0]) == "<b>x</b>"
    remove_child(root, root[0])
    assert inner_xml(root) == "1 &lt; 2 &amp;  tail<c/>"
