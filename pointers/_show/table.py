# SPDX-License-Identifier: MIT
"""Fields of images as lines of text and as HTML."""

from __future__ import annotations

from pointers._show.images import Field


def as_text(fields: list[Field]) -> list[str]:
    """Return a line for each field: offset, bytes, name, value, and what is wrong."""
    width = max((len(each.name) for each in fields), default=0)
    return [
        f"{each.offset:8} {each.size:5}  {each.name:{width}}  {each.value}"
        + (f"   ! {each.wrong}" if each.wrong else "")
        for each in fields
    ]


def _escape(text: str) -> str:
    # Not by the module html, which knows the names of all characters
    for char, entity in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("'", "&#x27;"),
        ('"', "&quot;"),
    ):
        text = text.replace(char, entity)
    return text


_STYLE = "text-align: left; padding: 0 1em 0 0; font-family: monospace"


def _rows(fields: list[Field]) -> str:
    lines = []
    for each in fields:
        cells = (str(each.offset), str(each.size), each.name, each.value, each.wrong)
        lines.append(
            "<tr>" + "".join(f'<td style="{_STYLE}">{_escape(c)}</td>' for c in cells) + "</tr>"
        )
    return "".join(lines)


def as_html(
    title: str, facts: list[str], hexdump: list[str], sections: list[tuple[str, list[Field]]]
) -> str:
    """Return the whole as HTML that needs no style sheet, and follows light and dark."""
    parts = [f"<div><b>{_escape(title)}</b>"]
    parts += [f"<div>{_escape(fact)}</div>" for fact in facts]
    if hexdump:
        text = _escape("\n".join(hexdump))
        parts.append(f"<pre>{text}</pre>")
    heads = "".join(
        f'<th style="{_STYLE}">{name}</th>'
        for name in ("offset", "bytes", "field", "value", "what is wrong")
    )
    for headline, fields in sections:
        parts.append(
            f"<table><caption style='text-align: left'>{_escape(headline)}</caption>"
            f"<tr>{heads}</tr>{_rows(fields)}</table>"
        )
    return "".join(parts) + "</div>"
