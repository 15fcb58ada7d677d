"""Fields that blocks of every type take, and names that are never fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from modulestore.model.fields.kinds import Field, Kind

__all__ = ["COMMON", "FIELD_NAMES_NEVER_READ", "INHERITABLE"]

_DEFAULT_START = datetime(2030, 1, 1, tzinfo=UTC)

# Fields that a block takes from its nearest ancestor that sets them. ``edxnotes_visibility`` is a learner's
# own choice on the platform, which keeps it elsewhere; a course can still set it.
INHERITABLE: Mapping[str, Field] = {
    "graded": Field(Kind.BOOLEAN, default=False),
    "start": Field(Kind.DATE, default=_DEFAULT_START),
    "due": Field(Kind.DATE),
    "relative_weeks_due": Field(Kind.INTEGER),
    "visible_to_staff_only": Field(Kind.BOOLEAN, default=False),
    "course_edit_method": Field(Kind.STRING, default="Studio"),
    "giturl": Field(Kind.STRING),
    "xqa_key": Field(Kind.STRING),
    "graceperiod": Field(Kind.TIMEDELTA),
    "group_access": Field(Kind.DICT, default={}),
    "showanswer": Field(Kind.STRING, default="finished"),
    "show_correctness": Field(Kind.STRING, default="always"),
    "rerandomize": Field(Kind.STRING, default="never"),
    "days_early_for_beta": Field(Kind.FLOAT),
    "static_asset_path": Field(Kind.STRING, default=""),
    "use_latex_compiler": Field(Kind.BOOLEAN, default=False),
    "max_attempts": Field(Kind.INTEGER),
    "matlab_api_key": Field(Kind.STRING),
    "user_partitions": Field(Kind.LIST, default=[]),
    "video_speed_optimizations": Field(Kind.BOOLEAN, default=True),
    "video_auto_advance": Field(Kind.BOOLEAN, default=False),
    "video_bumper": Field(Kind.DICT, default={}),
    "show_reset_button": Field(Kind.BOOLEAN, default=False),
    "edxnotes": Field(Kind.BOOLEAN, default=False),
    "edxnotes_visibility": Field(Kind.BOOLEAN, default=True),
    "in_entrance_exam": Field(Kind.BOOLEAN, default=False),
    "self_paced": Field(Kind.BOOLEAN, default=False),
    "hide_from_toc": Field(Kind.BOOLEAN, default=False),
}

# Fields that a block of any type may set and that are not inherited. ``xml_attributes`` holds the attributes
# of a classic block that no field is named after; those named ``upstream…`` tie a copy to its library block.
COMMON: Mapping[str, Field] = {
    "display_name": Field(Kind.STRING),
    "xml_attributes": Field(Kind.DICT, default={}),
    "tags": Field(Kind.LIST, default=[]),
    "copied_from_block": Field(Kind.STRING),
    "upstream": Field(Kind.STRING),
    "upstream_version": Field(Kind.INTEGER),
    "upstream_version_declined": Field(Kind.INTEGER),
    "upstream_display_name": Field(Kind.STRING),
    "upstream_max_attempts": Field(Kind.INTEGER),
    "downstream_customized": Field(Kind.LIST, default=[]),
    "top_level_downstream_parent_key": Field(Kind.DICT),
}

# Attributes of an archive that are no fields, whatever the block (course archive format, attribute values).
FIELD_NAMES_NEVER_READ = frozenset(
    {
        "course",
        "data_dir",
        "discussion_blackouts",
        "filename",
        "grading_policy",
        "org",
        "tabs",
        "url_name",
        "x-is-pointer-node",
        "xml_attributes",
    }
)
