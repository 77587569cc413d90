"""Where a field stands in a file: path -> line, for TOML and JSON.

The parsers of the standard library give values without places.  These scanners look for
places only and never fail: a field they do not find has no line.
"""

from __future__ import annotations

import re

Lines = dict[str, int]

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEADER = re.compile(r"\s*\[(?P<array>\[)?\s*(?P<name>[^\[\]\n]+?)\s*\]")


def child(path: str, key: str | int) -> str:
    """The path of a field: layers[0].units."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def toml_lines(text: str) -> Lines:
    """The line of every table and key of a TOML text."""
    lines: Lines = {}
    counts: dict[str, int] = {}
    section, open_mark, depth = "", "", 0
    for number, row in enumerate(text.splitlines(), start=1):
        if not open_mark and not depth:
            header = _HEADER.match(row)
            key = _KEY.match(row)
            if header and not key:
                name = _dotted(header["name"])
                lines.setdefault(name, number)
                section = name
                if header["array"]:
                    counts[name] = counts.get(name, -1) + 1
                    section = f"{name}[{counts[name]}]"
                    lines.setdefault(section, number)
                continue
            if key:
                path = child(section, _dotted(key[1]))
                lines.setdefault(path, number)
                row = row[key.end() :]
        open_mark, depth = _scan(row, open_mark, depth)
    return lines


def _dotted(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


def _scan(row: str, mark: str, depth: int) -> tuple[str, int]:
    """The open multi-line string and the depth of brackets after a row."""
    k = 0
    while k < len(row):
        if mark:
            end = row.find(mark, k)
            if end < 0:
                return mark, depth
            mark, k = "", end + 3
        elif row[k : k + 3] in ('"""', "'''"):
            mark, k = row[k : k + 3], k + 3
        elif row[k] in "\"'":
            end = row.find(row[k], k + 1)
            while row[k] == '"' and end > 0 and row[end - 1] == "\\":
                end = row.find(row[k], end + 1)
            k = end + 1 if end > 0 else len(row)
        elif row[k] == "#":
            break
        else:
            depth += (row[k] in "[{") - (row[k] in "]}")
            k += 1
    return mark, max(depth, 0)


def json_lines(text: str) -> Lines:
    """The line of every key and list element of a JSON text."""
    lines: Lines = {}
    stack: list[tuple[str, int | None]] = []  # path of the container, index in a list
    path, number, k = "", 1, 0
    token = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\],:]|\n|[^\s{}\[\],:"]+')
    for found in token.finditer(text):
        part, k = found[0], found.end()
        if part == "\n":
            number += 1
        elif part in "{[":
            stack.append((path, 0 if part == "[" else None))
            if part == "[":
                path = child(path, 0)
                lines.setdefault(path, number)
        elif part in "}]" and stack:
            path = stack.pop()[0]
        elif part == "," and stack:
            base, index = stack[-1]
            if index is not None:
                stack[-1] = (base, index + 1)
                path = child(base, index + 1)
                lines.setdefault(path, number)
            else:
                path = base
        elif part[0] == '"' and stack and stack[-1][1] is None and _is_key(text, k):
            path = child(stack[-1][0], part[1:-1])
            lines.setdefault(path, number)
    return lines


def _is_key(text: str, k: int) -> bool:
    return text[k : k + 100].lstrip(" \t\r\n").startswith(":")


def nearest(lines: Lines, path: str) -> int | None:
    """The line of a path, or of the nearest table that holds it."""
    while path:
        if path in lines:
            return lines[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return None
