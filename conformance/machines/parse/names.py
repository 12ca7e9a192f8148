"""What programs say of a name: ``getent ahosts`` (glibc, musl) and ``nslookup`` (busybox, bind)."""

from __future__ import annotations

from ipaddress import ip_address


def parse_addresses_of_name(text: str) -> list[str]:
    """The addresses that a name has, in the order told, each once; none if it was not found."""
    found: dict[str, None] = {}
    # nslookup tells the server's address before the name.
    _, named, answer = text.partition("Name:")
    for line in (answer if named else text).splitlines():
        words = line.replace("Address:", "").split() if named else line.split()[:1]
        if named and not line.startswith("Address"):
            continue
        for word in words:
            if _is_address(word):
                found[word] = None
    return list(found)


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True
