"""The jobs, one module each."""

from tools.bench.jobs import (
    authors,
    changes,
    edit,
    edit_100,
    exporting,
    importing,
    large,
    memory,
    open_problems,
    open_videos,
    prune_plan,
    publish_unit,
    reopen,
    rerun_files,
    slow_readers,
    storage,
    views,
    walk,
)

__all__ = ["JOBS"]

JOBS = (
    importing.JOB,
    exporting.JOB,
    open_videos.JOB,
    reopen.JOB,
    open_problems.JOB,
    walk.JOB,
    views.JOB,
    edit.JOB,
    edit_100.JOB,
    publish_unit.JOB,
    changes.JOB,
    storage.JOB,
    memory.JOB,
    large.JOB,
    authors.JOB,
    prune_plan.JOB,
    rerun_files.JOB,
    slow_readers.JOB,
)
