"""How thorough a run of the tests is."""

from __future__ import annotations

import os

__all__ = ["FEW_SWITCHES", "IS_STRESS", "PROFILE"]

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
"""``stress`` takes hours, and leaves nothing out."""

IS_STRESS = PROFILE == "stress"

FEW_SWITCHES = None if IS_STRESS else 3
"""How often one who could go on has to wait, where every order is tried. Nearly all that goes wrong goes
wrong with few.
"""
