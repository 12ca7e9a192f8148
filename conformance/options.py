"""The options of a run: one set, for ``pytest suites …`` and for ``udn-conformance run``."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from conformance.catalog.loader import catalog
from conformance.evidence.on_failure import parse
from conformance.features.vocabulary import feature_names
from conformance.limits import Limits, UnknownLimit
from conformance.naming import unknown
from conformance.timeouts import Timeouts, UnknownTimeout


class UsageProblem(Exception):
    """An option that cannot be meant so; one line that says which and what there is instead."""


@dataclass(frozen=True)
class Option:
    """One option: its flag, and what argparse is told of it."""

    flag: str
    help: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The attribute under which pytest keeps its value."""
        return "udn_" + self.flag.removeprefix("--").replace("-", "_")


def _text(flag: str, metavar: str, help: str) -> Option:
    return Option(flag, help, {"metavar": metavar, "default": None})


def _many(flag: str, metavar: str, help: str) -> Option:
    return Option(flag, help, {"metavar": metavar, "action": "append", "default": []})


def _switch(flag: str, help: str) -> Option:
    return Option(flag, help, {"action": "store_true", "default": False})


OPTIONS: tuple[Option, ...] = (
    _text("--kubeconfig", "FILE", "the cluster to test; without it, the lab"),
    _text("--context", "NAME", "context of the kubeconfig; its current one by default"),
    _switch("--lab", "test the lab: bring it up for the run unless it is up, and take it down again"),
    _switch("--install-missing", "install what the lab needs of the system by apt, after listing it (as root)"),
    _text("--lab-name", "NAME", "which lab, when there are several (default: default)"),
    _many("--profile", "NAME", "only the requirements of this profile (repeatable)"),
    _many("--require", "ID", "only this requirement, or those that match a pattern such as '*/mtu*' (repeatable)"),
    _text("--out", "DIR", "where results are written (default: out)"),
    _text("--run-id", "ID", "id that labels every object of this run (default: a random one)"),
    Option("--timeout-scale", "multiply every time limit", {"metavar": "FACTOR", "type": float, "default": 1.0}),
    _many("--timeout", "NAME=SECONDS", "one time limit by name, of conformance/timeouts.yaml (repeatable)"),
    _many("--limit", "NAME=VALUE", "one limit that a verdict depends on, of conformance/limits.yaml (repeatable)"),
    _switch("--keep", "leave the run's objects in the cluster; `udn-conformance clean` removes them later"),
    _text("--image", "IMAGE", "container disk of the VMs"),
    _text("--pod-image", "IMAGE", "image of the pods that take part in tests"),
    _text("--guest-user", "NAME", "user to log in as in the guest; the password is taken from $UDN_GUEST_PASSWORD"),
    _text("--interface-binding", "NAME", "binding of the VMs' interface on a primary network (default: l2bridge)"),
    _text("--virtctl", "FILE", "the virtctl to use (default: the one on PATH)"),
    _text("--outside", "ADDR", "an address beyond the cluster that answers ping and TCP"),
    _text("--outside-name", "NAME", "a name beyond the cluster that resolves to the address of --outside alone"),
    _text(
        "--outside-shell",
        "COMMAND",
        "what runs scripts of sh, read from standard input, on a host beyond the cluster that reaches its nodes, such "
        "as 'ssh bastion sh' (default: this machine, if it reaches them)",
    ),
    _many(
        "--on-failure",
        "NAME=COMMAND",
        "keep what a command prints with each test that fails, such as 'fabric=ssh spine1 show mac' (repeatable)",
    ),
    _many(
        "--feature", "NAME=yes|no", "say that the cluster has a feature or not, instead of detecting it (repeatable)"
    ),
    _switch(
        "--strict-features",
        "do not begin when a feature is missing that core requirements need; `run` takes --strict for it",
    ),
    _switch("--rehearse-upgrade", "on the lab: prepare a baseline, have the lab play an upgrade, and verify it"),
    _text("--baseline", "NAME", "which baseline of `upgrade prepare` to verify, when there are several"),
    Option(
        "--limitations",
        "whether a documented limitation that is gone fails the run (default: fail)",
        {"choices": ("fail", "report"), "default": "fail"},
    ),
)


@dataclass(frozen=True)
class Selection:
    """Which requirements the user asked for; nothing given means all."""

    profiles: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def takes(self, id: str) -> bool:
        """Whether this requirement is among them."""
        in_profile = not self.profiles or id.partition("/")[0] in self.profiles
        return in_profile and (not self.patterns or any(fnmatchcase(id, pattern) for pattern in self.patterns))

    def __str__(self) -> str:
        asked = [f"--profile {name}" for name in self.profiles] + [f"--require {id}" for id in self.patterns]
        return " ".join(asked) or "everything"


def check(values: argparse.Namespace) -> None:
    """Refuse what cannot be meant; raises UsageProblem. Touches no cluster."""
    if values.udn_lab and values.udn_kubeconfig:
        raise UsageProblem("--lab and --kubeconfig exclude each other: the lab brings its own kubeconfig")
    if values.udn_rehearse_upgrade and values.udn_kubeconfig:
        raise UsageProblem("--rehearse-upgrade is for the lab; on a cluster: udn-conformance upgrade prepare")
    if values.udn_context and not values.udn_kubeconfig:
        raise UsageProblem("--context needs --kubeconfig: only a kubeconfig that is named is used")
    for option in OPTIONS:
        given = getattr(values, option.name)
        if isinstance(given, str) and not given.strip():
            raise UsageProblem(f"{option.flag} is given without a value")
    if values.udn_outside is not None and not _is_address(values.udn_outside):
        raise UsageProblem(f"--outside {values.udn_outside!r} is no IP address, such as 203.0.113.10")
    if values.udn_outside_name is not None and values.udn_outside is None:
        raise UsageProblem("--outside-name needs --outside: the address that the name resolves to")
    if values.udn_run_id is not None and not _is_label(values.udn_run_id):
        raise UsageProblem(f"--run-id {values.udn_run_id!r} must be lower-case letters, digits and hyphens, at most 40")
    selection(values)
    overrides(values)
    timeouts(values)
    limits(values)
    on_failure(values)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_label(text: str) -> bool:
    plain = text.replace("-", "")
    return 0 < len(text) <= 40 and plain.isalnum() and plain.isascii() and text == text.lower().strip("-")


def selection(values: argparse.Namespace) -> Selection:
    """The requirements asked for; raises UsageProblem for a profile or id that does not exist."""
    known = catalog()
    for name in values.udn_profile:
        if name not in known.profile_names:
            raise UsageProblem(f"--profile: {unknown('profile', name, known.profile_names)}")
    for pattern in values.udn_require:
        if not any(fnmatchcase(id, pattern) for id in known.ids):
            raise UsageProblem(f"--require: {unknown('requirement', pattern, known.ids)}")
    return Selection(tuple(values.udn_profile), tuple(values.udn_require))


def overrides(values: argparse.Namespace) -> dict[str, bool]:
    """What the user says of features; raises UsageProblem."""
    said: dict[str, bool] = {}
    for text in values.udn_feature:
        name, _, answer = text.partition("=")
        if name not in feature_names():
            raise UsageProblem(f"--feature: {unknown('feature', name, feature_names())}")
        if answer not in ("yes", "no"):
            raise UsageProblem(f"--feature {text}: say {name}=yes or {name}=no")
        said[name] = answer == "yes"
    return said


def timeouts(values: argparse.Namespace) -> Timeouts:
    """Every time limit; raises UsageProblem for an unknown name or a number that is none."""
    given: dict[str, float] = {}
    for text in values.udn_timeout:
        name, _, seconds = text.partition("=")
        try:
            given[name] = float(seconds)
        except ValueError:
            raise UsageProblem(f"--timeout {text}: say NAME=SECONDS, such as vm-running=600") from None
    try:
        return Timeouts.load(values.udn_timeout_scale, given)
    except (UnknownTimeout, ValueError) as error:
        raise UsageProblem(f"--timeout: {error}") from error


def limits(values: argparse.Namespace) -> Limits:
    """The limits that verdicts depend on; raises UsageProblem."""
    try:
        return Limits.load(values.udn_limit)
    except UnknownLimit as error:
        raise UsageProblem(str(error)) from error


def on_failure(values: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """The commands to be asked about a failure, by name; raises UsageProblem."""
    commands: dict[str, tuple[str, ...]] = {}
    for text in values.udn_on_failure:
        try:
            name, command = parse(text)
        except ValueError as error:
            raise UsageProblem(f"--on-failure: {error}") from None
        if name in commands:
            raise UsageProblem(f"--on-failure: there are two commands named {name!r}: what they print is kept by name")
        commands[name] = command
    return commands


def merge(values: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Take over options that a cluster's provider suggests, where the user gave none.

    Raises UsageProblem when the provider speaks of an option that there is not.
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    for option in OPTIONS:
        parser.add_argument(option.flag, dest=option.name, **option.settings)
    try:
        suggested, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise UsageProblem(f"the lab suggests an option that cannot be used: {error}") from error
    if rest:
        raise UsageProblem(f"the lab suggests an option that there is not: {' '.join(rest)}")
    for option in OPTIONS:
        given, proposed = getattr(values, option.name), getattr(suggested, option.name)
        if proposed == option.settings.get("default"):
            continue
        if isinstance(given, list):
            setattr(values, option.name, [*proposed, *given])
        elif given == option.settings.get("default"):
            setattr(values, option.name, proposed)
