"""The jobs, one module each."""

from tools.bench.jobs import importing, open_problems, open_videos, walk

__all__ = ["JOBS"]

JOBS = (importing.JOB, open_videos.JOB, open_problems.JOB, walk.JOB)
