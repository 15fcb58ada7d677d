"""The indexes that the store's queries go by.

A new, empty MongoDB database gets them at its first write; an existing one by ``modulestore upgrade`` only,
since building an index on a large live collection is the operator's decision. Everything works, slower,
without them. SQLite's schema has its own.
"""

from __future__ import annotations

from modulestore.upkeep.steps import DatabaseIndex, Step

STEP = Step(
    name="0001-indexes",
    kind="indexes",
    what="make the database indexes that look-ups of courses, histories and files go by",
    why="a course is found by its key in one look-up and can be there only once; "
    "its history and its files are listed without a scan",
    indexes=(
        DatabaseIndex(
            "modulestore.active_versions",
            "org_1_course_1_run_1",
            (("org", 1), ("course", 1), ("run", 1)),
            unique=True,
        ),
        DatabaseIndex("modulestore.structures", "original_version_1", (("original_version", 1),)),
        DatabaseIndex(
            "fs.files",
            "content_son.org_1_content_son.course_1_content_son.name_1",
            (("content_son.org", 1), ("content_son.course", 1), ("content_son.name", 1)),
            sparse=True,
        ),
        DatabaseIndex("fs.chunks", "files_id_1_n_1", (("files_id", 1), ("n", 1)), unique=True),
        DatabaseIndex("trash_fs.chunks", "files_id_1_n_1", (("files_id", 1), ("n", 1)), unique=True),
    ),
)
