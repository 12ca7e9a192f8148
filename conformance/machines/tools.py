"""Which programs a guest has, found out once: the suite runs on busybox and on full distributions alike."""

from __future__ import annotations

from dataclasses import dataclass

PROGRAMS = ("busybox", "ip", "ping", "awk", "sha256sum", "base64", "gzip", "setsid", "sudo", "udhcpc", "nmcli")
#: By path, too: some busybox shells take their own applet before a program of that name.
NETCATS = ("/usr/bin/nc", "/bin/nc", "nc", "netcat", "ncat", "/usr/bin/ncat", "nc.openbsd", "nc.traditional")

_SAID = "said="
#: One command for all: who we are, what there is, and what the programs with variants say of themselves. Few processes,
#: and `--help` only where `-h` is not understood: an emulated guest takes its time for each.
PROBE = (
    "echo uid=$(id -u); "
    f"for tool in {' '.join(PROGRAMS)}; do command -v $tool >/dev/null 2>&1 && echo has=$tool; done; "
    f"for tool in ping {' '.join(NETCATS)}; do command -v $tool >/dev/null 2>&1 || continue; "
    f'echo {_SAID}$tool; said=$($tool -h </dev/null 2>&1); echo "$said"; '
    "case $tool$said in ping*|*[Uu]sage*) ;; *) $tool --help </dev/null 2>&1;; esac; done"
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
    head, *sections = f"\n{text}".split(f"\n{_SAID}")
    lines = head.splitlines()
    programs = frozenset(line.removeprefix("has=") for line in lines if line.startswith("has="))
    said = {tool: told for tool, _, told in (section.partition("\n") for section in sections)}
    return Tools(programs, said, root="uid=0" in lines)
