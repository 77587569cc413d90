"""The labels of equations: the same in every run, so that others may refer to them.

    gradient of z_k   delta-k       forward lines   z-k, a-k      F(x)            F
    gradient of A_k   A-k           the loss        L             as a formula    loss
    gradient of b_k   b-k           update of A_k   update-A-k    over samples    samples-A-k
    gradient of a_k   grad-a-k      all gradients   gradient

Other names are made in the same way.  Of equations that have one label the first has it.  An
equation for equal layers has the labels of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from symnn.engine.ir import Tensor
from symnn.formulas.tree import Formula
from symnn.io.errors import Problem, UserError, shorten
from symnn.io.fields import kind_of
from symnn.notes.document import Document, Equations, Row, Section


class LabelError(UserError, ValueError):
    """No equation has this label; ``known`` lists those that there are."""

    def __init__(self, label: str, known: Sequence[str]) -> None:
        self.label, self.known = label, listed(known)
        message = f"no equation has the label {shorten(label)!r}"
        super().__init__([Problem("select", None, "", message, f"known: {self.known}")])


def listed(labels: Iterable[str]) -> str:
    """Labels as "F, z-1 to z-11, loss": those of many layers together."""
    stems: dict[str, list[str]] = {}
    for label in labels:
        stems.setdefault(re.sub(r"\d+$", "", label), []).append(label)
    ordered = [sorted(own, key=lambda s: (len(s), s)) for own in stems.values()]
    return ", ".join(
        f"{own[0]} to {own[-1]}" if len(own) > 2 else ", ".join(own) for own in ordered
    )


def label_of(name: str, tensors: Callable[[str], Tensor]) -> str:
    """The label of the line that defines a tensor.  tensors: name -> tensor."""
    t = tensors(name)
    if t.kind == "next" and t.of:
        return f"update-{_plain(t.of)}"
    if t.wrt is None:
        return _plain(name)
    source = tensors(t.wrt)
    if source.kind == "pre-activation":
        return f"delta-{source.layer}"
    parameter = source.kind in ("weights", "bias")
    return _plain(source.name) if parameter else f"grad-{_plain(source.name)}"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def prefix_of(module: str) -> str:
    """What a network's labels begin with: "symnn-xor-net-", in TeX eq:symnn-xor-net-delta-1."""
    return f"symnn-{_plain(module)}-"


def unique(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections with every label at the first of the equations that have it."""
    seen: set[str] = set()

    def row(row: Row) -> Row:
        own = [label for label in row.labels if label not in seen]
        repeats = row.label if row.label in seen and not own else ""
        seen.update(own)
        return replace(row, label=own[0] if own else "", also=tuple(own[1:]), repeats=repeats)

    return tuple(section.rewritten(row) for section in sections)


def labelled(notes: Document) -> dict[str, Row]:
    """Label -> its equation, with a left side also where it continues the row above."""
    found: dict[str, Row] = {}
    left: Formula | None = None
    for row in notes.rows():
        left = row.left or left
        found |= {label: replace(row, left=left) for label in row.labels}
    return found


def names(select: str | Iterable[str]) -> tuple[str, ...]:
    """Labels as a user writes them, "delta_1, A_1" or a list, each once; TypeError for others."""
    if not isinstance(select, Iterable):
        raise TypeError(f"select must be labels of equations, not {kind_of(select)}")
    words = select.split(",") if isinstance(select, str) else list(select)
    return tuple(dict.fromkeys(_plain(word) or word for word in words if word.strip()))


def selected(notes: Document, labels: Iterable[str], title: str) -> Document:
    """The notes of these equations alone, without their reasons; LabelError."""
    known = labelled(notes)
    rows = []
    for label in labels:
        if label not in known:
            raise LabelError(label, list(known))
        rows.append(replace(known[label], label=label, also=(), reason="", result=False))
    return replace(notes, sections=(Section(title, (Equations(tuple(rows)),)),))
