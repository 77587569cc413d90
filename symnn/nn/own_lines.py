"""Equations of the user's own within a network of layers, under names that fit there."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence

from symnn.engine.mistakes import Token
from symnn.engine.names import ROLES, WORDS
from symnn.engine.tokens import CLOSE, OPEN, Statement, statements, tokens
from symnn.nn.graph import Graph, Index, Value

PLAIN = (*WORDS, "n", "N", "pi")


def names_of(rows: Sequence[str]) -> set[str]:
    """Every name in a text."""
    return {t.text for row in rows for t in tokens(row.split("#")[0]) if t.kind == "name"}


def defined(text: str) -> tuple[list[str], list[str]]:
    """The names that a text declares, and those that its equations compute.  Raises TextError."""
    declared, computed = list[str](), list[str]()
    for statement in statements(text):
        first, second = statement.tokens[:2]
        if first.text not in WORDS or second.text == "=":
            computed.append(first.text)
        elif first.text in ROLES:
            depth = 0
            for before, token in itertools.pairwise(statement.tokens):
                depth += (before.text in OPEN) - (before.text in CLOSE)
                if not depth and token.kind == "name" and before.text in (first.text, ","):
                    declared.append(token.text)
    return declared, computed


def fitted(
    net: Graph, text: str, values: Mapping[str, Value], names: Mapping[str, str]
) -> list[str]:
    """The rows of a text in the names of a network.  Raises TextError.

    values: what it reads, by the names under which it does.  names: others that change.  What it
    computes gets a number behind its name where the network has that name; its axes get the sizes
    of those of the values at whose places they stand, and letters that the network has not.
    """
    found, (declared, computed) = list(statements(text)), defined(text)
    taken = names_of(net.rows)
    new = {name: value.name for name, value in values.items()} | dict(names)
    for name in computed:
        new.setdefault(name, _free(name, taken))
    kept = {*new, *declared, *PLAIN}
    sizes = {letter: a.size for s in found for letter, _, a in _places(s.tokens, values)}
    first: dict[str, str] = {}  # letter -> what stands where it stands first
    for token, before, after in _around(found):
        if token.kind == "name" and token.text not in kept and after != "(" and before != "<":
            own = net.axis(token.text, sizes.get(token.text, f"row {len(net.rows)}"))
            new[token.text] = own.letter
            first[token.text] = str(own) if token.text in sizes and after != "<" else own.letter
            kept.add(token.text)
    rows = []
    for number, row in enumerate(text.splitlines(), 1):
        row, at, out = row.split("#")[0].expandtabs().rstrip(), 0, ""
        for token in tokens(row, number):
            start = token.column - 1
            word = new.get(token.text, token.text) if token.kind == "name" else token.text
            out += row[at:start] + first.pop(token.text, word)
            at = start + len(token.text)
        rows.append(out)
    return rows


def column_of(column: int, row: str, fitted_row: str) -> int | None:
    """The column in the user's row of what stands at a column of the fitted one; None if nothing
    does.

    A word stands for a word, but for an axis that got its size there: i is i<3.
    """
    new, at = [*tokens(fitted_row)], 0
    old = [*tokens(row.split("#")[0].expandtabs().rstrip())]
    for k, token in enumerate(old):
        sized = [t.text for t in new[at + 1 : at + 2]] == ["<"]
        sized = sized and [t.text for t in old[k + 1 : k + 2]] != ["<"]
        at += 3 if sized else 1
        if at >= len(new) or column < new[at].column:
            return token.column if column <= new[at - 1].column else None
    return None


def _free(name: str, taken: Collection[str]) -> str:
    numbered = (f"{name}_{k}" for k in itertools.count(2))
    return next(n for n in itertools.chain([name], numbered) if n not in taken)


def _around(found: Sequence[Statement]) -> Iterator[tuple[Token, str, str]]:
    """Every token that may be an axis, with the text of those before and behind it.

    In a declaration, whose other words are the language's, that is within brackets.
    """
    for s in found:
        texts, depth = ["", *(t.text for t in s.tokens), ""], 0
        declares = s.tokens[0].text in ROLES and texts[2] != "="
        for token, before, after in zip(s.tokens, texts, texts[2:], strict=False):
            depth += (token.text in OPEN) - (token.text in CLOSE)
            if depth or not declares:
                yield token, before, after


def letters_of(rows: Sequence[str], values: Mapping[str, Value]) -> dict[tuple[str, int], str]:
    """The letter that stands alone first at each place of a value, after the samples."""
    found = dict[tuple[str, int], str]()
    for s in statements("\n".join(rows)):
        for letter, place, _ in _places(s.tokens, values):
            found.setdefault(place, letter)
    return found


def _places(
    found: Sequence[Token], values: Mapping[str, Value]
) -> Iterator[tuple[str, tuple[str, int], Index]]:
    """The letters that stand alone at the places of values, these places, and the axes there."""
    for k, token in enumerate(found[:-1]):
        if token.text not in values or found[k + 1].text != "[":
            continue
        place, depth, start = -1, 0, k + 2
        for m in range(k + 1, len(found)):
            depth += (found[m].text in OPEN) - (found[m].text in CLOSE)
            if (found[m].text == "," and depth == 1) or not depth:
                if m - start == 1 and 0 <= place < len(values[token.text].axes):
                    axis = values[token.text].axes[place]
                    yield found[start].text, (token.text, place), axis
                place, start = place + 1, m + 1
            if not depth:
                break
