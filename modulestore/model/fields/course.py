"""The fields of the course block, and of the root of a library."""

from __future__ import annotations

from collections.abc import Mapping

from modulestore.model.fields.kinds import Field
from modulestore.model.fields.shorthand import content, date, flag, integer, items, mapping, number, text

__all__ = ["COURSE", "LIBRARY"]

COURSE: Mapping[str, Field] = {
    # names and looks
    "display_name": text("Empty"),
    "display_organization": text(),
    "display_coursenumber": text(),
    "course_image": text("images_course_image.jpg"),
    "banner_image": text("images_course_image.jpg"),
    "video_thumbnail_image": text("images_course_image.jpg"),
    "language": text(),
    "css_class": text(""),
    "info_sidebar_name": text("Course Handouts"),
    "learning_info": items(),
    "instructor_info": mapping(),
    "license": content(text()),
    # dates
    "end": date(),
    "enrollment_start": date(),
    "enrollment_end": date(),
    "announcement": date(),
    "advertised_start": text(),
    "certificate_available_date": content(date()),
    "due_date_display_format": text(),
    "show_timezone": flag(True),
    # structure and content
    "advanced_modules": items(),
    "allow_unsupported_xblocks": flag(),
    "tabs": items(),
    "textbooks": content(items()),
    "pdf_textbooks": items(),
    "html_textbooks": items(),
    "wiki_slug": content(text()),
    "allow_public_wiki_access": flag(),
    "hide_progress_tab": flag(None),
    "disable_progress_graph": flag(),
    "enable_subsection_gating": flag(),
    "highlights_enabled_for_messaging": flag(),
    "course_wide_js": items(),
    "course_wide_css": items(),
    "other_course_settings": mapping(),
    "show_calculator": flag(),
    "remote_gradebook": mapping(),
    "end_of_course_survey_url": text(),
    "course_survey_name": text(),
    "course_survey_required": flag(),
    # who may see it
    "catalog_visibility": text("both"),
    "course_visibility": text("private"),
    "invitation_only": flag(),
    "enrollment_domain": text(),
    "max_student_enrollments_allowed": integer(),
    "pre_requisite_courses": items(),
    "is_new": flag(None),
    "mobile_available": flag(),
    "bypass_home": flag(),
    "social_sharing_url": text(),
    "cosmetic_display_price": integer(0),
    "enable_ccx": flag(),
    "ccx_connector": text(""),
    # grading and exams
    "grading_policy": content(mapping()),
    "no_grade": flag(),
    "minimum_grade_credit": number(0.8),
    "entrance_exam_enabled": flag(),
    "entrance_exam_id": text(""),
    "entrance_exam_minimum_score_pct": number(65),
    "enable_timed_exams": flag(),
    "enable_proctored_exams": flag(),
    "allow_proctoring_opt_out": flag(),
    "proctoring_provider": text(),
    "proctoring_escalation_email": text(),
    "create_zendesk_tickets": flag(True),
    "force_on_flexible_peer_openassessments": flag(),
    # certificates
    "certificates": mapping(),
    "certificates_display_behavior": text("end"),
    "certificates_show_before_end": flag(),
    "cert_html_view_enabled": flag(True),
    "cert_html_view_overrides": mapping(),
    "cert_name_long": text(""),
    "cert_name_short": text(""),
    "issue_badges": flag(True),
    # discussion, teams, cohorts
    "discussion_topics": mapping(),
    "discussion_blackouts": items(),
    "discussion_sort_alpha": flag(),
    "discussions_settings": mapping(),
    "allow_anonymous": flag(True),
    "allow_anonymous_to_peers": flag(),
    "teams_configuration": mapping(),
    "cohort_config": mapping(),
    # tools
    "lti_passports": items(),
    "video_upload_pipeline": mapping(),
    "video_sharing_options": text(),
}

LIBRARY: Mapping[str, Field] = {"display_name": text(), "advanced_modules": items()}
