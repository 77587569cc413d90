"""Equal blocks of layers in a module of lines: the loops over them, and the dicts in these.

g_3, Wq_4 and A_6 of a block, g_8, Wq_9 and A_11 of the next are g[k], Wq[k + 1] and A[k + 3] in a
loop over k = 3, 8, ...; what such a loop reads or computes is in dicts, by the number of the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from symnn.engine.ir import Item, Tensor, lines_of
from symnn.engine.repeats import Repeat, around, general_names, named, rolled, rolled_blocks
from symnn.targets.code import Name, Reference, Scope, Statement
from symnn.targets.python.reads import Body, Names
from symnn.targets.variables import variables
from symnn.targets.wrapping import WIDTH, Assignment

TOGETHER = 8  # dicts that are made in one row
# what stands before and behind the number of a layer, and whether lines compute it
Base = tuple[str, str, bool]
LETTERS = ("k", "layer")  # for the number of the first layer of a block


class Blocks:
    """The loops of a module, and what its tensors are called.

    tensors: of all of its functions.  parts: the items of each part of a function; as an attribute,
    with equal blocks as one.  others: names of sizes and steps.  taken: what no variable may be
    called.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        parts: Iterable[Sequence[Item]],
        others: Iterable[str],
        taken: Collection[str],
    ) -> None:
        self.tensors = tensors
        every = [*parts]
        self.parts = [rolled(part, lambda item: (item,), tensors) for part in every]
        loops = [own for part in self.parts for own in part if isinstance(own, Repeat)]
        computed = {line.lhs.name for part in every for line in lines_of(part)}

        def base(t: Tensor) -> Base:
            return (*around(t), t.name in computed)

        looped = {base(t) for loop in loops for item in loop.every for t in self.moving(item)}
        numbered = (t for t in tensors.values() if t.layer is not None)
        self.bases = {t.name: base(t) for t in numbered if base(t) in looped}
        axes = {a.name for t in tensors.values() for a in t.axes}
        self.letter = next((x for x in LETTERS if x not in axes), LETTERS[-1])
        taken = {*taken, self.letter} if loops else taken
        plain = {name: name for name in (*tensors, *others) if name not in self.bases}
        wishes = {own: own[0].rstrip("_") + own[1] for own in self.bases.values()}
        found = variables({**plain, **wishes}, taken)
        self.free = {*taken, *plain, *found.values()}
        self.references: dict[str, Reference] = {
            name: Name(found[own], tensors[name].layer) for name, own in self.bases.items()
        }
        self.references |= {name: found[name] for name in plain}
        self.scope = Scope(lambda name: True, letter=self.letter)

    # --- loops

    def moving(self, item: Item) -> list[Tensor]:
        """The tensors of layers that an item names."""
        every = named(item, self.tensors)
        return [t for t in every if isinstance(t, Tensor) and t.layer is not None]

    def within(self, names: Names, loop: Repeat[Item], item: Item) -> Names:
        """The names in an item of a loop."""
        own, every = _layer(item) or 0, self.moving(item)

        def near_by(layer: int) -> bool:
            return abs(layer - own) <= loop.step

        scope = replace(self.scope, first=loop.first, near=near_by)
        here = {t.name: scope.written(self.references[t.name]) for t in every}
        general = general_names(
            [t for t in every if near_by(t.layer or 0)], loop.first, self.letter
        )
        return replace(names, tensors={**names.tensors, **here}, general=general)

    def head(self, loop: Repeat[Item]) -> str:
        """The first row of a loop."""
        return f"for {self.letter} in {_range(loop.numbers)}:"

    def body(self, loop: Repeat[Item]) -> Body:
        """The body of a loop, which holds nothing yet."""
        every = (t for item in loop.items for t in self.moving(item))
        return Body(inside=frozenset(t.name for t in every))

    # --- names

    def written(self) -> dict[str, str]:
        """The names of all tensors, sizes and steps as code has them outside of loops."""
        return {name: self.scope.written(own) for name, own in self.references.items()}

    def wish(self, name: str) -> str:
        """What a variable may be called like, which belongs to a tensor."""
        own = self.references.get(name, name)
        return own.base if isinstance(own, Name) else str(own)

    def made(self, items: Iterable[Item | Repeat[Item]]) -> list[Statement]:
        """The dicts that items fill, empty."""
        flat = (x for own in items for x in (own.items if isinstance(own, Repeat) else (own,)))
        every = (self.references[line.lhs.name] for line in lines_of(flat))
        bases = list(dict.fromkeys(own.base for own in every if isinstance(own, Name)))
        groups = [bases[k : k + TOGETHER] for k in range(0, len(bases), TOGETHER)]
        empty = "{}"
        return [Statement(Assignment(", ".join(g), (", ".join([empty] * len(g)),))) for g in groups]

    def read(self, source: str, names: Sequence[str]) -> list[str]:
        """What a function reads from a dict of arrays by their names."""
        plain = [n for n in names if n not in self.bases]
        out = _assigned([self.wish(n) for n in plain], [f'{source}["{n}"]' for n in plain])
        listed: dict[Base, list[int]] = {}
        for name in names:
            if name in self.bases:
                listed.setdefault(self.bases[name], []).append(self.tensors[name].layer or 0)
        for (head, tail, _), numbers in listed.items():
            name = self.wish(f"{head}{numbers[0]}{tail}")
            key = f'f"{head}{{{self.letter}}}{tail}"'
            step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
            every = range(numbers[0], numbers[-1] + 1, step)
            some = ""
            if list(every) != numbers:
                every, some = range(numbers[0], numbers[-1] + 1), f" if {key} in {source}"
            each = f"for {self.letter} in {_range(every)}{some}"
            out.append(f"{name} = {{{self.letter}: {source}[{key}] {each}}}")
        return out

    # --- dicts

    def dict_rows(self, values: Mapping[str, Callable[[Scope], str]], pad: int) -> list[str]:
        """The entries of a dict by names of tensors; those of equal blocks in a comprehension.

        values: what they are, as code has it somewhere.  pad: the columns before them.
        """

        def key(name: str) -> tuple[int | None, Hashable]:
            layer = self.tensors[name].layer
            own = around(self.tensors[name]) if layer is not None else name
            return layer, (own, values[name](replace(self.scope, first=layer)))

        out = list[str]()
        for own in rolled_blocks(tuple(values), key, lambda name, layer, apart: None):
            if isinstance(own, str):
                out.append(f'"{own}": {values[own](self.scope)},')
                continue
            scope = replace(self.scope, first=own.first)
            pairs = [(self._key(name, scope), values[name](scope)) for name in own.items]
            each = f"for {self.letter} in {_range(own.numbers)}"
            if len(pairs) == 1:
                out.append(f"**{{{pairs[0][0]}: {pairs[0][1]} {each}}},")
                continue
            rows = [f"({name}, {value})" for name, value in pairs]
            head, together = "for name, value in", ", ".join(rows)
            if len(f"{head} ({together})") + pad + 4 <= WIDTH:
                inner = [f"{head} ({together})"]
            else:
                inner = [f"{head} (", *(f"    {row}," for row in rows), ")"]
            out += ["**{", *(f"    {row}" for row in ("name: value", each, *inner)), "},"]
        return out

    def _key(self, name: str, scope: Scope) -> str:
        head, tail = around(self.tensors[name])
        return f'f"{head}{{{scope.number(self.tensors[name].layer or 0)}}}{tail}"'


def _layer(item: Item) -> int | None:
    return next(lines_of([item])).lhs.layer


def _range(numbers: range) -> str:
    step = f", {numbers.step}" if numbers.step != 1 else ""
    return f"range({numbers.start}, {numbers.stop}{step})"


def _assigned(names: Sequence[str], codes: Sequence[str]) -> list[str]:
    """Variables, a few in a row."""
    out = []
    for k in range(0, len(names), 3):
        own, values = names[k : k + 3], codes[k : k + 3]
        row = f"{', '.join(own)} = {', '.join(values)}"
        fits = len(row) + 4 <= WIDTH
        out += [row] if fits else [f"{n} = {v}" for n, v in zip(own, values, strict=True)]
    return out
