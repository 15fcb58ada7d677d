"""The fields of the blocks below the root, by type."""

from __future__ import annotations

from collections.abc import Mapping

from modulestore.model.fields.kinds import Field, Kind
from modulestore.model.fields.shorthand import (
    content,
    flag,
    integer,
    items,
    mapping,
    moment,
    number,
    text,
)

__all__ = ["CONTAINERS", "DETACHED", "LEAVES", "PURE", "SCORED"]

_NAME: Mapping[str, Field] = {"display_name": text()}
_RAW: Mapping[str, Field] = {"display_name": text(), "data": content(text(""))}
_HTML: Mapping[str, Field] = {**_RAW, "editor": text("visual"), "source_code": text()}

_SEQUENCE: Mapping[str, Field] = {
    "display_name": text(),
    "format": text(),
    "default_time_limit_minutes": integer(),
    "exam_review_rules": text(""),
    "hide_after_due": flag(),
    "highlights": items(),
    "is_entrance_exam": flag(),
    "is_onboarding_exam": flag(),
    "is_practice_exam": flag(),
    "is_proctored_enabled": flag(),
    "is_time_limited": flag(),
}

CONTAINERS: Mapping[str, Mapping[str, Field]] = {
    "chapter": {"display_name": text(), "highlights": items(), "is_entrance_exam": flag()},
    "sequential": _SEQUENCE,
    "vertical": _NAME,
    "wrapper": _NAME,
    "randomize": _NAME,
    # The golden databases call the first two lists settings; the platform's own class, content.
    "conditional": {
        "display_name": text(),
        "sources_list": content(Field(Kind.REFERENCE_LIST, default=[])),
        "show_tag_list": content(Field(Kind.REFERENCE_LIST, default=[])),
        "conditional_attr": content(text("correct")),
        "conditional_value": content(text("True")),
        "conditional_message": content(text()),
    },
    "split_test": {
        "display_name": text(),
        "user_partition_id": content(integer(-1)),
        "group_id_to_child": content(Field(Kind.REFERENCE_DICT, default={})),
    },
    "library_content": {
        "display_name": text(),
        "allow_resetting_children": flag(),
        "capa_type": text("any"),
        "manual": flag(),
        "max_count": integer(1),
        "mode": text("random"),
        "shuffle": flag(),
        "source_library_id": text(),
        "source_library_version": text(),
    },
    "itembank": {
        "display_name": text(),
        "allow_resetting_children": flag(),
        "manual": flag(),
        "max_count": integer(1),
        "shuffle": flag(),
    },
    # Of the years before Studio; no class of the platform of today reads them.
    "videosequence": _SEQUENCE,
    "section": _NAME,
    "abtest": _NAME,
    "group": _NAME,
}

_VIDEO: Mapping[str, Field] = {
    "display_name": text(),
    "download_track": flag(),
    "download_video": flag(),
    "edx_video_id": text(""),
    "end_time": moment(),
    "handout": text(),
    "html5_sources": items(),
    "license": content(text()),
    "only_on_web": flag(),
    "public_access": flag(),
    "show_captions": flag(True),
    "source": text(""),
    "start_time": moment(),
    "sub": text(""),
    "thumbnail": text(""),
    "track": text(""),
    "transcripts": mapping(),
    "youtube_id_0_75": text(""),
    "youtube_id_1_0": text(""),
    "youtube_id_1_25": text(""),
    "youtube_id_1_5": text(""),
}

# Names under which a custom tag calls its template.
_CUSTOM_TAGS = ("customtag", "book", "slides", "image", "discuss", "videodev")
_WHOLE_ELEMENT = (
    "annotatable",
    "textannotation",
    "imageannotation",
    "videoannotation",
    "graphical_slider_tool",
    "combinedopenended",
    "peergrading",
    *_CUSTOM_TAGS,
)

LEAVES: Mapping[str, Mapping[str, Field]] = {
    "html": _HTML,
    "problem": {
        **_RAW,
        "attempts_before_showanswer_button": integer(0),
        "force_save_button": flag(),
        "grading_method": text("last_score"),
        "markdown": text(),
        "markdown_edited": flag(),
        "source_code": text(),
        "submission_wait_seconds": integer(0),
        "text_customization": mapping(),
        "weight": number(),
    },
    "video": _VIDEO,
    "word_cloud": {
        **_RAW,
        "display_student_percents": flag(True),
        "instructions": text(),
        "num_inputs": integer(5),
        "num_top_words": integer(250),
    },
    "lti": {
        **_RAW,
        "accept_grades_past_due": flag(True),
        "ask_to_send_email": flag(),
        "ask_to_send_username": flag(),
        "button_text": text(""),
        "custom_parameters": items(),
        "description": text(""),
        "has_score": flag(),
        "hide_launch": flag(),
        "launch_url": text("http://www.example.com"),
        "lti_id": text(""),
        "open_in_a_new_page": flag(True),
        "weight": number(1.0),
    },
    "poll_question": {
        "display_name": text(),
        "answers": content(items()),
        "question": content(text("")),
    },
    **dict.fromkeys(_WHOLE_ELEMENT, _RAW),
}

DETACHED: Mapping[str, Mapping[str, Field]] = {
    "about": _HTML,
    "course_info": {**_HTML, "items": content(items())},
    "static_tab": {**_HTML, "course_staff_only": flag()},
    "custom_tag_template": _RAW,
}

_LTI_CONSUMER: Mapping[str, Field] = {
    "display_name": text(),
    "accept_grades_past_due": flag(True),
    "ask_to_send_email": flag(),
    "ask_to_send_full_name": flag(),
    "ask_to_send_username": flag(),
    "button_text": text(""),
    "config_id": text(),
    "config_type": text("new"),
    "custom_parameters": items(),
    "description": text(""),
    "enable_processors": flag(),
    "external_config": text(),
    "has_score": flag(),
    "hide_launch": flag(),
    "inline_height": integer(800),
    "launch_target": text("iframe"),
    "launch_url": text(""),
    "lti_1p3_block_key": text(),
    "lti_1p3_launch_url": text(""),
    "lti_1p3_oidc_url": text(""),
    "lti_1p3_tool_key_mode": text("public_key"),
    "lti_1p3_tool_keyset_url": text(""),
    "lti_1p3_tool_public_key": text(""),
    "lti_1p3_redirect_uris": items(),
    "lti_advantage_ags_mode": text("declarative"),
    "lti_advantage_deep_linking_enabled": flag(),
    "lti_advantage_deep_linking_launch_url": text(""),
    "lti_id": text(""),
    "lti_version": text("lti_1p1"),
    "modal_height": integer(80),
    "modal_width": integer(80),
    "weight": number(1.0),
}

_OPEN_ASSESSMENT: Mapping[str, Field] = {
    "display_name": text(),
    "allow_file_upload": flag(None),
    "allow_latex": flag(),
    "allow_learner_resubmissions": flag(),
    "allow_multiple_files": flag(True),
    "date_config_type": text("manual"),
    "file_upload_response": text(),
    "file_upload_type": text(),
    "leaderboard_show": integer(0),
    "prompts_type": text("text"),
    "resubmissions_grace_period_days": integer(),
    "resubmissions_grace_period_hours": integer(),
    "selected_teamset_id": text(""),
    "show_rubric_during_response": flag(),
    "submission_due": text(),
    "submission_start": text(),
    "teams_enabled": flag(),
    "text_response": text("required"),
    "text_response_editor": text("text"),
    "white_listed_file_types": text(),
    # What its elements hold: title, assessments, prompts, rubric.
    "data": content(text("")),
}

PURE: Mapping[str, Mapping[str, Field]] = {
    "discussion": {
        "display_name": text(),
        "discussion_category": text("Week 1"),
        "discussion_id": text(),
        "discussion_target": text("Topic-Level Student-Visible Label"),
        "sort_key": text(),
    },
    "poll": {
        "display_name": text(),
        "answers": items(),
        "feedback": content(text("")),
        "max_submissions": content(integer(1)),
        "private_results": content(flag()),
        "question": content(text()),
    },
    "survey": {
        "display_name": text(),
        "answers": items(),
        "block_name": content(text()),
        "feedback": content(text("")),
        "max_submissions": content(integer(1)),
        "private_results": content(flag()),
        "questions": items(),
    },
    "drag-and-drop-v2": {
        "display_name": text(),
        "data": content(mapping()),
        "item_background_color": text(""),
        "item_text_color": text(""),
        "max_items_per_zone": integer(),
        "mode": text("standard"),
        "question_text": text(""),
        "show_question_header": flag(True),
        "show_title": flag(True),
        "weight": number(1.0),
    },
    "openassessment": _OPEN_ASSESSMENT,
    "lti_consumer": _LTI_CONSUMER,
    "done": {"display_name": text(), "align": text("left"), "height": integer()},
    "edx_sga": {
        "display_name": text(),
        "points": integer(100),
        "solution": text(""),
        "weight": number(),
    },
    "staffgradedxblock": {"display_name": text(), "instructions": text(""), "weight": number()},
    "google-document": {"display_name": text(), "embed_code": text(), "alt_text": text("")},
    "google-calendar": {"display_name": text(), "calendar_id": text(), "default_view": integer(1)},
}

# Blocks whose class says that they give a score; those of type `lti` and `lti_consumer` have a field for it.
SCORED = frozenset({"problem", "openassessment", "drag-and-drop-v2", "edx_sga", "staffgradedxblock", "done"})
