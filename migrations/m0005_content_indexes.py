"""The indexes of the layout *content* of files.

A new, empty MongoDB database gets them at its first write. Everything works without them; but listing the
files of a course reads the documents of all courses, and pruning asks again and again who needs which bytes.
"""

from __future__ import annotations

from modulestore.upkeep.steps import DatabaseIndex, Step

STEP = Step(
    name="0005-content-indexes",
    kind="indexes",
    what="make the database indexes that files are listed by, where their bytes are stored once",
    why="the files of a course are listed without a scan, and so is what pruning asks: who needs these bytes",
    indexes=(
        DatabaseIndex("modulestore.files", "course_1", (("course", 1),)),
        DatabaseIndex("modulestore.files", "blobs_1", (("blobs", 1),)),
        DatabaseIndex("modulestore.blobs", "upload_1", (("upload", 1),)),
        DatabaseIndex("modulestore.blobs", "uploading.upload_1", (("uploading.upload", 1),)),
    ),
)
