"""A MongoDB server for tests and benchmarks, on machines that have none.

The *stand-in* is PostgreSQL with the DocumentDB extension behind a *gateway* that speaks MongoDB's wire
protocol: a real server with real disks, indexes, transactions and races, though not mongod, so its times are
not MongoDB's. Its software lives in a private *root folder* that is built once per machine. A *keeper*
process owns each server and ends it, with everything it has written, when nobody *holds* it any more; a held
server is a `Server`.

What the stand-in does not do as mongod: no `keyPattern` in the details of a duplicate key, no collation on a
unique index, no explain, change streams, capped collections, authentication, TLS or compression. When an
insert and an upsert of one `_id` race, both may be told that they have inserted. Texts of messages differ.
Its one addition are fail points that lose a reply: see `gateway.failpoints`.
"""

from tools.mongo_server.engine import Options
from tools.mongo_server.errors import ServerFailed, ServerUnavailable
from tools.mongo_server.server import Server, running, servers, share, start

__all__ = ["Options", "Server", "ServerFailed", "ServerUnavailable", "running", "servers", "share", "start"]
