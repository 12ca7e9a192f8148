"""Frames, with whatever a terminal, a kernel or a command may put around and into them."""

from __future__ import annotations

import shlex
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.machines.framing import LONGEST_LINE, escaped, fits, frame, partial, plain, unframe
from conformance.machines.shell import Output

NONCES = st.text("0123456789abcdef", min_size=8, max_size=8)
ANYTHING = st.binary(max_size=200)
PRINTED = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\x07\x1b\r", exclude_categories=["Cs"]), max_size=200
)
COMMANDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]), max_size=120)


def on_terminal(text: str) -> bytes:
    return text.encode().replace(b"\n", b"\r\n")


@given(NONCES, COMMANDS)
def test_the_echo_of_a_command_is_never_taken_for_its_result(nonce, command):
    framed = frame(command, nonce)
    assert framed.begin not in framed.line
    assert framed.end not in framed.line
    assert framed.line.count(b"\n") == 1
    for width in (20, 79, 80, 81):
        wrapped = b"\r\n".join(framed.line[start : start + width] for start in range(0, len(framed.line), width))
        assert unframe(framed, wrapped) is None


@given(NONCES, PRINTED, st.integers(0, 255), ANYTHING, ANYTHING)
def test_output_and_status_are_found_among_anything(nonce, printed, status, before, after):
    framed = frame("command", nonce)
    stream = b"".join(
        (
            before,
            framed.line,
            b"\r\n" + framed.begin + b"\r\n",
            on_terminal(printed),
            b"\r\n" + framed.end + str(status).encode() + b":\r\n",
            after.replace(framed.end, b""),
        )
    )
    assert unframe(framed, stream) == Output(status, printed)


@given(NONCES, PRINTED, st.data())
def test_an_unfinished_stream_gives_no_result(nonce, printed, data):
    framed = frame("command", nonce)
    result = framed.line + b"\r\n" + framed.begin + b"\r\n" + on_terminal(printed) + b"\r\n" + framed.end + b"12"
    cut = data.draw(st.integers(0, len(result)))
    assert unframe(framed, result[:cut]) is None


@given(NONCES, NONCES)
def test_the_result_of_another_command_is_not_ours(ours, other):
    theirs = frame("x", other)
    stream = theirs.begin + b"\r\nout\r\n" + theirs.end + b"0:\r\n"
    result = unframe(frame("x", ours), stream)
    assert (result is None) == (ours != other)


def test_a_status_without_its_beginning_is_no_result():
    framed = frame("x", "0" * 8)
    assert unframe(framed, b"lost\r\n" + framed.end + b"0:") is None


def test_what_was_written_before_a_time_out_is_kept():
    framed = frame("x", "0" * 8)
    assert partial(framed, framed.line + b"\r\n" + framed.begin + b"\r\nso far\r\n") == "so far\n"
    assert partial(framed, b"nothing") == ""


def test_escape_sequences_are_taken_out():
    stream = b"\x1b[6n\x1b[?2004h\x1b]0;a title\x07\x1b]3008;start=1\x1b\\\x1b[1;32mgreen\x1b[0m \x1b(B\x1b=end\r\n"
    assert plain(stream) == "green end\n"


@given(PRINTED)
def test_ordinary_text_stays_as_it_is(text):
    assert plain(on_terminal(text)) == text


@settings(max_examples=25, deadline=None)
@given(NONCES, COMMANDS.map(lambda text: "".join(char for char in text if char not in "\r\x07\x1b")))
def test_a_real_shell_survives_every_command(nonce, text):
    # The command prints its text; whatever is in it, the frame comes back whole.
    framed = frame(f"printf %s {shlex.quote(text)}", nonce)
    done = subprocess.run(["busybox", "sh"], input=framed.line, capture_output=True, check=False)
    assert unframe(framed, done.stdout.replace(b"\n", b"\r\n")) == Output(0, text)


@settings(max_examples=25, deadline=None)
@given(COMMANDS)
def test_escaped_text_is_what_printf_makes_of_it(text):
    typed = escaped(text)
    assert typed.isascii()
    assert typed.isprintable()
    assert "'" not in typed
    done = subprocess.run(["busybox", "sh", "-c", f"printf %b '{typed}'"], capture_output=True, check=True)
    assert done.stdout.decode() == text


def test_a_line_that_a_terminal_would_cut_does_not_fit():
    assert fits(frame("echo\necho", "0" * 8))
    assert not fits(frame("echo " + "x" * LONGEST_LINE, "0" * 8))
