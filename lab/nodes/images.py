"""The images that a node can run: a registry of a few names, and the files of the one that has any."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

from lab.config import IMAGES

SCRIPT = Path(str(files("lab.nodes") / "image" / "container.sh"))
DEFAULT_COMMAND = ("sleep", "2147483647")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "os-release": 'ID=udn-lab\nNAME="UDN lab pod"\n',
}


def normalised(image: str) -> str:
    """The name with its tag, as a pull would read it."""
    last = image.rsplit("/", 1)[-1]
    return image if ":" in last or "@" in last else f"{image}:latest"


def known(image: str) -> bool:
    """Whether the lab has an image of that name."""
    return normalised(image) in IMAGES


def image_id(image: str) -> str:
    """A stable identity for ``containerStatuses[].imageID``."""
    name = normalised(image).rsplit(":", 1)[0]
    return f"{name}@sha256:{hashlib.sha256(normalised(image).encode()).hexdigest()}"


def not_found(image: str) -> str:
    """What a runtime says of an image that is not there."""
    return f'failed to resolve reference "{normalised(image)}": {normalised(image)}: not found'


def prepare(state: Path) -> Path:
    """Make the files of the pod image once; ``FileNotFoundError`` names a program that is missing. Gives its directory.

    busybox, and a netcat in its own name's place: busybox' own knows no UDP.
    """
    image = state / "images" / "lab-pod"
    if image.exists():
        return image
    busybox, netcat = _program("busybox", "busybox-static"), _program("nc.openbsd", "netcat-openbsd")
    draft = image.with_name("lab-pod.new")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "bin").mkdir(parents=True)
    (draft / "etc").mkdir()
    shutil.copy2(busybox, draft / "bin" / "busybox")
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (draft / "bin" / applet).symlink_to("busybox")
    (draft / "bin" / "nc").unlink()
    shutil.copy2(netcat, draft / "bin" / "nc")
    (draft / "lib").mkdir()
    for library in _libraries(netcat):
        shutil.copy2(library, draft / "lib" / library.name)
    for name, text in _ETC.items():
        (draft / "etc" / name).write_text(text)
    draft.rename(image)
    return image


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; apt install {package}")
    return found


def _libraries(program: str) -> list[Path]:
    """The shared libraries of a program, and what loads them."""
    listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return [Path(word) for word in listing.split() if word.startswith("/")]
