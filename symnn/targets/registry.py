"""The targets, a row of one table for each, and their modules, live.

The only place of the package that executes built text.
"""

from __future__ import annotations

import shutil
import tempfile
import types
import weakref
from pathlib import Path
from typing import Any

from symnn.derivation.lines import Lines
from symnn.derivation.network import Network
from symnn.io.deferred import deferred
from symnn.io.errors import suggestion
from symnn.io.fields import check_names
from symnn.io.marks import marked_text
from symnn.language.options import SAME_TARGET
from symnn.targets.target import Files, Target

TARGETS: dict[str, Target] = {
    "numpy": Target(deferred("symnn.targets.modules:numpy"), options=("include",), lines=True),
    "numpy-fast": Target(deferred("symnn.targets.planned_modules:numpy_fast")),
    "c": Target(
        deferred("symnn.targets.planned_modules:c"),
        ".c",
        ("weights", "training", "prefix"),
        lines=True,
        needs=deferred("symnn.targets.c.compiler:compiler"),
        report=deferred("symnn.targets.c.compiler:sizes"),
    ),
    "jax": Target(deferred("symnn.targets.modules:jax"), lines=True),
}


def generate(network: Network | Lines, target: str | None = None, **options: Any) -> str:
    """The text of the standalone training module of a network.

    target: None for that of the spec.  Raises ValueError for an unknown target.
    """
    name = target_of(network, target)
    return generate_files(network, name, **options)[TARGETS[name].main]


def target_of(network: Network | Lines, target: str | None = None) -> str:
    """The name in TARGETS of a target, or else of that of the spec; ValueError for none."""
    wanted = target or network.spec.output.target
    name = SAME_TARGET.get(wanted, wanted)
    if name not in TARGETS:
        known = (*TARGETS, *SAME_TARGET)
        raise ValueError(f"unknown target {name!r}; {suggestion(str(name), known)}")
    if isinstance(network, Lines) and not TARGETS[name].lines:
        takes = [own for own, row in TARGETS.items() if row.lines]
        text = f"the target {name} takes chains of dense layers alone"
        raise network.mistake(text, f"take {' or '.join(takes)}", "--target")
    return name


def generate_files(network: Network | Lines, target: str | None = None, **options: Any) -> Files:
    """Suffix -> text of all files of a target, marked, the program first.

    Raises ValueError for an unknown target, and TypeError for an option that it does not take.
    """
    name = target_of(network, target)
    check_names(f"target {name}", options, TARGETS[name].options)
    files = TARGETS[name].files(network, **options)
    return {suffix: marked_text(text, suffix) for suffix, text in files.items()}


class LiveModule(types.ModuleType):
    """A generated module, live: pickled and copied as its texts, without what was changed in it."""

    __slots__ = ("files",)
    files: Files

    def __reduce__(self) -> tuple[Any, ...]:
        return live, (self.files, self.__name__)


def compile_module(
    network: Network | Lines, target: str | None = None, **options: Any
) -> LiveModule:
    """The generated module, live; arguments as for :func:`generate`."""
    return live(generate_files(network, target, **options), network.spec.output.module)


def live(files: Files, name: str) -> LiveModule:
    """The module of generated files; those beside it lie in a folder that ends with it."""
    if len(files) == 1:
        return load_module(files[".py"], name)
    folder = Path(tempfile.mkdtemp(prefix="symnn-"))
    try:
        for suffix, text in files.items():
            (folder / f"{name}{suffix}").write_text(text, encoding="utf-8")
        module = load_module(files[".py"], name, folder / f"{name}.py")
        module.files = files
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # the folder is needed as long as any function of the module lives: each holds the module's
    # globals, and so train, which outlives the module object itself
    weakref.finalize(module.train, shutil.rmtree, folder, ignore_errors=True)
    return module


def load_module(text: str, name: str, file: Path | None = None) -> LiveModule:
    """A module from text that this package has built; never from a user's text."""
    module = LiveModule(name)
    module.files = {".py": text}
    module.__file__ = str(file or f"{name}.py")
    exec(compile(text, f"<generated {name}>", "exec"), module.__dict__)
    for found in list(vars(module).values()):
        if isinstance(found, type) and issubclass(found, Exception | KeyboardInterrupt):
            _find_by_module(found, module)
    return module


def _find_by_module(kind: Any, module: LiveModule) -> None:
    """Let errors of this kind be pickled: no import finds their class, but the module has it."""
    if kind.__module__ == module.__name__:
        plain = kind.__reduce__
        kind.__reduce__ = lambda error: (_raised, (module, kind.__name__, plain(error)[1]))


def _raised(module: LiveModule, kind: str, args: tuple[Any, ...]) -> BaseException:
    error: BaseException = getattr(module, kind)(*args)
    return error
