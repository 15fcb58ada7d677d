"""A learning service: what each learner sees of a course, over HTTP."""

from learning_api.application import create_app

__all__ = ["create_app"]
