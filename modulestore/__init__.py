"""A versioned course content store: immutable structures and definitions, branches, and a compare-and-swap
index.

    import modulestore

    store = modulestore.connect("sqlite:///courses.db")
    store.import_course("course.tar.gz")
    course = store.open("course-v1:Example+MS101+2026")
    for video in course.blocks("video"):
        print(video.display_name, " / ".join(block.display_name for block in video.path))

    with store.edit(course.key, author="ana") as edit:
        edit.update(video, display_name="A better name")
    store.publish(course.key, author="ana")

``connect_async`` gives the same names to be awaited. Errors are in `modulestore.errors`, keys in
`modulestore.keys`, what a store does while it works in `modulestore.observing`.
"""

from modulestore._async.assets import AsyncAssets
from modulestore._async.connect import connect_async
from modulestore._async.editing import AsyncEditSession
from modulestore._async.store import AsyncStore
from modulestore._sync.assets import Assets
from modulestore._sync.connect import connect
from modulestore._sync.editing import EditSession
from modulestore._sync.store import Store
from modulestore.errors import ModuleStoreError
from modulestore.keys import AssetKey, BlockKey, CourseKey, LibraryKey, UsageKey, VersionId
from modulestore.model.bundle import BundleReport, RestoreReport
from modulestore.model.commit import BranchMove, Commit
from modulestore.model.conflict import KeptConflict
from modulestore.model.course import Block, Course
from modulestore.model.diff import Diff
from modulestore.model.exporting import ExportReport
from modulestore.model.file_listing import FilePage
from modulestore.model.files import CourseFile, FileVersion, Upload
from modulestore.model.history import BlockVersion, VersionInfo
from modulestore.model.importing import ImportReport
from modulestore.model.inheritance import Origin, Resolved
from modulestore.model.local_work import LocalRules
from modulestore.model.merging import ConflictItem
from modulestore.model.plain import Problem
from modulestore.model.publishing import Change, Preview
from modulestore.model.static_links import StaticLinks
from modulestore.model.summary import CourseSummary
from modulestore.model.thumbnails import Thumbnail
from modulestore.model.values import Progress as ProgressCallback
from modulestore.model.views import (
    BlockFilter,
    Collector,
    ContentGroups,
    CourseView,
    EffectiveField,
    GradableCounts,
    HideFromToc,
    OwnField,
    StaffOnly,
    StartDates,
    Transformer,
    User,
    ViewBlock,
)
from modulestore.upkeep.checking import CheckReport, RepairReport
from modulestore.upkeep.conversion import Conversion
from modulestore.upkeep.draft_courses import DraftConversion
from modulestore.upkeep.statistics import Statistics

__version__ = "0.1.0.dev0"

__all__ = [
    "AssetKey",
    "Assets",
    "AsyncAssets",
    "AsyncEditSession",
    "AsyncStore",
    "Block",
    "BlockFilter",
    "BlockKey",
    "BlockVersion",
    "BranchMove",
    "BundleReport",
    "Change",
    "CheckReport",
    "Collector",
    "Commit",
    "ConflictItem",
    "ContentGroups",
    "Conversion",
    "Course",
    "CourseFile",
    "CourseKey",
    "CourseSummary",
    "CourseView",
    "Diff",
    "DraftConversion",
    "EditSession",
    "EffectiveField",
    "ExportReport",
    "FilePage",
    "FileVersion",
    "GradableCounts",
    "HideFromToc",
    "ImportReport",
    "KeptConflict",
    "LibraryKey",
    "LocalRules",
    "ModuleStoreError",
    "Origin",
    "OwnField",
    "Preview",
    "Problem",
    "ProgressCallback",
    "RepairReport",
    "Resolved",
    "RestoreReport",
    "StaffOnly",
    "StartDates",
    "StaticLinks",
    "Statistics",
    "Store",
    "Thumbnail",
    "Transformer",
    "Upload",
    "UsageKey",
    "User",
    "VersionId",
    "VersionInfo",
    "ViewBlock",
    "__version__",
    "connect",
    "connect_async",
]
