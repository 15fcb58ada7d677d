"""The jobs, one module each."""

from tools.bench.jobs import (
    authors,
    changes,
    edit,
    edit_100,
    importing,
    open_problems,
    open_videos,
    publish_unit,
    views,
    walk,
)

__all__ = ["JOBS"]

JOBS = (
    importing.JOB,
    open_videos.JOB,
    open_problems.JOB,
    walk.JOB,
    views.JOB,
    edit.JOB,
    edit_100.JOB,
    publish_unit.JOB,
    changes.JOB,
    authors.JOB,
)
