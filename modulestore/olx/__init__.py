"""The course archive format (OLX), read: a *file tree* in, a plain course out.

An *archive* is a folder or a tar file of a course or library as Open edX Studio exports it, or as people
wrote it by hand before there was Studio. `open_archive` gives its files, `read_course` makes a plain course
of them (`modulestore.model.plain`): blocks with typed fields, static files, drafts, and every *problem* that
was worked around on the way. What cannot be read is refused with `InvalidArchive` or `InvalidCourse`.

Nothing here knows of stores. Sources are named in the modules as "course archive format, <section>".
"""

from modulestore.olx.archive import Limits, open_archive
from modulestore.olx.reader import read_course
from modulestore.olx.tree import FileTree, FolderTree, SubTree

__all__ = ["FileTree", "FolderTree", "Limits", "SubTree", "open_archive", "read_course"]
