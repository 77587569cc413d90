"""What the symbols of the notes mean: their shapes, and the conventions of the notation."""

from __future__ import annotations

import re
from collections.abc import Iterable

from symnn.document import Row
from symnn.equations import Equations
from symnn.fold import layer_of
from symnn.functions import X
from symnn.ir import name_of
from symnn.printers.latex import Writer


class Legend(Equations):
    """The equations of a derivation, and what explains them."""

    def symbol_rows(self) -> list[tuple[str, str, str, str]]:
        """The rows of the table of symbols, by kind: name, symbol, shape, meaning."""
        say = self.say
        rows = [("x", self.letter("x"), self.shape("x", "0"), say("meaning_x"))]
        rows.append(
            ("y", self.letter("y"), self.shape("y", self.number(self.depth)), say("meaning_y"))
        )
        for base in ("A", "b", "z", "a"):
            known = [n for n in self.forward.tensors if re.fullmatch(rf"{base}_\d+", n)]
            last = [n for n in known if self.notation.own(n)]
            for name in [*[n for n in known if n not in last][:1], *last]:
                symbol, k = self.general(name)
                first = base if base not in {row[0] for row in rows} else ""
                rows.append((first, symbol, self.shape(name, k), say(f"meaning_{base}", k=k)))
        known = [n for n in self.forward.tensors if re.fullmatch(r"z_\d+", n)]
        name = next((n for n in known if not self.notation.own(n)), known[-1])
        error, k = self.general(self.sweep.names.get(name, f"d{name}"), name)
        meaning = say("meaning_delta", z=self.general(name)[0], k=k, of=self.loss_of(name))
        rows.append(("delta", error, self.shape(name, k), meaning))
        return [(key, f"${symbol}$", f"${shape}$", told) for key, symbol, shape, told in rows]

    def general(self, name: str, of: str = "") -> tuple[str, str]:
        """A symbol for layers in general, and k; with the layer's number if it is the only one."""
        number = layer_of(of or name)
        alone = (of or name) in self.notation.sole or self.notation.own(of or name)
        symbol = self.letter(name, self.notation if alone else self.labelled(number))
        return symbol, self.number(number) if alone else self.notation.layer_letter

    def loss_of(self, name: str) -> str:
        """What is differentiated by ``name`` in the sweep: L, or N L."""
        scaled = self.sweep.names.get(name) in self.notation.scaled
        loss = self.notation.symbol("L")
        return f"{self.notation.count} {loss}" if scaled else loss

    def shape(self, name: str, k: str) -> str:
        """Rows times columns, as the layout and the notation have them."""
        size = f"n_{{{k}}}"
        if name.startswith("A_"):
            before = f"n_{{{int(k) - 1 if k.isdigit() else f'{k}-1'}}}"
            inward = self.notation.turned(name, self.layout)
            return rf"{before} \times {size}" if inward else rf"{size} \times {before}"
        if name.startswith("b_"):
            upright = self.notation.upright(self.layout)
            return rf"1 \times {size}" if upright else rf"{size} \times 1"
        return {
            "sample": rf"{size} \times 1",
            "columns": rf"{size} \times {self.notation.count}",
            "rows": rf"{self.notation.count} \times {size}",
        }[self.layout]

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
