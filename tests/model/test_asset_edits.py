"""Asset metadata in a new version."""

from __future__ import annotations

import pytest

from modulestore.errors import AssetNotFound
from modulestore.model.editing import apply_edits
from modulestore.model.edits import SetAsset
from tests.model.revisions import edited, revise
from tests.structures import TREE, structure


class TestAssets:
    def test_metadata_is_kept_sorted_with_all_its_fields(self) -> None:
        revision = edited(
            structure(TREE),
            SetAsset("asset", "b.png", {"locked": True, "contenttype": "image/png", "mine": 1}),
            SetAsset("asset", "a.png", {}),
        )
        assert revision.assets is not None
        first, second = revision.assets["asset"]
        assert (first["filename"], second["filename"]) == ("a.png", "b.png")
        assert list(second) == [
            "filename",
            "asset_type",
            "pathname",
            "internal_name",
            "locked",
            "contenttype",
            "thumbnail",
            "fields",
            "edit_info",
        ]
        assert (second["locked"], second["fields"], second["thumbnail"]) == (True, {"mine": 1}, None)
        assert second["edit_info"] == {
            "curr_version": None,
            "prev_version": None,
            "created_by": "ana",
            "created_by_email": None,
            "created_on": revision.now,
            "edited_by": "ana",
            "edited_by_email": None,
            "edited_on": revision.now,
        }
        assert not revision.is_empty

    def test_who_made_it_stays_when_it_is_replaced(self) -> None:
        base = edited(structure(TREE), SetAsset("asset", "a.png", {"locked": False})).structure()
        revision = revise(base, 60, "bo")
        apply_edits(revision, [SetAsset("asset", "a.png", {"locked": True})], {})
        assert revision.assets is not None
        info = revision.assets["asset"][0]["edit_info"]
        assert (info["created_by"], info["edited_by"], info["edited_on"]) == ("ana", "bo", revision.now)
        same = revise(base, 60, "bo")
        apply_edits(same, [SetAsset("asset", "a.png", {"locked": False})], {})
        assert same.is_empty

    def test_removal(self) -> None:
        base = edited(structure(TREE), SetAsset("asset", "a.png", {})).structure()
        revision = edited(base, SetAsset("asset", "a.png", None))
        assert revision.assets == {"asset": []}
        with pytest.raises(AssetNotFound, match=r"none\.png"):
            edited(base, SetAsset("asset", "none.png", None))
