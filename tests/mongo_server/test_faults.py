"""Servers that lose replies, refuse, stall, die and come back: what a client sees, and what has happened."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, ConnectionFailure, NetworkTimeout, OperationFailure

from tests.servers import PrivateMongoDB
from tools.mongo_server import Options, ServerFailed, running

Items = Collection[dict[str, Any]]


@contextmanager
def items(server: PrivateMongoDB, **options: Any) -> Iterator[Items]:
    """An empty collection, over a client that tells everything: it does not retry."""
    options = {"retryWrites": False, "retryReads": False, "serverSelectionTimeoutMS": 10_000} | options
    with MongoClient[dict[str, Any]](server.url("faults"), **options) as client:
        collection = client.faults.items
        collection.delete_many({})
        collection.insert_one({"_id": 0, "v": 0})
        yield collection


def test_a_lost_reply_to_a_write_that_took_effect(private_mongodb: PrivateMongoDB) -> None:
    with items(private_mongodb) as collection:
        for command, write in (
            ("update", lambda: collection.update_one({"_id": 0, "v": 0}, {"$set": {"v": 1}})),
            ("findAndModify", lambda: collection.find_one_and_update({"v": 1}, [{"$set": {"v": 2}}])),
            ("insert", lambda: collection.insert_one({"_id": 1})),
        ):
            with (
                private_mongodb.failing(command, close_connection=True, after_execution=True),
                pytest.raises(AutoReconnect),
            ):
                write()
        assert list(collection.find().sort("_id")) == [{"_id": 0, "v": 2}, {"_id": 1}]


def test_a_driver_that_retries_is_answered_and_not_obeyed_twice(private_mongodb: PrivateMongoDB) -> None:
    with items(private_mongodb, retryWrites=True) as collection:
        lost = {"close_connection": True, "after_execution": True}
        with private_mongodb.failing("update", **lost):
            assert collection.update_one({"_id": 0, "v": 0}, {"$inc": {"v": 1}}).modified_count == 1
        with private_mongodb.failing("findAndModify", **lost):
            after = ReturnDocument.AFTER
            found = collection.find_one_and_update({"v": 1}, {"$inc": {"v": 1}}, return_document=after)
            assert found == {"_id": 0, "v": 2}
        with private_mongodb.failing("insert", **lost):
            collection.insert_many([{"_id": i} for i in range(1, 10)])
        assert collection.count_documents({}) == 10


def test_a_connection_closed_before_the_command_is_executed(private_mongodb: PrivateMongoDB) -> None:
    with items(private_mongodb) as collection:
        with private_mongodb.failing("update", close_connection=True), pytest.raises(AutoReconnect):
            collection.update_one({"_id": 0}, {"$inc": {"v": 1}})
        assert collection.find_one() == {"_id": 0, "v": 0}


def test_errors_come_as_often_as_told_and_for_these_commands(private_mongodb: PrivateMongoDB) -> None:
    with items(private_mongodb) as collection, private_mongodb.failing("update", times=2, error_code=50):
        assert collection.count_documents({}) == 1
        for _ in range(2):
            with pytest.raises(OperationFailure) as caught:
                collection.update_one({"_id": 0}, {"$inc": {"v": 1}})
            assert caught.value.code == 50
        assert collection.update_one({"_id": 0}, {"$inc": {"v": 1}}).modified_count == 1


def test_a_lost_reply_to_a_commit(private_mongodb: PrivateMongoDB) -> None:
    with items(private_mongodb) as collection, collection.database.client.start_session() as session:
        for times, after in (1, True), (2, False):
            lost = private_mongodb.failing(
                "commitTransaction", times=1, close_connection=True, after_execution=after
            )
            with lost, session.start_transaction():  # the driver always tries to commit once more
                collection.update_one({"_id": 0}, {"$inc": {"v": 1}}, session=session)
            assert collection.find_one() == {"_id": 0, "v": times}


def test_a_conflict_makes_with_transaction_start_again(private_mongodb: PrivateMongoDB) -> None:
    with items(private_mongodb) as collection, collection.database.client.start_session() as session:
        attempts: list[int] = []

        def work(session: Any) -> None:
            attempts.append(1)
            collection.insert_one({"_id": 1}, session=session)
            collection.update_one({"_id": 0}, {"$inc": {"v": 1}}, session=session)

        with private_mongodb.failing("update", error_code=112):
            session.with_transaction(work)
        assert len(attempts) == 2
        assert list(collection.find().sort("_id")) == [{"_id": 0, "v": 1}, {"_id": 1}]


ABANDON = """
import os, sys
from pymongo import MongoClient
client = MongoClient(sys.argv[1])
session = client.start_session()
session.start_transaction()
client.faults.items.update_one({"_id": 0}, {"$set": {"v": "abandoned"}}, session=session)
os._exit(0)
"""


def test_the_transaction_of_a_client_that_died_is_rolled_back(private_mongodb: PrivateMongoDB) -> None:
    if not private_mongodb.server.stand_in:
        pytest.skip("mongod waits for a minute")
    with items(private_mongodb) as collection:
        subprocess.run([sys.executable, "-c", ABANDON, private_mongodb.server.uri], check=True)
        collection.update_one({"_id": 0}, {"$inc": {"v": 1}})  # waits for the lock
        assert collection.find_one() == {"_id": 0, "v": 1}


def test_a_standalone_server_has_no_transactions() -> None:
    with running(Options()) as server, MongoClient[dict[str, Any]](server.uri) as client:
        assert client.test.items.insert_one({"_id": 1}).acknowledged
        with client.start_session() as session, pytest.raises(OperationFailure) as caught:  # noqa: PT012
            session.start_transaction()
            client.test.items.insert_one({"_id": 2}, session=session)
        assert caught.value.code == 20


def test_acknowledged_writes_survive_the_death_of_everything(private_mongodb: PrivateMongoDB) -> None:
    with items(private_mongodb) as collection:
        acknowledged: list[int] = []
        killed = threading.Event()

        def write() -> None:
            number = 1
            while not killed.is_set():
                try:
                    collection.insert_one({"_id": number})
                except ConnectionFailure:
                    return
                acknowledged.append(number)
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        while len(acknowledged) < 100:
            threading.Event().wait(0.01)
        private_mongodb.server.kill()
        killed.set()
        writer.join()
        assert set(private_mongodb.server.pids) == {"keeper"}
        private_mongodb.server.restart()
        found = {document["_id"] for document in collection.find({"_id": {"$gt": 0}})}
        assert set(acknowledged) <= found <= {*acknowledged, len(acknowledged) + 1}


def test_a_dead_database_is_a_dead_server(private_mongodb: PrivateMongoDB) -> None:
    if not private_mongodb.server.stand_in:
        pytest.skip("mongod is one process")
    with items(private_mongodb) as collection:
        private_mongodb.server.kill("postgres")
        with pytest.raises(AutoReconnect):
            collection.update_one({"_id": 0}, {"$inc": {"v": 1}})
        private_mongodb.server.restart()
        assert collection.update_one({"_id": 0}, {"$inc": {"v": 1}}).modified_count == 1
        assert collection.find_one() == {"_id": 0, "v": 1}


def test_a_server_that_stalls(private_mongodb: PrivateMongoDB) -> None:
    with items(private_mongodb, socketTimeoutMS=1_000) as collection:
        private_mongodb.server.pause()
        with pytest.raises(NetworkTimeout):
            collection.find_one()
        private_mongodb.server.resume()
        assert collection.find_one() == {"_id": 0, "v": 0}


def test_a_dead_server_cannot_be_paused(private_mongodb: PrivateMongoDB) -> None:
    private_mongodb.server.kill()
    if private_mongodb.server.stand_in:
        with pytest.raises(ServerFailed, match="does not run"):
            private_mongodb.server.pause()
