"""Numbers of stored forms. What a later release wrote is refused, and is not taken for damage: nobody shall
mend or prune what is sound.
"""

from __future__ import annotations

from modulestore.errors import UnknownFormat

__all__ = ["expect_known"]


def expect_known(what: str, number: object, newest: int, place: str | None = None) -> None:
    """Refuse a form that was not there yet when this release was made. What is no number at all is damage,
    and for others to find.

    Args:
        what: what has the form, as a message calls it.
        newest: the greatest number that this release knows.

    Raises:
        UnknownFormat: the number is greater.
    """
    if isinstance(number, int) and number > newest:
        raise UnknownFormat(f"{what} of format {number}, and this release knows {newest}", place=place)
