"""The benchmarks: what the library's operations cost, beside what they are compared with, in one run.

A *job* is something that users wait for. It gives *cases*: the job on certain data. A case has *variants*:
ways to do the same, ours among them, that are measured in turn, round after round, so that noise hits all of
them. What a variant does is an *operation*, described by a few values, so that a fresh process can do it as
well and find out what cannot be measured in this one (memory, commands). A variant's measurements are one
*result*.

To add a job: a module in ``jobs`` with a function that gives its cases, and its name in ``jobs.JOBS``.
"""
