"""The embedded backend: a store in one SQLite file, safe with several threads and several processes.

A *session* is how the ports reach the database: outside a group every call is a transaction of
its own, in a group all are one.
"""

from modulestore._async.sqlite.backend import SqliteBackend, open_sqlite

__all__ = ["SqliteBackend", "open_sqlite"]
