"""What the storage backends do that has no colour: statements, stored forms, sizes, and how a driver's errors
become ours.

Functions here either compute or block; none waits for a lock or a task. ``_async`` and ``_sync`` hold the
backends themselves, which decide when and where these run.
"""
