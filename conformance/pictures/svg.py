"""SVG as text: elements, and the frame of a picture with its text alternative."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

#: How pictures look, in light and in dark; a page that holds pictures needs it once.
STYLE = Path(__file__).with_name("picture.css").read_text(encoding="utf-8")
#: Width of a letter at the size that pictures use, roughly, and the height of a line.
LETTER, LINE = 6.6, 16.0
LONGEST = 34

Number = float | int


def element(tag: str, *inside: str, **attributes: str | Number | None) -> str:
    """An element; ``css`` is its class, None leaves an attribute out. ``inside`` is markup already."""
    names = {"css": "class"}
    told = "".join(
        f' {names.get(name, name.replace("_", "-"))}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{told}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{told}/>"


def words(x: Number, y: Number, said: str, css: str = "", anchor: str = "start", turned: bool = False) -> str:
    """A line of text whose base line begins, or ends, at that point; turned: it runs upwards."""
    return element(
        "text",
        escape(said),
        x=x,
        y=y,
        css=css or None,
        text_anchor=anchor if anchor != "start" else None,
        transform=f"rotate(-90 {_value(x)} {_value(y)})" if turned else None,
    )


def box(x: Number, y: Number, width: Number, height: Number, css: str, hint: str = "") -> str:
    """A rectangle; the hint is shown when one points at it."""
    inside = [element("title", escape(hint))] if hint else []
    return element("rect", *inside, x=x, y=y, width=width, height=height, css=css)


def picture(width: Number, height: Number, alternative: str, parts: Iterable[str]) -> str:
    """The whole picture; whoever does not see it is given the alternative."""
    return element(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        css="picture",
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=alternative,
    )


def standalone(drawn: str) -> str:
    """A picture as a file of its own."""
    head, bracket, rest = drawn.partition(">")
    return f"{head}{bracket}{element('style', STYLE)}{rest}\n"


def width_of(text: str) -> float:
    """How wide a text is, roughly."""
    return len(text) * LETTER


def short(text: str) -> str:
    """The text, its middle left out when it is very long."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[: half - 1]}…{text[-half:]}"


def _value(value: str | Number) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
