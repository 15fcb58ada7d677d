"""How thorough a run of the tests is."""

from __future__ import annotations

import os

__all__ = ["IS_STRESS", "PROFILE"]

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
"""``stress`` takes hours, and leaves nothing out."""

IS_STRESS = PROFILE == "stress"
