"""Of which type a file is, and what a browser may do that opens it.

Files come from authors, and are served beside the pages of a site whose learners are signed in. So a type is
taken from what is stored or from the name, never from the bytes, and whatever could run scripts as a page
runs them in a sandbox, where they are of no site.
"""

from __future__ import annotations

import re

from modulestore.model.files import CourseFile

__all__ = ["UNKNOWN", "content_type", "security_policy"]

UNKNOWN = "application/octet-stream"

_TOKEN = r"[\w!#$&^.+-]{1,64}"
_is_type = re.compile(rf"({_TOKEN}/{_TOKEN})[ \t]*(;[\t\x20-\x7e]*)?", re.ASCII).fullmatch
_charset = re.compile(r";[ \t]*charset=\"?([\w.:+-]{1,40})", re.ASCII | re.IGNORECASE).search
# Types that are envelopes of others: what a browser does with them is up to what is inside.
_ENVELOPES = ("multipart/", "message/")

# Our own table: those of Python and of the machine differ from one to the next.
_OF_ENDINGS = {
    "aac": "audio/aac",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "bz2": "application/x-bzip2",
    "c": "text/plain",
    "css": "text/css",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "eot": "application/vnd.ms-fontobject",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "gif": "image/gif",
    "gz": "application/gzip",
    "htm": "text/html",
    "html": "text/html",
    "ico": "image/vnd.microsoft.icon",
    "ipynb": "application/json",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "m": "text/plain",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "py": "text/plain",
    "rtf": "application/rtf",
    "sjson": "application/json",
    "srt": "application/x-subrip",
    "svg": "image/svg+xml",
    "tex": "text/plain",
    "tgz": "application/gzip",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "tsv": "text/tab-separated-values",
    "ttf": "font/ttf",
    "txt": "text/plain",
    "vtt": "text/vtt",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "xz": "application/x-xz",
    "zip": "application/zip",
}

_PAGES = ("text/html", "application/xhtml+xml")
_INERT_KINDS = ("image/", "audio/", "video/", "font/")
_INERT = frozenset(
    {
        UNKNOWN,
        "application/gzip",
        "application/javascript",
        "application/json",
        "application/pdf",
        "application/x-subrip",
        "application/zip",
        "text/css",
        "text/csv",
        "text/javascript",
        "text/markdown",
        "text/plain",
        "text/vtt",
    }
)
# Pages of authors may be programs (simulations, exercises): they run, but of no site. Documents that are not
# meant to be programs show what is in them, and nothing else.
_PAGE_POLICY = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
_DOCUMENT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"


def content_type(file: CourseFile) -> str:
    """The value of the header ``Content-Type``: what is stored if it is a type, else what the name says.

    Of parameters, ``charset`` alone is kept.
    """
    match = _is_type((file.content_type or "").strip())
    if match is None:
        return _OF_ENDINGS.get(file.key.name.rpartition(".")[2].lower(), UNKNOWN)
    name, charset = match[1].lower(), _charset(match[2] or "")
    if name.startswith(_ENVELOPES):
        return UNKNOWN
    return f"{name}; charset={charset[1]}" if charset else name


def security_policy(content_type: str) -> str | None:
    """The value of the header ``Content-Security-Policy`` for a file of this type; None if it needs none.

    Which types need none is a list: what is not on it gets one.
    """
    name = content_type.partition(";")[0]
    if name in _PAGES:
        return _PAGE_POLICY
    if name in _INERT or (name.startswith(_INERT_KINDS) and not name.endswith("xml")):
        return None
    return _DOCUMENT_POLICY
