"""What objects are called."""

from __future__ import annotations

import pytest
from bson import ObjectId

from modulestore.errors import CorruptDocument, InvalidURL
from modulestore.storage.object_names import (
    ObjectName,
    checked_place,
    is_object_url,
    object_url,
    parse_object_url,
)

FOLDER = "0123456789abcdef01234567"
ID = ObjectId("65f0c0ffee65f0c0ffee65f0")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/folder//", "s3://bucket/folder"),
        ("file:///srv/größe/objects/", "file:///srv/größe/objects"),
        ("abfs://container/a", "abfs://container/a"),
    ],
)
def test_places(url: str, place: str) -> None:
    assert checked_place(url) == place


@pytest.mark.parametrize(
    "url",
    ["", "objects", "/srv/objects", "s3:", "s3://", "s3://a b", "S3://a", "s3://a?b=c", "s3://a#b", "s3:///"],
)
def test_no_places(url: str) -> None:
    with pytest.raises(InvalidURL, match="is no place for objects"):
        checked_place(url)


def test_a_password_is_not_kept_in_the_database() -> None:
    with pytest.raises(InvalidURL, match="no password") as caught:
        checked_place("sftp://user:secret@host/objects")
    assert "secret" not in str(caught.value)


def test_names_there_and_back() -> None:
    url = object_url("s3://bucket/a", FOLDER, ID)
    assert url == f"s3://bucket/a/{FOLDER}/f0/{ID}"
    assert parse_object_url(url) == ObjectName("s3://bucket/a", f"{FOLDER}/f0/{ID}", FOLDER, ID)
    assert is_object_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        f"s3://bucket/{FOLDER}/f0/{ID}/..",
        f"s3://bucket/{FOLDER}/f0/..",
        f"{FOLDER}/f0/{ID}",
        f"s3://bucket/{FOLDER}/f0/{ID}\n",
        "",
    ],
)
def test_a_database_leads_to_nothing_else(url: str) -> None:
    assert not is_object_url(url)
    with pytest.raises(CorruptDocument, match="is no object"):
        parse_object_url(url)
