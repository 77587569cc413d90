"""Lines in C: the same numbers as in NumPy, on every kind of line, and the file by itself."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nn.layer_cases import CASES
from support.programs import PROGRAMS
from support.random_graphs import Graphs, held, network

import symnn
from symnn.api import Lines
from symnn.cli.main import main
from symnn.io.errors import SpecError
from symnn.spec.sources import example_names, example_path
from symnn.targets.registry import compile_module, generate_files

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
pytestmark = pytest.mark.skipif(not COMPILERS, reason="no C compiler")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic")
EXAMPLES = example_names(".lines")
# those that train: what stands in the tests of the engine has values of its own as parameters
TRAINED = [
    name
    for name, text in PROGRAMS.items()
    if "parameter" in text and "parameter x" not in text and name not in ("simple RNN", "VAE")
]
BOUND = {"float64": 1e-12, "float32": 2e-5}


@pytest.fixture(autouse=True)
def quickly_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFLAGS", "-O1")


def example(name: str, **more: Any) -> Lines:
    return symnn.lines(example_path(name, ".lines"), **more)


def drawn(module: Any, rng: np.random.Generator, count: int) -> Iterator[dict[str, Any]]:
    """Inputs, then targets."""
    for table in (module.INPUTS, module.TARGETS):
        found: dict[str, Any] = {}
        for name, shape in table.items():
            sizes = [count if size == "N" else size for size in shape]
            found[name] = rng.uniform(0.1, 1.1, sizes)
            if name in module.WHOLE:
                found[name] = rng.integers(0, module.WHOLE[name], sizes)
            elif name in module.CHOICES:
                found[name] = found[name] / found[name].sum(axis=-1, keepdims=True)
            found[name] = held(module.HOLD.get(name, ""), found[name])
        yield found


def largest(values: Any) -> float:
    return float(np.abs(values).max(initial=0.0))


def compared(lines: Lines, count: int = 5, target: str = "c") -> float:
    """The largest difference from the NumPy module, over the largest value of its kind."""
    plain, own = compile_module(lines, "numpy"), compile_module(lines, target)
    rng = np.random.default_rng(1)
    params = {
        name: np.asarray(value + 0.1 * rng.standard_normal(value.shape), value.dtype)
        for name, value in plain.initialize(3).items()
    }
    x, y = drawn(plain, rng, count)
    expected, found = plain.predict(params, x), own.predict(params, x)
    if not isinstance(expected, dict):
        expected, found = {"": expected}, {"": found}
    assert expected.keys() == found.keys()
    noise: dict[str, Any] = {}
    if hasattr(plain, "NOISE"):
        noise = {"noise": plain._noise(rng, params, plain._data(params, x, y, (*x, *y)))}
    loss, gradients = plain.loss_and_gradients(params, x, y, **noise)
    own_loss, own_gradients = own.loss_and_gradients(params, x, y, **noise)
    assert [*gradients] == [*own_gradients]
    size = max(map(largest, gradients.values())) or 1.0
    errors = [abs(own_loss - loss) / (abs(loss) or 1.0)]
    for name in expected:
        assert found[name].shape == expected[name].shape
        assert found[name].dtype == expected[name].dtype
        errors.append(largest(found[name] - expected[name]) / (largest(expected[name]) or 1.0))
    for name in gradients:
        assert own_gradients[name].shape == gradients[name].shape
        assert own_gradients[name].dtype == params[name].dtype
        errors.append(largest(own_gradients[name] - gradients[name]) / size)
    return max(errors)


def with_layer(kind: str, fields: dict[str, Any], shape: tuple[int, ...]) -> Lines:
    """A network that has a layer between two others."""
    own = {"type": kind, **fields, **({"activation": "tanh"} if "conv" in kind else {})}
    first = {"type": "dense", "units": shape[-1], "activation": "sin"}
    layers = [first, own, {"type": "dense", "units": 2, "activation": "tanh"}]
    spec = {"inputs": {"x": {"shape": [*shape]}}, "layers": layers, "loss": {"name": "mse"}}
    return Lines(network(spec))


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    assert compared(example(name)) < BOUND["float64"]


@pytest.mark.parametrize("name", TRAINED)
def test_programs_of_the_textbooks(name: str) -> None:
    assert compared(symnn.lines(PROGRAMS[name])) < BOUND["float64"]


@pytest.mark.parametrize(("kind", "fields", "shape"), CASES)
def test_layers(kind: str, fields: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert compared(with_layer(kind, fields, shape)) < BOUND["float64"]


def test_places_that_are_multiples_of_eight() -> None:
    """Of them there is one more in memory for each channel."""
    for kind, fields, shape in (
        ("conv2d", {"filters": 3, "kernel": 3, "padding": 1}, (4, 4, 2)),
        ("max_pool1d", {"size": 2}, (16, 3)),
        ("transformer_block", {"heads": 2}, (8, 8)),
    ):
        assert compared(with_layer(kind, fields, shape)) < BOUND["float64"], kind


def test_random_graphs(sampled_seed: int) -> None:
    lines = Lines(network(Graphs(sampled_seed).spec))
    if not lines.parameters:
        pytest.skip("no layer has parameters")
    assert compared(lines) < 1e-10


@pytest.mark.parametrize("name", ["attention", "lstm", "convolution", "pooling"])
def test_single_precision(name: str) -> None:
    lines = example(name, dtype="float32")
    assert compile_module(lines, "c").DTYPE is np.float32
    assert compared(lines, 9) < BOUND["float32"]


def trains_as_numpy(name: str, target: str, folder: Path) -> None:
    """Masks and noise are drawn, and states are kept, by what the modules have in common."""
    lines = example(name, optimizer="adam", learning_rate=0.01)
    plain, own = compile_module(lines, include=["checkpoint"]), compile_module(lines, target)
    assert own.STATES == ("m", "v") and own.LEARNING_RATE == 0.01
    x, y = drawn(plain, np.random.default_rng(2), 11)
    settings: dict[str, Any] = {"epochs": 3, "batch_size": 4}
    params, history = plain.train(x, y or None, **settings)
    found, own_history = own.train(x, y or None, **settings, checkpoint=folder)
    assert own_history == pytest.approx(history, rel=1e-9)
    for key, value in params.items():
        assert found[key] == pytest.approx(value, rel=1e-7, abs=1e-9), key
    again, _ = own.train(x, y or None, **settings, checkpoint=folder, resume=True)
    assert all(np.array_equal(again[key], found[key]) for key in found)
    # the numbers of another target are other ones in their last digits
    with pytest.raises(plain.CheckpointError):
        plain.train(x, y or None, **settings, checkpoint=folder, resume=True)


@pytest.mark.parametrize("name", ["layer_norm", "batch_norm", "variational_autoencoder"])
def test_training_is_that_of_numpy(name: str, tmp_path: Path) -> None:
    trains_as_numpy(name, "c", tmp_path)


# --- the file by itself

MAIN = """
#include <stdio.h>
#include "net.h"
int main(void)
{{
    {data}
    net_real out[{size}];
    net_init(3);
    for (int i = 0; i < {count}; i++)
        net_weights()[i] = (net_real)weights[i];
    net_predict({predicted}, out);
    for (int i = 0; i < {size}; i++)
        printf("%.17g\\n", (double)out[i]);
    for (int k = 0; k < 3; k++)
        printf("%.17g\\n", (double)net_step({given}, 4, 0.1));
    for (int i = 0; i < {count}; i++)
        printf("%.17g\\n", (double)net_weights()[i]);
    printf("%d\\n", net_step({given}, NET_ROWS + 1, 0.1) != net_step({given}, 0, 0.1));
    return 0;
}}
"""


def built(files: dict[str, str], main_c: str, folder: Path, *options: str) -> list[float]:
    """What the program prints."""
    (folder / "main.c").write_text(main_c)
    for suffix in (".c", ".h"):
        name = "net" if suffix == ".h" else "own"
        (folder / f"{name}{suffix}").write_text(files[suffix])
    command = [*options, "-O1", "main.c", "own.c", "-lm", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    out = subprocess.run([folder / "main"], check=True, capture_output=True, text=True).stdout
    return [float(row) for row in out.split()]


def listed(type: str, name: str, values: Any) -> str:
    return (
        f"static const {type} {name}[] = {{{', '.join(repr(v.item()) for v in values.ravel())}}};"
    )


SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.mark.parametrize(
    ("name", "optimizer", "compiler", "options"),
    [
        *((name, "sgd", COMPILERS[0], SANITIZED) for name in ("attention", "lstm", "embedding")),
        *((name, "adam", COMPILERS[0], ("-march=native",)) for name in ("batch_norm", "pooling")),
        *((name, "sgd", COMPILERS[-1], ("-DNET_PLAIN",)) for name in ("convolution", "embedding")),
    ]
    if COMPILERS
    else [],
)
def test_the_file_embedded(
    name: str, optimizer: str, compiler: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    lines = example(name, optimizer=optimizer, learning_rate=0.1)
    plain, files = compile_module(lines, "numpy"), generate_files(lines, "c")
    rng = np.random.default_rng(5)
    params = plain.initialize(2)
    x, y = drawn(plain, rng, 4)
    data = {**x, **y}
    weights = np.concatenate([v.ravel() for v in params.values()])
    text = [listed("double", "weights", weights)]
    text += [
        listed("net_index" if key in plain.WHOLE else "net_real", key, value)
        for key, value in data.items()
    ]
    first = {key: value[:1] for key, value in x.items()}
    predicted = plain.predict(params, first)
    trained, history = plain.train(x, y, params=params, epochs=3, batch_size=4)
    rows = built(
        files,
        MAIN.format(
            data="\n".join(text),
            size=predicted.size,
            count=weights.size,
            predicted=", ".join(x),
            given=", ".join(data),
        ),
        tmp_path,
        *(compiler, *WARNINGS, *options),
    )
    found = iter(rows)
    assert [*itertools.islice(found, predicted.size)] == pytest.approx(predicted.ravel(), rel=1e-12)
    assert [*itertools.islice(found, 3)] == pytest.approx(history, rel=1e-12)
    expected = np.concatenate([trained[k].ravel() for k in params])
    assert [*itertools.islice(found, weights.size)] == pytest.approx(expected, rel=1e-9, abs=1e-10)
    assert [*found] == [1]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("options", [(), ("-DNET_LIBRARY",), ("-DNET_BITS=32", "-march=native")])
def test_no_warnings(compiler: str, options: tuple[str, ...], tmp_path: Path) -> None:
    for name in ("ctc", "experts", "variational_autoencoder", "matrix_factorisation"):
        (tmp_path / "own.c").write_text(generate_files(example(name), "c")[".c"])
        command = [compiler, *WARNINGS, *options, "-c", "own.c", "-o", "own.o"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert not done.returncode, (name, done.stderr[:500])


def test_prediction_alone_with_its_weights(tmp_path: Path) -> None:
    lines = example("convolution")
    module = compile_module(lines)
    params, rng = module.initialize(4), np.random.default_rng(0)
    files = generate_files(lines, "c", weights=params, training=False, prefix="digits")
    assert files.keys() == {".c", ".h"} and "digits_step" not in files[".h"]
    x, _ = drawn(module, rng, 1)
    [name], expected = [*x], module.predict(params, x)
    main_c = f"""
        #include <stdio.h>
        #include "net.h"
        int main(void) {{
            {listed("digits_real", name, x[name])}
            digits_real out[{expected.size}];
            digits_init(0);
            digits_predict({name}, out);
            for (int i = 0; i < {expected.size}; i++)
                printf("%.17g\\n", (double)out[i]);
            return 0;
        }}
    """
    assert built(files, main_c, tmp_path, COMPILERS[0], *WARNINGS) == pytest.approx(
        expected.ravel(), rel=1e-12
    )
    with pytest.raises(SpecError, match="has the shape"):
        generate_files(lines, "c", weights={**params, next(iter(params)): np.zeros(2)})


# --- what it does not take


def run(*words: str) -> object:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main([*words])
    return ended.value.code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "input x[n<N, t<T]\nparameter w\ny[n] = sum_t w*x[n,t]\nL = mean_n y[n]",
            "the target c needs sizes that are numbers, and x[n,t] has T",
        ),
        (
            "input x[n<N, t<3]\nparameter w\n"
            "y[n] = max_t w*x[n,t] + max_t -w*x[n,t]\nL = mean_n y[n]",
            "the target c takes one maximum a line",
        ),
    ],
)
def test_what_it_does_not_take(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.lines"
    path.write_text(text)
    assert run("generate", str(path), "--target", "c", "-o", str(tmp_path / "own.c")) == 2
    assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["own.lines"]


def test_a_user_trains_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    x, y = drawn(compile_module(example("lstm")), np.random.default_rng(0), 6)
    np.savez("d.npz", **x, **y)
    assert run("generate", "lstm", "--target", "c") == 0
    assert {p.name for p in tmp_path.iterdir()} == {"d.npz", "lstm.c", "lstm.h", "lstm.py"}
    assert run("train", "lstm", "--target", "c", "--data", "d.npz", "--epochs", "2") == 0
    capsys.readouterr()


def test_names_that_c_has_too(tmp_path: Path) -> None:
    text = """
        input rows[n<N, ld<3]
        target double[n, i<2]
        parameter int[i, ld] = normal(1), c1[i] of bias, theta
        t1[n,i] = sum_ld int[i,ld]*rows[n,ld] + c1[i]*theta
        place[n,i] = tanh(t1[n,i])*t1[n,i]
        linux[n] = max_i place[n,i]
        L = mean_n (sum_i (place[n,i] - double[n,i])**2 + linux[n]*exp(-linux[n]**2))
    """
    lines = symnn.lines(textwrap.dedent(text))
    assert compared(lines) < BOUND["float64"]
    (tmp_path / "own.c").write_text(generate_files(lines, "c")[".c"])
    command = [COMPILERS[0], *WARNINGS, "-c", "own.c", "-o", "own.o"]
    assert not subprocess.run(command, cwd=tmp_path, check=False).returncode


def test_nothing_but_the_interface_is_exported(tmp_path: Path) -> None:
    """Another library may have a function of any name."""
    (tmp_path / "own.c").write_text(generate_files(example("lstm"), "c")[".c"])
    for options, expected in (
        ((), {"net_init", "net_weights", "net_predict", "net_step"}),
        (("-DNET_LIBRARY",), {"net_memory", "net_forward", "net_gradient"}),
    ):
        command = [COMPILERS[0], "-O1", *options, "-c", "own.c", "-o", "own.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
        told = subprocess.run(
            ["nm", "-g", "--defined-only", "own.o"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        assert {row.split()[-1] for row in told.stdout.splitlines()} == expected


def test_every_array_is_of_single_precision() -> None:
    """A number of double precision would make every loop twice as long."""
    text = generate_files(example("attention", dtype="float32"), "c")[".c"]
    body = text[text.index("static void predicted") : text.index("#ifndef NET_LIBRARY")]
    assert "R(" in body and not re.search(r"(?<![\w(])\d+\.\d+(?!\))", body)
