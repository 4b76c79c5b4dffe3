"""Text that others wrote, shown so that it can't act: no control character of it reaches a terminal or a picture.

A directory, a guard of somebody's run or a line of a damaged file may hold escape sequences, which recolour, rewrite or
rename what a user sees; marks that turn the direction of writing; or bytes that are no text at all.
"""

import re

_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tab and line feed, separators of lines, turns of direction, and undecodable bytes."""


def visible(text: str) -> str:
    r"""Write out every character that would act, as `\x1b`. Line feeds and tabs stay."""
    return _ACTING.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_line(text: str) -> str:
    """The same for what has to be one line."""
    return visible(text).replace("\n", "\\n")
