"""The ``modulestore`` command. It works with the synchronous store, and prints what that returns."""

from modulestore.cli.main import main

__all__ = ["main"]
