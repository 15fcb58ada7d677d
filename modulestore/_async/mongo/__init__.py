"""The MongoDB backend: the collections and the GridFS bucket of an Open edX platform."""

from modulestore._async.mongo.backend import MongoBackend, open_database, open_mongo

__all__ = ["MongoBackend", "open_database", "open_mongo"]
