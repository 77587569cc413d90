"""symnn: derive, print and run the backpropagation of a network."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symnn import layers as layers
    from symnn.api import Input as Input
    from symnn.api import Network as Network
    from symnn.api import from_torch as from_torch
    from symnn.api import lines as lines
    from symnn.api import load as load
    from symnn.api import network as network
    from symnn.checking.compare import Comparison as Comparison
    from symnn.interop import params_from_keras as params_from_keras
    from symnn.interop import params_from_torch as params_from_torch
    from symnn.io.errors import SpecError as SpecError
    from symnn.nn.layers import Dense as Dense
    from symnn.nn.layers import Dropout as Dropout

__version__ = "0.1.0"

# the public names are looked up when they are used: `symnn --help` needs no SymPy
_PLACES = {
    "Dense": "symnn.nn.layers",
    "Dropout": "symnn.nn.layers",
    "Comparison": "symnn.checking.compare",
    "Input": "symnn.api",
    "Network": "symnn.api",
    "SpecError": "symnn.io.errors",
    "from_torch": "symnn.api",
    "lines": "symnn.api",
    "layers": "symnn.layers",
    "load": "symnn.api",
    "network": "symnn.api",
    "params_from_keras": "symnn.interop",
    "params_from_torch": "symnn.interop",
}
__all__ = [
    "Comparison",
    "Dense",
    "Dropout",
    "Input",
    "Network",
    "SpecError",
    "__version__",
    "from_torch",
    "layers",
    "lines",
    "load",
    "network",
    "params_from_keras",
    "params_from_torch",
]


def __getattr__(name: str) -> Any:
    if name == "layers":  # a module of classes
        return importlib.import_module(_PLACES[name])
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
