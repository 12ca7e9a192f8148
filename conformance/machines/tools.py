"""Which programs a guest has, found out once: the suite runs on busybox and on full distributions alike."""

from __future__ import annotations

from dataclasses import dataclass

PROGRAMS = ("busybox", "ip", "ping", "awk", "sha256sum", "base64", "gzip", "setsid", "sudo", "udhcpc", "nmcli")
#: By path, too: some busybox shells take their own applet before a program of that name.
NETCATS = ("/usr/bin/nc", "/bin/nc", "nc", "netcat", "ncat", "/usr/bin/ncat", "nc.openbsd", "nc.traditional")

#: One command for all: who we are, what there is, and what the programs with variants say of themselves.
PROBE = (
    "echo uid=$(id -u); "
    f"for tool in {' '.join(PROGRAMS)}; do command -v $tool >/dev/null 2>&1 && echo has=$tool; done; "
    f"for tool in ping {' '.join(NETCATS)}; do command -v $tool >/dev/null 2>&1 || continue; "
    "case $tool in ping) flags=-h;; *) flags='-h --help';; esac; "
    'for flag in $flags; do $tool $flag </dev/null 2>&1 | head -n 60 | sed "s,^,$tool: ,"; done; done'
)


@dataclass(frozen=True)
class Tools:
    """What was found: the programs, what some say of themselves, and whether we are root."""

    programs: frozenset[str]
    help: dict[str, str]
    root: bool

    def has(self, program: str) -> bool:
        """Whether the guest has that program."""
        return program in self.programs

    @property
    def busybox_ping(self) -> bool:
        """Whether ping is busybox's, which cannot be told to forbid fragments."""
        return "BusyBox" in self.help.get("ping", "")


def read_tools(text: str) -> Tools:
    """Read what ``PROBE`` printed."""
    programs: set[str] = set()
    help_texts: dict[str, list[str]] = {}
    root = False
    for line in text.splitlines():
        if line.startswith("has="):
            programs.add(line.removeprefix("has="))
        elif line.startswith("uid="):
            root = line == "uid=0"
        else:
            tool, _, said = line.partition(": ")
            help_texts.setdefault(tool, []).append(said)
    return Tools(frozenset(programs), {tool: "\n".join(lines) for tool, lines in help_texts.items()}, root)
