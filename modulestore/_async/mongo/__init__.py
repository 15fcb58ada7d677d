"""The MongoDB backend: the collections and the GridFS bucket of an Open edX platform."""

from modulestore._async.mongo.backend import DriverDatabase, MongoBackend, open_database, open_mongo

__all__ = ["DriverDatabase", "MongoBackend", "open_database", "open_mongo"]
