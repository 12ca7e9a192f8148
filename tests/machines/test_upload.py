"""Texts of any length and content, put into a file by commands that can be typed."""

from __future__ import annotations

import subprocess

import pytest

from conformance.machines.framing import fits, frame
from conformance.machines.upload import uploads

TEXTS = {
    "empty": "",
    "one line": "#!/bin/sh\necho 'a' \"b\" \\ $x `y` %s\n",
    "not ascii": "äöü €\t\x01\x7f\n",
    "long": "".join(f"{number:05d} it's a \\ long text\n" for number in range(900)),
    "only quotes": "'" * 5000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("shell", [["busybox", "sh"], ["bash"], ["dash"]], ids=lambda shell: shell[0])
def test_the_file_holds_the_text_also_when_commands_are_repeated(tmp_path, text, shell):
    path = tmp_path / "a file"
    for command in uploads(text, str(path)):
        assert fits(frame(command, "0" * 8)), len(frame(command, "0" * 8).line)
        for _ in range(2):
            subprocess.run([*shell, "-c", command], check=True, timeout=30)
    assert path.read_text() == text
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]
