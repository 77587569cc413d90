"""What the symbols of the notes mean: their shapes, and the conventions of the notation."""

from __future__ import annotations

import re
from collections.abc import Iterable

from symnn.engine.functions import X
from symnn.engine.ir import name_of
from symnn.engine.repeats import layer_of
from symnn.formulas.index import Writer
from symnn.formulas.shapes import tensor_shape
from symnn.notation.notation import Notation
from symnn.notes.document import Row
from symnn.notes.equations import Equations


class Legend(Equations):
    """The equations of a derivation, and what explains them."""

    def symbol_rows(self) -> list[tuple[str, str, str, str]]:
        """The rows of the table of symbols, by kind: name, symbol, shape, meaning."""
        say = self.say
        rows = [("x", self.letter("x"), self.shape("x"), say("meaning_x"))]
        rows.append(("y", self.letter("y"), self.shape("y"), say("meaning_y")))
        for base in ("A", "b", "z", "a"):
            known = [n for n in self.forward.tensors if re.fullmatch(rf"{base}_\d+", n)]
            last = [n for n in known if self.notation.own(n)]
            for name in [*[n for n in known if n not in last][:1], *last]:
                symbol, k = self.general(name)
                first = base if base not in {row[0] for row in rows} else ""
                rows.append((first, symbol, self.shape(name), say(f"meaning_{base}", k=k)))
        known = [n for n in self.forward.tensors if re.fullmatch(r"z_\d+", n)]
        name = next((n for n in known if not self.notation.own(n)), known[-1])
        error, k = self.general(self.sweep.names.get(name, f"d{name}"), name)
        meaning = say("meaning_delta", z=self.general(name)[0], k=k, of=self.loss_of(name))
        rows.append(("delta", error, self.shape(name), meaning))
        return [(key, f"${symbol}$", f"${shape}$", told) for key, symbol, shape, told in rows]

    def general(self, name: str, of: str = "") -> tuple[str, str]:
        """A symbol for layers in general, and k; with the layer's number if it is the only one."""
        notation, number = self.in_general(of or name), layer_of(of or name)
        return self.letter(name, notation), "" if number is None else notation.layer(number)

    def in_general(self, name: str) -> Notation:
        """The notation for layers in general; that of the layer if only one has this tensor."""
        number = layer_of(name)
        alone = number is None or name in self.notation.sole or self.notation.own(name)
        return self.notation if alone else self.labelled(number)

    def loss_of(self, name: str) -> str:
        """What is differentiated by ``name`` in the sweep: L, or N L."""
        scaled = self.sweep.names.get(name) in self.notation.scaled
        loss = self.notation.symbol("L")
        return f"{self.notation.count} {loss}" if scaled else loss

    def shape(self, name: str) -> str:
        """Rows times columns, as the layout and the notation have them."""
        tensor = self.forward.tensors[name]
        return r" \times ".join(tensor_shape(tensor, self.in_general(name), self.layout))

    def activation_rows(self) -> Iterable[Row]:
        """\\phi(x) = \\tanh(x), once for layers that are alike."""
        found = [(layer_of(n), f) for n, f in self.activations.items()]
        if self.notation.alike:
            found = found[:1]
        length = self.runs([(k, f.row.name) for k, f in found])
        writer, at = Writer(self.notation, {}), 0
        while at < len(found):
            k, f = found[at]
            count = length.get(at, 1)
            notation = self.labelled(k) if count > 1 else self.notation
            letter = notation.applied(f.row.name, f.row.tex, name_of(f.args[0]), "")
            x, span = writer.tex(X), self.span(k, found[at + count - 1][0]) if count > 1 else ""
            yield Row(f"{letter}({x})", writer.tex(f.func(X)), span, free=True)
            at += count

    def conventions(self) -> Iterable[str]:
        """How the gradients are written."""
        notation, say = self.notation, self.say
        z, k = self.general("z_1")
        delta = self.general(self.sweep.names.get("z_1", "dz_1"), "z_1")[0]
        of = self.loss_of("z_1")
        slope = rf"\partial {f'({of})' if ' ' in of else of}/\partial {z}"
        if notation.error:
            yield say("errors", delta=delta, slope=slope, k=k)
        if notation.gradients == "nabla":
            yield say("short_nabla")
        if notation.gradients == "d" and not notation.error:
            yield say("short_d", short=delta, slope=slope, z=z)
        if notation.scaled:
            yield say("scaled")
