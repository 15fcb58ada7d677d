"""An authoring service: several authors edit one course over HTTP at the same time."""

from authoring_api.application import create_app

__all__ = ["create_app"]
