"""The console against a real shell on a real terminal, behind a program that behaves as virtctl does."""

from __future__ import annotations

import threading

import pytest

from conformance.machines.access import Credentials
from conformance.machines.console import ConsoleCut, ConsoleEvicted, ConsoleRefused, LoginFailed
from conformance.machines.shell import CommandTimedOut, Output, ShellError
from conformance.timeouts import Timeouts

LIMIT = 30.0
SHELLS = {
    "busybox": "PS1='~ # ' busybox sh -i",
    "bash": "PS1='[fedora@vm ~]$ ' bash --norc --noprofile -i",
    "bash-with-escapes": (
        "PS1='\\[\\e[?2004h\\e]0;title\\a\\e[1;32m\\]vm:\\w\\[\\e[0m\\]\\$ ' bash --norc --noprofile -i"
    ),
    "odd-prompt": "PS1='ready> ' busybox sh -i",
    "unknown-prompt": "PS1='what now?' busybox sh -i",
}


@pytest.fixture(params=SHELLS)
def console(request, serial, timeouts):
    quick = Timeouts.load(overrides={"console-answer": 1})
    console = serial(shell=SHELLS[request.param]).console(quick if "unknown" in request.param else timeouts)
    yield console
    console.close()


@pytest.fixture
def line(serial):
    return serial()


@pytest.fixture
def plain(line, timeouts):
    """One console on ``line``."""
    console = line.console(timeouts)
    yield console
    console.close()


def test_a_command_gives_its_status_and_all_that_it_wrote(console):
    assert console.run("echo one; echo two >&2; exit 3", LIMIT) == _output(3, "one\ntwo\n")
    assert console.run("printf 'no line end'", LIMIT) == _output(0, "no line end")
    assert console.run("true", LIMIT) == _output(0, "")
    assert console.run("printf 'a\\n\\nb\\n\\n'", LIMIT) == _output(0, "a\n\nb\n\n")


def test_a_glance_opens_nothing_and_waits_for_nobody(plain):
    with pytest.raises(ConsoleRefused, match="is not open"):
        plain.glance("echo seen", LIMIT)
    plain.login()
    assert plain.glance("echo seen", LIMIT) == "seen\n"
    with plain._lock:
        other = []
        thread = threading.Thread(target=lambda: other.append(_glance(plain)))
        thread.start()
        thread.join()
    assert "another command" in other[0]


def test_commands_that_break_a_shell_break_only_themselves(plain):
    assert plain.run("echo 'open quote", LIMIT).status != 0
    assert plain.run("if true", LIMIT).status != 0
    assert plain.run("exit 7", LIMIT).status == 7
    assert plain.run("cat", LIMIT) == _output(0, ""), "a command that reads finds an empty input"
    assert plain.run("echo $((40 + 2)) \"$HOME\" 'it'\"'\"'s' # comment", LIMIT).text.startswith("42 ")
    assert plain.run("echo still here", LIMIT).text == "still here\n"


def test_several_lines_and_long_commands_pass(plain):
    assert plain.run("for word in a b\ndo\n  echo $word\ndone", LIMIT) == _output(0, "a\nb\n")
    text = "".join(f"{number:05d} äöü $x 'y' \"z\" `w` \\\n" for number in range(200))
    assert plain.run(f"cat <<'END'\n{text}END\nexit 4", LIMIT) == _output(4, text)


def test_long_output_and_wide_lines_arrive_whole(plain):
    output = plain.run(
        "i=0; while [ $i -lt 5000 ]; do echo $i-0123456789012345678901234567890123456789; i=$((i+1)); done", 60
    )
    assert output.text.split("\n")[:-1] == [f"{i}-{'0123456789' * 4}" for i in range(5000)]
    assert len(output.text) > 200_000
    wide = plain.run("head -c 30000 /dev/zero | tr '\\0' x; echo", LIMIT)
    assert wide.text == "x" * 30000 + "\n"


def test_markers_in_a_commands_own_output_do_not_deceive(plain):
    assert plain.run("echo udncBffffffff; echo udncEffffffff:0:", LIMIT).lines == ["udncBffffffff", "udncEffffffff:0:"]


def test_the_console_is_opened_once_and_held(line, plain):
    for number in range(5):
        assert plain.run(f"echo {number}", LIMIT).text == f"{number}\n"
    assert line.clients == 1
    assert line.seen.count(b"fedora\n") == 1, "logged in more than once"


def test_the_password_is_nowhere_in_the_transcript(line, plain):
    plain.run("true", LIMIT)
    plain.run(f"echo {line.password}", LIMIT)
    assert line.password.encode() in line.seen
    assert line.password not in plain.transcript.text()
    assert "Password:" in plain.transcript.text()


def test_a_guest_without_a_password_is_logged_in_to(serial, timeouts):
    console = serial(user="root", password="").console(timeouts)
    assert console.run("id -un", LIMIT).ok
    console.close()


def test_a_shell_that_is_already_logged_in_is_used(line, timeouts):
    first = line.console(timeouts)
    first.run("true", LIMIT)
    first.close()
    second = line.console(timeouts)
    assert second.run("echo again", LIMIT).text == "again\n"
    assert line.seen.count(b"fedora\n") == 1
    second.close()


def test_kernel_messages_after_a_prompt_do_not_hide_it(serial, timeouts):
    line = serial(noise="[    0.1] booting\r\nold login: [    1.2] random: crng init done\r\n")
    console = line.console(timeouts)
    assert console.run("echo in", LIMIT).text == "in\n"
    console.close()


def test_a_wrong_password_is_told(line):
    limits = Timeouts.load(overrides={"login-refused": 0.1})
    console = line.console(limits, Credentials("fedora", "wrong-password"))
    with pytest.raises(LoginFailed, match=r"login as fedora refused \d+ times"):
        console.run("true", LIMIT)


def test_a_missing_password_is_told(line, timeouts):
    console = line.console(timeouts, Credentials("fedora"))
    with pytest.raises(LoginFailed, match="asks fedora for a password and there is none"):
        console.run("true", LIMIT)


def test_a_guest_that_never_asks_is_given_up_with_its_last_words(serial):
    line = serial(noise="Kernel panic - not syncing\r\n", user="nobody")
    limits = Timeouts.load(overrides={"login": 1, "console-answer": 0.3})
    console = line.console(limits, Credentials("fedora", "some-password"))
    with pytest.raises(LoginFailed, match=r"no login as fedora within 1 s.*the console said: "):
        console.login()


def test_a_command_that_hangs_is_interrupted_and_the_console_goes_on(plain):
    plain.login()
    with pytest.raises(CommandTimedOut, match=r"`echo begun; sleep 600` did not end within 1 s.*wrote: begun"):
        plain.run("echo begun; sleep 600", 1.0)
    assert plain.run("echo after", LIMIT).text == "after\n"


def test_a_cut_between_commands_goes_unnoticed(line, plain):
    plain.run("true", LIMIT)
    line.cut()
    plain._wire._reader.join(LIMIT)
    assert plain.run("echo back", LIMIT).text == "back\n"
    assert line.clients == 2


def test_a_cut_in_mid_command_is_noticed_at_once_and_told(line, plain):
    plain.login()
    _cut_when_seen(line, plain, b"begun")
    with pytest.raises(ConsoleCut, match=r"tenant/guest: console cut during `echo begun; sleep 5`: another client"):
        plain.run("echo begun; sleep 5", 600)
    assert plain.run("echo back", LIMIT).text == "back\n"


def test_a_harmless_command_is_run_again_after_a_cut(line, plain, tmp_path):
    plain.login()
    _cut_when_seen(line, plain, b"begun")
    runs = tmp_path / "runs"
    output = plain.run(
        f"echo begun; echo >> {runs}; [ $(wc -l < {runs}) = 2 ] || sleep 2; echo done", 600, idempotent=True
    )
    assert output.text == "begun\ndone\n"


def test_what_happened_to_the_vm_is_told_with_a_cut(line, timeouts):
    console = line.console(timeouts, explain=lambda: "the VM moved from worker-1 to worker-2")
    console.login()
    _cut_when_seen(line, console, b"begun")
    with pytest.raises(ConsoleCut, match="the VM moved from worker-1 to worker-2"):
        console.run("echo begun; sleep 2", LIMIT)
    console.close()


def test_another_client_that_keeps_coming_back_is_told(line, timeouts):
    ours = line.console(timeouts)

    def lose() -> None:
        ours.login()
        _cut_when_seen(line, ours, b"begun")
        ours.run("echo begun; sleep 2", LIMIT)

    for _ in range(2):
        with pytest.raises(ConsoleCut):
            lose()
    with pytest.raises(ConsoleEvicted, match="taken away 3 times while the VM did not change: another client"):
        lose()
    ours.close()


def test_a_second_console_evicts_the_first(line, timeouts):
    ours, intruder = line.console(timeouts), line.console(timeouts)
    ours.login()
    intruder.login()
    assert intruder.run("echo mine", LIMIT).text == "mine\n"
    assert ours.run("echo ours again", LIMIT, idempotent=True).text == "ours again\n"
    assert line.clients == 3
    ours.close()
    intruder.close()


def test_a_console_that_is_refused_for_a_while_is_tried_again(line, plain):
    line.refusals = 2
    assert plain.run("echo in", LIMIT).text == "in\n"


def test_a_console_that_stays_refused_tells_what_virtctl_said(line):
    line.refusals = 1000
    console = line.console(Timeouts.load(overrides={"console-open": 1}))
    with pytest.raises(ConsoleRefused, match=r"console not open within 1 s; virtctl wrote: .*VMI is not running"):
        console.login()


def test_a_missing_program_is_told(line, timeouts):
    console = line.console(timeouts)
    console._argv = ["/nonexistent/virtctl", "console"]
    with pytest.raises(ConsoleRefused, match="/nonexistent/virtctl cannot be run: No such file"):
        console.login()


def test_a_reboot_is_followed_by_a_new_login(line, plain):
    plain.run("true", LIMIT)
    line.reboot()
    line.cut()
    plain._wire._reader.join(LIMIT)
    assert plain.run("echo new boot", LIMIT).text == "new boot\n"
    assert line.seen.count(b"fedora\n") == 2


def test_a_command_that_ends_the_boot_gives_the_shell_of_the_next(line, plain, tmp_path):
    plain.run("true", LIMIT)
    asked = tmp_path / "asked"

    def reboot_when_asked() -> None:
        _when_seen(plain, b"rebooting", line.reboot)

    thread = threading.Thread(target=reboot_when_asked)
    thread.start()
    plain.run_last(f"echo >> {asked}; echo rebooting; sleep 600", LIMIT)
    thread.join()
    assert plain.run("echo new boot", LIMIT).text == "new boot\n"
    assert asked.read_text() == "\n", "the command was given once"
    assert line.clients == 1, "the console was held"


def test_a_guest_that_does_not_come_back_is_told(plain):
    plain.login()
    with pytest.raises(LoginFailed, match="no login prompt within 1 s of `echo going down; sleep 600`"):
        plain.run_last("echo going down; sleep 600", 1.0)


def test_messages_of_the_kernel_in_the_output_leave_status_and_shell_alone(line, plain):
    plain.login()
    timer = threading.Thread(
        target=_when_seen, args=(plain, b"begun", lambda: line.inject(b"\r\n[  12.3] eth0: up\r\n"))
    )
    timer.start()
    output = plain.run("echo begun; sleep 0.3; exit 5", LIMIT)
    timer.join()
    assert output.status == 5
    assert "begun" in output.lines


def test_threads_share_a_console(plain):
    results: dict[int, str] = {}

    def work(number: int) -> None:
        results[number] = plain.run(f"echo {number}", LIMIT).text

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"{number}\n" for number in range(8)}


def test_closing_leaves_no_program_behind(line, plain):
    plain.login()
    process = plain._wire._process
    plain.close()
    assert process.returncode == 0, "left by the escape byte, not killed"


def _cut_when_seen(line, console, text):
    threading.Thread(target=_when_seen, args=(console, text, line.cut), daemon=True).start()


def _when_seen(console, text, act):
    """Act once the command's own output, not its echo, is there."""
    wire = console._wire
    wire.wait_for(lambda heard: text + b"\r\n" in heard or None, LIMIT)
    act()


def _glance(console):
    try:
        return console.glance("echo seen", 0.1)
    except ShellError as error:
        return str(error)


def _output(status, text):
    return Output(status, text)
