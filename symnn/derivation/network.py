"""Network: a validated spec, and the program of forward lines it stands for."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

import sympy as sp

from symnn.engine.functions import X, user_function
from symnn.engine.ir import SAMPLES, Program, Tensor, axis
from symnn.io.deferred import deferred
from symnn.io.errors import Problem, SpecError
from symnn.io.fields import kind_of
from symnn.nn.layers import LAYERS, Build
from symnn.nn.losses import LOSSES, loss_line
from symnn.nn.optimizers import Optimizer, optimizer
from symnn.spec.reader import load_spec
from symnn.spec.sections import Spec

if TYPE_CHECKING:
    from symnn.engine.explicit import Explicit

parse_formula: Callable[..., sp.Expr] = deferred("symnn.spec.formula:parse_formula")
explicit: Callable[..., Explicit] = deferred("symnn.engine.explicit:Explicit")
LONG, LONGEST = 50_000, 10**7  # operations of an explicit form: seconds, hours


class Network:
    """A network with its loss: F(x) = σ(A_n[… σ(A_1 x + b_1) …] + b_n) and L(A_1, …, b_n).

    inputs: number of features.  layers: ``Dense`` and ``Dropout``.  loss: a name, or a
    mapping such as ``{"name": "sse", "l2": 0.1}``.  activations: name -> formula in x.
    Further sections of a spec (``train``, ``notes``, ``output``, ``example``) may be given as
    mappings.  Raises SpecError with every mistake at once.
    """

    def __init__(
        self,
        *,
        inputs: int,
        layers: Sequence[Any],
        loss: str | Mapping[str, Any],
        name: str = "network",
        description: str = "",
        dtype: str = "float64",
        seed: int = 0,
        activations: Mapping[str, str] | None = None,
        **sections: Mapping[str, Any],
    ) -> None:
        model = {"name": name, "inputs": inputs, "dtype": dtype, "seed": seed}
        if description:
            model["description"] = description
        document = {
            "model": model,
            "layers": _rows(layers),
            "loss": _row(loss),
            **sections,
        }
        if activations:
            document["activations"] = activations
        self._set(load_spec(document, called="Network"))

    @classmethod
    def from_spec(cls, spec: Spec) -> Self:
        """The network of a validated spec."""
        if not isinstance(spec, Spec):
            raise TypeError(f"a Spec is needed, not {kind_of(spec)}; symnn.load reads one")
        network = cls.__new__(cls)
        network._set(spec)
        return network

    def _set(self, spec: Spec) -> None:
        self.spec = spec
        self.name = spec.model.name
        self.inputs = spec.model.inputs
        self.layers = spec.layers
        self.depth_letter = ""  # letter of the number of layers, if that is left open
        self._functions = {
            name: user_function(name, parse_formula(text, {"x": X}))
            for name, text in spec.activations.items()
        }

    def __getstate__(self) -> dict[str, Any]:
        """What the rest is made of."""
        return {"spec": self.spec, "depth_letter": self.depth_letter}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._set(state["spec"])
        self.depth_letter = state["depth_letter"]

    def __eq__(self, other: object) -> bool:
        """Whether the specs say the same, wherever they are from."""
        if not isinstance(other, Network):
            return NotImplemented
        return self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        return hash((self.spec.model, self.layers, self.depth_letter))

    @functools.cached_property
    def program(self) -> Program:
        """The forward lines for a batch of N samples."""
        return self._build(samples=True)[0]

    @functools.cached_property
    def sample_program(self) -> Program:
        """The forward lines for one sample: N = 1 and no sample axis."""
        return self._build(samples=False)[0]

    def _build(self, samples: bool) -> tuple[Program, Tensor]:
        """The forward lines, and F(x)."""
        net = Build(axis("n", SAMPLES) if samples else None, self._functions)
        out = net.leaf("x", net.batch(axis("j0", self.inputs, "units", 0)), "input")
        for layer in self.layers:
            out = layer.forward(net, out)
        y = net.leaf("y", out.axes, "target")
        loss_line(net, self.spec.loss.name, out, y, l2=bool(self.spec.loss.l2))
        return net.program(), out

    @functools.cached_property
    def output(self) -> str:
        """The name of the tensor that is F(x)."""
        return self._build(samples=True)[1].name

    @property
    def outputs(self) -> int:
        """The number of components of F(x)."""
        return int(self.program.tensors[self.output].axes[-1].size)

    @property
    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape, in the order in which they are drawn and stored."""
        return {
            t.name: tuple(int(a.size) for a in t.axes) for t in self.program.leaves_of("parameter")
        }

    @functools.cached_property
    def optimizer(self) -> Optimizer:
        """The row of the spec's optimizer."""
        return optimizer(self.spec.train.optimizer, self.spec.train.momentum)

    @property
    def mean_loss(self) -> bool:
        """Whether the loss is a mean over samples (c = 1/N), not a sum (c = 1)."""
        return LOSSES[self.spec.loss.name].mean

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The values of the scalars that the lines read, apart from the step count t."""
        found = {"l2": self.spec.loss.l2} if self.spec.loss.l2 else {}
        return {**found, "eta": self.spec.train.learning_rate, **self.optimizer.constants}

    @functools.cached_property
    def explicit(self) -> Explicit:
        """The explicit forms of one sample."""
        return explicit(self.sample_program, {"l2": sp.nsimplify(self.spec.loss.l2)})

    @property
    def symbols(self) -> Mapping[str, sp.Matrix]:
        """Name -> Matrix of the entries in the explicit forms (vectors are columns).

        ValueError for a tensor of more than 2,000 entries.
        """
        return self.explicit.symbols

    def expression(self) -> sp.Matrix:
        """F(x) of one sample as a column of explicit expressions.

        A UserWarning above 50,000 operations, which take long; ValueError above 10^7.
        """
        self._measure(self.output, self.outputs, "F(x)")
        return self.explicit.matrix(self.output)

    def loss_expression(self) -> sp.Expr:
        """The loss of one sample (N = 1) as one explicit expression; bounds as above."""
        self._measure("L", 1, "the loss")
        return self.explicit.value("L", ())

    def _measure(self, name: str, entries: int, what: str) -> None:
        count = entries * self.explicit.operations(name)
        if count <= LONG:
            return
        out = "net.program has the lines, net.derive().lambdify() and net.compile() the numbers"
        if count > LONGEST:
            limit = f"has more than {LONGEST:.0e} operations, where explicit forms stop"
            raise ValueError(f"{what} {limit}; {out}")
        message = f"{what} has about {count:,} operations, written out, and takes long; {out}"
        warnings.warn(message, UserWarning, stacklevel=3)

    def __repr__(self) -> str:
        widths = list(map(str, self._widths()))
        if len(widths) > 12:
            widths[5:-5] = "…"
        return f"<Network {self.name!r} {'-'.join(widths)}, loss {self.spec.loss.name}>"

    def _widths(self) -> list[int]:
        return [self.inputs, *(layer.units for layer in self.layers if hasattr(layer, "units"))]


def _row(loss: Any) -> dict[str, Any]:
    """A loss as the section of a spec; SpecError for what is no loss."""
    if not isinstance(loss, str | Mapping):
        message = f"must be the name of a loss or a mapping, not {kind_of(loss)}"
        raise SpecError([Problem("Network", None, "loss", message)])
    return {"name": loss} if isinstance(loss, str) else dict(loss)


def _rows(layers: Any) -> list[dict[str, Any]]:
    """Layers as the rows of a spec; SpecError for what is no layer."""
    kinds = {kind: word for word, kind in LAYERS.items()}
    known = " or ".join(f"{kind.__name__}(…)" for kind in kinds)
    if not isinstance(layers, Sequence) or isinstance(layers, str):
        message = f"must be a list of layers, not {kind_of(layers)}"
        raise SpecError([Problem("Network", None, "layers", message, f"put {known} into one")])
    problems = [
        Problem("Network", None, f"layers[{k}]", f"must be {known}, not {kind_of(layer)}")
        for k, layer in enumerate(layers)
        if type(layer) not in kinds
    ]
    if problems:
        raise SpecError(problems)
    return [{"type": kinds[type(layer)], **asdict(layer)} for layer in layers]
