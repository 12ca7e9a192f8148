"""The dialogue of a login, as decisions over what the console said since the last thing typed.

It holds for agetty and login (Fedora), busybox's getty (Alpine, with or without a password) and a shell that is
already logged in. Kernel messages may follow a prompt, so ``login:`` and ``Password:`` count anywhere in the text; a
shell's prompt is too common a text for that, counts only at the end, and is then proved by a marker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

_USER = re.compile(r"(?<!Last )(?<!last )\blogin: ?", re.ASCII)
_PASSWORD = re.compile(r"\b[Pp]assword: ?")
_REFUSED = re.compile(r"Login incorrect|Authentication failure|Permission denied", re.IGNORECASE)
_PROMPT = re.compile(r"[#$>%] ?$")


class Step(Enum):
    """What to do next."""

    WAIT = auto()
    NAME = auto()
    PASSWORD = auto()
    PROVE = auto()


@dataclass
class Dialogue:
    """Counts what was refused; told everything that was said since it last decided to type."""

    refusals: int = 0
    asked_for_password: int = 0

    def next(self, said: str) -> Step:
        """The next step, for the plain text since the last step other than ``WAIT``."""
        refused = _REFUSED.search(said)
        name = _last(_USER, said)
        password = _last(_PASSWORD, said)
        if name is None and password is None:
            return Step.PROVE if _PROMPT.search(said) else Step.WAIT
        if refused is not None and name is not None and refused.start() < name:
            self.refusals += 1
        if password is not None and (name is None or password > name):
            self.asked_for_password += 1
            return Step.PASSWORD
        return Step.NAME


def asks_for_login(said: str) -> bool:
    """Whether a login prompt is in what was said."""
    return _USER.search(said) is not None


def _last(pattern: re.Pattern[str], text: str) -> int | None:
    found = [match.start() for match in pattern.finditer(text)]
    return found[-1] if found else None
