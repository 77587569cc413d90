"""The code of the named functions, where what is printed of their definitions is not stable."""

from __future__ import annotations

from dataclasses import dataclass

from symnn.engine.functions import TABLE, Function


@dataclass(frozen=True)
class Source:
    """The value of a function at {x}, after some statements; {np} is the library.

    calls: the rows of the table, and erfc, that it calls.  single: one call with {x} in it once,
    which can stand in an expression.
    """

    value: str
    before: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    single: bool = False


ERFC = "erfc"
SOURCES = {
    "linear": Source("{x}"),
    "sigmoid": Source(
        "{np}.where({x} >= 0, 1.0, e) / (1.0 + e)", ("e = {np}.exp(-{np}.abs({x}))",)
    ),
    "tanh": Source("{np}.tanh({x})", single=True),
    "relu": Source("{np}.maximum({x}, 0.0)", single=True),
    "leaky_relu": Source("{np}.maximum({x}, 0.01 * {x})"),
    "elu": Source("{np}.where({x} > 0, {x}, {np}.expm1({np}.minimum({x}, 0.0)))"),
    "gelu": Source("{x} * normal_cdf({x})", calls=("normal_cdf",)),
    "silu": Source("{x} * sigmoid({x})", calls=("sigmoid",)),
    "softplus": Source("{np}.maximum({x}, 0.0) + {np}.log1p({np}.exp(-{np}.abs({x})))"),
    "sin": Source("{np}.sin({x})", single=True),
    "normal_pdf": Source("0.3989422804014327 * {np}.exp(-0.5 * {x} * {x})"),
    "normal_cdf": Source("0.5 * erfc(-0.7071067811865476 * {x})", calls=(ERFC,)),
    "root": Source("{np}.sqrt({x})", single=True),
    "absolute": Source("{np}.abs({x})", single=True),
    "huber": Source("r * ({np}.abs({x}) - 0.5 * r)", ("r = {np}.minimum({np}.abs({x}), 1.0)",)),
}


def source(row: Function, order: int = 0) -> Source | None:
    """That of a row's derivative of that order; None for what is printed of its definition."""
    return None if order or TABLE.get(row.name) is not row else SOURCES.get(row.name)
