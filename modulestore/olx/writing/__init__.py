"""Writing a plain course as the files of an archive: the reader (``modulestore.olx``) backwards."""

from modulestore.olx.writing.course import Written, write_course
from modulestore.olx.writing.drafts import DRAFTS_FOLDER
from modulestore.olx.writing.statics import ASSETS_JSON, listed_files

__all__ = ["ASSETS_JSON", "DRAFTS_FOLDER", "Written", "listed_files", "write_course"]
