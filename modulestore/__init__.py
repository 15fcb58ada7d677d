"""A versioned course content store: immutable structures and definitions, branches, and a compare-and-swap
index.

    import modulestore

    store = modulestore.connect("sqlite:///courses.db")
    store.import_course("course.tar.gz")
    course = store.open("course-v1:Example+MS101+2026")
    for video in course.blocks("video"):
        print(video.display_name, " / ".join(block.display_name for block in video.path))

``connect_async`` gives the same names to be awaited. Errors are in :mod:`modulestore.errors`, keys in
:mod:`modulestore.keys`.
"""

from modulestore._async.connect import connect_async
from modulestore._async.store import AsyncStore
from modulestore._sync.connect import connect
from modulestore._sync.store import Store
from modulestore.errors import ModuleStoreError
from modulestore.keys import AssetKey, BlockKey, CourseKey, LibraryKey, UsageKey, VersionId
from modulestore.model.course import Block, Course
from modulestore.model.importing import ImportReport
from modulestore.model.inheritance import Origin, Resolved
from modulestore.model.plain import Problem
from modulestore.model.summary import CourseSummary
from modulestore.model.values import Progress as ProgressCallback

__all__ = [
    "AssetKey",
    "AsyncStore",
    "Block",
    "BlockKey",
    "Course",
    "CourseKey",
    "CourseSummary",
    "ImportReport",
    "LibraryKey",
    "ModuleStoreError",
    "Origin",
    "Problem",
    "ProgressCallback",
    "Resolved",
    "Store",
    "UsageKey",
    "VersionId",
    "connect",
    "connect_async",
]
