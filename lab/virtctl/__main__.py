"""The command line of the stand-in."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import aiohttp

from lab.virtctl import access, console, forward, ssh
from lab.virtctl.api import SUBRESOURCES, Api, Refused

_VERSION = "v1.8.0+lab"
_GROUP = "/apis/subresources.kubevirt.io"
_VM_KINDS = ("vm", "vms", "virtualmachine", "virtualmachines")
_VMI_KINDS = ("vmi", "vmis", "virtualmachineinstance", "virtualmachineinstances")
_INFO = ("gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")


def parser() -> argparse.ArgumentParser:
    """The options, as those of virtctl."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--kubeconfig", default=argparse.SUPPRESS, help="path of the kubeconfig file")
    shared.add_argument("--context", default=argparse.SUPPRESS, help="name of the kubeconfig context")
    shared.add_argument("-n", "--namespace", default=argparse.SUPPRESS, help="namespace of the VM")
    main = argparse.ArgumentParser(prog="virtctl", description=__doc__, parents=[shared])
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("start", "stop", "restart", "migrate"):
        command = commands.add_parser(name, parents=[shared], help=f"{name} a virtual machine")
        command.add_argument("name", help="name of the VM")
        command.add_argument("--dry-run", action="store_true", help="try, and change nothing")
        if name == "start":
            command.add_argument("--paused", action="store_true", help="start it paused")
        if name in ("stop", "restart"):
            command.add_argument("--force", action="store_true", help="do not wait for the guest (with --grace-period)")
            command.add_argument("--grace-period", type=int, help="seconds given to the guest")
        if name == "migrate":
            command.add_argument("--addedNodeSelector", default="", help="labels of the target node: key=value,…")
    for name in ("pause", "unpause"):
        command = commands.add_parser(name, parents=[shared], help=f"{name} a virtual machine")
        command.add_argument("kind", help="vm or vmi")
        command.add_argument("name", help="its name")
        command.add_argument("--dry-run", action="store_true", help="try, and change nothing")
    command = commands.add_parser("console", parents=[shared], help="connect to the serial console of a VMI")
    command.add_argument("name", help="name of the VMI")
    command.add_argument("--timeout", type=float, default=5, help="minutes to wait for the VMI")
    command = commands.add_parser("port-forward", parents=[shared], help="forward a local port to a VM or VMI")
    command.add_argument("target", help="kind/name[/namespace]")
    command.add_argument("port", help="[tcp/]local[:remote]")
    command.add_argument(
        "--stdio", type=_truth, nargs="?", const=True, default=False, help="join standard in- and output"
    )
    command.add_argument("--address", default="127.0.0.1", help="local address to listen on")
    command = commands.add_parser("ssh", parents=[shared], help="log in to a VM or VMI")
    command.add_argument("target", help="[user@]kind/name[/namespace]")
    command.add_argument("-l", "--username", help="user to log in as")
    command.add_argument("-i", "--identity-file", help="file of the private key")
    command.add_argument("-c", "--command", dest="remote", help="command to run there")
    command.add_argument("-p", "--port", type=int, default=22, help="port of the VM")
    command.add_argument("-t", "--local-ssh-opts", action="append", default=[], help="options of the local ssh client")
    command.add_argument("--known-hosts", help="for virtctl's own client, which is no more")
    command = commands.add_parser("version", parents=[shared], help="print the versions of client and server")
    command.add_argument("-c", "--client", action="store_true", help="the client's only")
    return main


def _truth(text: str) -> bool:
    return text.lower() in ("true", "t", "1")


async def run(options: argparse.Namespace) -> None:
    """Do what the command line asks; ``Refused`` or ``Unusable`` when that cannot be."""
    if options.command == "version":
        print(f"Client Version: {_info({'gitVersion': _VERSION, 'platform': 'linux/amd64'})}")
        if options.client:
            return
    given = {key: getattr(options, key, None) for key in ("kubeconfig", "context", "namespace")}
    opened = access.load(given["kubeconfig"], given["context"], given["namespace"])
    async with Api(opened) as api:
        if options.command == "version":
            group = await api.call("GET", _GROUP)
            preferred = group.get("preferredVersion", {}).get("groupVersion", SUBRESOURCES.removeprefix("/apis/"))
            print(f"Server Version: {_info(await api.call('GET', f'/apis/{preferred}/version'))}")
        elif options.command == "console":
            await console.run(api, options.name, options.timeout)
        elif options.command == "port-forward":
            target = forward.Target.read(options.target, api.access.namespace)
            await forward.run(api, target, options.port, options.stdio, options.address)
        elif options.command in ("pause", "unpause"):
            await _pause(api, options)
        else:
            await _lifecycle(api, options)


async def _lifecycle(api: Api, options: argparse.Namespace) -> None:
    command, name = options.command, options.name
    body: dict[str, Any] = {"dryRun": ["All"]} if options.dry_run else {}
    grace = getattr(options, "grace_period", None)
    if getattr(options, "force", False) and grace is None:
        raise Refused(0, f"Must both use --force=true and set --grace-period for {command}.")
    if grace is not None:
        body["gracePeriod" if command == "stop" else "gracePeriodSeconds"] = grace
    if getattr(options, "paused", False):
        body["paused"] = True
    if command == "migrate" and options.addedNodeSelector:
        body["addedNodeSelector"] = dict(pair.split("=", 1) for pair in options.addedNodeSelector.split(","))
    doing = {"start": "starting", "stop": "stopping", "restart": "restarting", "migrate": "migrating"}[command]
    await _put(api, api.of_vm(name, command), body, f"Error {doing} VirtualMachine")
    print(f"VM {name} was scheduled to {command}")


async def _pause(api: Api, options: argparse.Namespace) -> None:
    command, name, kind = options.command, options.name, options.kind.lower()
    if kind not in _VM_KINDS and kind not in _VMI_KINDS:
        raise Refused(0, f"unsupported resource type {options.kind}: use vm or vmi")
    if kind in _VM_KINDS:
        await api.call("GET", f"/apis/kubevirt.io/v1/namespaces/{api.access.namespace}/virtualmachines/{name}")
    body = {"dryRun": ["All"]} if options.dry_run else {}
    doing = "pausing" if command == "pause" else "unpausing"
    await _put(api, api.of_vmi(name, command), body, f"Error {doing} VirtualMachineInstance {name}:")
    print(f"VMI {name} was scheduled to {command}")


async def _put(api: Api, path: str, body: dict[str, Any], complaint: str) -> None:
    try:
        await api.call("PUT", path, body)
    except Refused as refused:
        raise Refused(refused.code, f"{complaint} {refused}") from refused


def _ssh(options: argparse.Namespace) -> int:
    user, _, target = options.target.rpartition("@")
    place = getattr(options, "namespace", None)
    opened = access.load(getattr(options, "kubeconfig", None), getattr(options, "context", None), place)
    login = ssh.Login(forward.Target.read(target, opened.namespace), user or options.username, options.port)
    return ssh.run(login, options.identity_file, options.local_ssh_opts, options.remote)


def _info(version: dict[str, Any]) -> str:
    # The form in which virtctl prints versions, which those who read it rely on.
    fields = ", ".join(f'{name[0].upper()}{name[1:]}:"{version.get(name, "")}"' for name in _INFO)
    return f"version.Info{{{fields}}}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "ssh":
            return _ssh(options)
        asyncio.run(run(options))
    except (Refused, access.Unusable) as error:
        print(error, file=sys.stderr)
        return 1
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        print(f"cannot reach the cluster: {error or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
