"""The objects that users hold: thin methods over the functions of the rooms below."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symnn.derivation import derivation
from symnn.derivation import lines as own_lines
from symnn.derivation import network as own_network
from symnn.derivation.gradients import Gradients
from symnn.engine import display
from symnn.engine.ir import Line
from symnn.formats.registry import save
from symnn.io.deferred import deferred
from symnn.io.errors import SpecError, shorten
from symnn.io.fields import Field, check_argument, check_names
from symnn.nn.calls import Input as Input
from symnn.nn.calls import Node
from symnn.notation.notation import Notation
from symnn.notes.options import NotesOptions, notes_options
from symnn.spec.reader import load_model, load_spec, spec_of_lines
from symnn.spec.sections import LinesSpec, Written
from symnn.spec.sources import lines_text
from symnn.targets.registry import compile_module, generate

if TYPE_CHECKING:
    from symnn.checking.compare import Comparison
    from symnn.engine.complex_step import Report

# what only some of the methods need
compare: Callable[..., Comparison] = deferred("symnn.checking.compare:compare")
compare_lines: Callable[..., Comparison] = deferred("symnn.checking.compare:compare_lines")
verify: Callable[..., Report] = deferred("symnn.checking.verify:verify")
verify_lines: Callable[..., Report] = deferred("symnn.checking.verify:verify_lines")
fragment: Callable[..., str] = deferred("symnn.formats.latex:fragment")
html: Callable[..., str] = deferred("symnn.formats.html:html")
show = deferred("symnn.formats.showing:show")
svg: Callable[..., str] = deferred("symnn.drawing.svg:svg")
picture = deferred("symnn.formats.figure:picture")
lambdify_gradients: Callable[..., Callable[..., tuple[float, dict[str, Any]]]] = deferred(
    "symnn.targets.in_memory:lambdify_gradients"
)
equations_of_calls: Callable[..., Written] = deferred("symnn.spec.graph:equations_of_calls")
network_of_torch = deferred("symnn.interop:from_torch")
display.function.register(Line, deferred("symnn.engine.lambdify:lambdify_line"))


class Network(own_network.Network):
    __doc__ = own_network.Network.__doc__

    def derive(self) -> Derivation:
        """Every gradient by the chain rule, with each step kept."""
        return Derivation(self)

    def compare(
        self,
        grads: Mapping[str, Any],
        params: Mapping[str, Any],
        x: Any,
        y: Any,
        rtol: float | None = None,
        loss_scale: float | str | None = None,
        strict: bool = False,
    ) -> Comparison:
        """Compare a backpropagation of your own with the derivation, at one batch.

        grads: the gradient of every parameter, and of any other tensors, by the tensor's name
        ("A_1", "z_2") or the gradient's ("dA_1", "dz_2").  Dropout is off.  rtol: the largest error
        over the largest entry that counts as right; None: 1e-6, or what rounding in the coarsest
        type of the arrays explains, where that is more.

        Right is what is right in one convention for all: samples as rows or columns, weights
        (out, in) or (in, out), 1/N in the errors or in the gradients of the parameters, the
        gradient of the output by its logits.  loss_scale: your loss over that of the spec:
        2 for twice it, "N" for a sum in place of the mean; None: 1, or what grads["L"] tells.
        strict: only the notation of the spec is right.
        SpecError for unknown or missing names, shapes and numbers that are not finite.
        """
        return compare(self, grads, params, x, y, rtol, loss_scale, strict)

    def generate(self, target: str | None = None, **options: Any) -> str:
        """The text of the standalone training module.

        target: "numpy", to be read; "numpy-fast", whose steps are planned; "jax" or "c"; None:
        that of the spec, "numpy" by default.  options, of "numpy": ``include``, what few need, a
        list of "checkpoint", "reduce" and "streaming", or these words between commas.  Of "c":
        ``weights``, parameters to bake in; ``training=False``, which leaves training out;
        ``prefix``, of the names in the file ("net").  Raises TypeError for others, ValueError for
        an unknown target, and SpecError for a value that does not fit.
        """
        return generate(self, target, **options)

    def compile(self, target: str | None = None, **options: Any) -> ModuleType:
        """The same module, live; that of "c" needs a C compiler when it is first used."""
        return compile_module(self, target, **options)

    def _repr_svg_(self) -> str:
        """The picture of the network that notebooks show."""
        return svg(picture(self))


class _Printed(Gradients):
    """What is printed of a derivation, of a network or of lines."""

    def latex(
        self,
        notation: str | Notation | None = None,
        layout: str | None = None,
        detail: str = "textbook",
        language: str = "en",
        select: str | Iterable[str] = (),
    ) -> str:
        """The derivation as a LaTeX fragment.

        notation: a name; None: that of the spec, "affine" by default.  layout: "sample",
        "columns" or "rows"; None: that of a notation which is given, or else of the spec, or else
        of its notation.  select: labels of equations that are wanted alone, "delta_1,A_1";
        notes/labels.py lists them.
        """
        options = NotesOptions(
            notation=notation, layout=layout, detail=detail, language=language, select=select
        )
        return fragment(self, options)

    def save(
        self, path: str | Path, *, force: bool = False, fragment: bool = False, **options: Any
    ) -> Path:
        """Write the notes; the suffix says the format.

        Known are .tex, .pdf, .html, .md, .qmd (Quarto), .ipynb and .json.
        options: notation, layout, detail, language, figures (whether there are any), numbers
        (of a worked example: "none", "decimal" or "pencil"; None: those of the spec), story
        ("reference" or "tutorial"), method ("chain" or "differential"), select, code,
        sympy (whether sympy.diff finds an entry of a gradient, too).
        Raises TypeError for others, ValueError, OutputError, TexError.
        """
        asked = notes_options("save", options)
        return save(self, Path(path), asked, force=force, bare=fragment)

    def show(self, height: int = 640, **options: Any) -> None:
        """Show the interactive page: in a notebook within a frame, ``height`` pixels high,
        elsewhere in the browser.  options: those of :meth:`save`.  OSError where none opens.
        SpecError for a height that is none.
        """
        check_argument("show", "height", Field("integer", minimum=1), height)
        text = html(self, notes_options("show", options))
        show(text, self.stem, height)

    def _repr_latex_(self) -> str:
        rows = r" \\ ".join(line._repr_latex_().strip("$") for line in self.gradients.values())
        return f"$$\\begin{{gathered}} {rows} \\end{{gathered}}$$"


class Derivation(_Printed, derivation.Derivation):
    __doc__ = derivation.Derivation.__doc__

    def verify(self, seed: int = 0) -> Report:
        """Every line against an independent derivative, by complex steps."""
        return verify(self, seed)

    def lambdify(self) -> Callable[..., tuple[float, dict[str, Any]]]:
        """All lines as one NumPy function (params, x, y) -> (loss, gradients), by SymPy's lambdify.

        x: (N, inputs); y: (N, outputs), classes as one-hot rows; params and gradients by name.
        ``masks=`` takes those of dropout; without them there is none.  This is the quick path in
        memory: stable forms, but no planned step, no float32, no scaling of x, and nothing is
        looked at but shapes (ValueError).  ``network.compile()`` has all that.
        """
        return lambdify_gradients(self)


class Lines(own_lines.Lines):
    __doc__ = own_lines.Lines.__doc__

    def compare(
        self,
        grads: Mapping[str, Any],
        given: Mapping[str, Any],
        rtol: float | None = None,
        loss_scale: float | str | None = None,
    ) -> Comparison:
        """Compare a backpropagation of your own with the derivation, as of a :class:`Network`.

        grads: the gradient of every parameter, and of any other tensors, by the tensor's name
        ("W") or the gradient's ("dW").  given: inputs, targets and parameters by name.
        """
        return compare_lines(self, grads, given, rtol, loss_scale)

    def derive(self, of: str = "L", wrt: Sequence[str] | None = None) -> LinesDerivation:
        """The derivatives of a scalar, the loss L unless another one is named.

        wrt: the tensors by which it is differentiated; None: the parameters.
        SpecError where there is no such scalar or tensor, or no dependence.
        """
        return LinesDerivation(self, of, wrt)

    def generate(self, target: str | None = None, **options: Any) -> str:
        """The text of the standalone training module; target: "numpy", or None for it.

        options: ``include="checkpoint"``.  Raises TypeError for others, ValueError for an unknown
        target, and SpecError for lines of which no module can be made.
        """
        return generate(self, target, **options)

    def compile(self, target: str | None = None, **options: Any) -> ModuleType:
        """The same module, live."""
        return compile_module(self, target, **options)

    def _repr_svg_(self) -> str:
        """The picture of the network that notebooks show."""
        return svg(picture(self))


class LinesDerivation(_Printed, own_lines.LinesDerivation):
    __doc__ = own_lines.LinesDerivation.__doc__

    def verify(self, seed: int = 0) -> Report:
        """Every line against an independent derivative, by complex steps."""
        return verify_lines(self, seed)


def lines(source: str | Path, **fields: Any) -> Lines:
    """Equations of your own, as symnn/guide/lines.md describes them: any network, or any scalar.

    source: the text, or a Path to NAME.lines or to a spec with ``lines``.  fields: of a text and of
    NAME.lines, those of [model], [train], [notes] and [output], as ``learning_rate=0.01``; a spec
    says them itself.  SpecError for a mistake, with its line and column; TypeError for a field that
    there is not.
    """
    if isinstance(source, str):
        return Lines(spec_of_lines(source, **fields))
    if found := lines_text(source):
        return Lines(spec_of_lines(*found, source, **fields))
    check_names(f"lines, of a spec such as {shorten(str(source))}", fields, ())
    spec = load_model(source)
    if not isinstance(spec, LinesSpec):
        raise SpecError([spec.problem("layers", "these are layers", "symnn.load takes them")])
    return Lines(spec)


def network(
    out: Node | Mapping[str, Node],
    loss: str | Mapping[str, Any] | Sequence[Mapping[str, Any]] = "mse",
    l2: float = 0.0,
    **fields: Any,
) -> Lines:
    """The network that ends in what layers give, with its loss; as lines, see ``symnn.lines``.

    out: what the last layer gives; or several, by names.  loss: a name, or the fields of [loss];
    or a list of those of [[losses]], in which ``of`` is a name of out.  l2: beside a name.
    fields: those of [model], [train], [notes] and [output], as ``learning_rate=0.01``.  SpecError
    for layers that do not fit, TypeError for a field that there is not.
    """
    if l2 and not isinstance(loss, str):
        raise TypeError("network: l2 is a field of loss where that is no name")
    one = isinstance(loss, str | Mapping)
    fields_of = {"name": loss, "l2": l2} if isinstance(loss, str) else loss
    outs = out if isinstance(out, Mapping) else {"": out}
    written = equations_of_calls(outs, {"loss" if one else "losses": fields_of})
    return Lines(replace(spec_of_lines(written.text, "network", **fields), written=written))


def load(source: str | os.PathLike[str] | Mapping[str, Any]) -> Network:
    """The network of a spec: a path, a mapping, or the name of a shipped example."""
    return Network.from_spec(load_spec(source))


def from_torch(module: Any, loss: str | Mapping[str, Any] = "mse", **options: Any) -> Network:
    """The network of a torch.nn.Sequential of Linear layers, activations and Dropout.

    loss and options are those of :class:`Network`.  Flatten and Identity are ignored, a Sequential
    within counts as its layers.  ValueError names the layer that has no counterpart, that has
    hooks, a parametrization, a forward of its own or shared weights, or whose outputs (Dropout off)
    are not those of the network.  The weights: :func:`symnn.params_from_torch`.
    """
    return Network.from_spec(network_of_torch(module, loss, **options).spec)
