"""The C target: equal to the NumPy module, and fit for embedding."""

from __future__ import annotations

import functools
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.random_networks import leaves_of, module_gradients, random_network

from symnn import Dense, Dropout, Network, SpecError, load
from symnn.cli.main import run
from symnn.targets.c.compiler import sizes
from symnn.targets.registry import generate_files

COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)] or ["cc"]
COMPILER = next((c for c in ("cc", *COMPILERS) if shutil.which(c)), "")
pytestmark = pytest.mark.skipif(not COMPILER, reason="no C compiler (cc, gcc or clang)")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic")
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "adam", "learning_rate": 0.01},
    {"optimizer": "rmsprop", "learning_rate": 0.01},
)


def compiled(*arguments: str | Path, compiler: str = COMPILER) -> None:
    """Run a compiler; its messages are in the error."""
    done = subprocess.run([compiler, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]


def written(net: Network, folder: Path, **options: Any) -> Path:
    """The C file of a network, with its header beside it."""
    for suffix, text in generate_files(net, "c", **options).items():
        (folder / f"net{suffix}").write_text(text)
    return folder / "net.c"


def error(found: Any, expected: Any) -> float:
    """The largest error of a gradient, scaled."""
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found - expected).max()) / scale


# gradients -------------------------------------------------------------------------------


@pytest.fixture
def unoptimized(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that are compiled in a tenth of the time."""
    monkeypatch.setenv("CFLAGS", "-O0")


def test_gradients_equal_those_of_the_numpy_module(
    network_seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFLAGS", "-O0" if network_seed % 4 else "-O2")
    net = random_network(network_seed)
    values = leaves_of(net, np.random.default_rng([network_seed, 3]))
    plain, fast = net.compile(), net.compile(target="c")
    loss, expected = module_gradients(net, plain, values)
    found_loss, found = module_gradients(net, fast, values)
    assert found_loss == pytest.approx(loss, rel=1e-12)
    assert list(found) == list(expected)
    for name, gradient in expected.items():
        assert error(found[name], gradient) < 1e-12, f"{name} of {net!r}"
    params = {name: values[name] for name in net.parameters}
    output = fast.predict(params, values["x"])
    np.testing.assert_allclose(output, plain.predict(params, values["x"]), rtol=1e-12, atol=1e-14)
    single = {k: v.astype(np.float32) for k, v in values.items()}
    found_loss, found = module_gradients(net, fast, single)
    assert found_loss == pytest.approx(loss, rel=1e-3)
    for name, gradient in expected.items():
        assert found[name].dtype == np.float32
        assert error(found[name], gradient) < 1e-4, f"{name} of {net!r} in float32"


def test_products_that_exceed_the_caches_are_whole() -> None:
    layers = [Dense(261, "tanh"), Dense(131, "tanh"), Dense(3)]
    net = Network(inputs=519, layers=layers, loss="mse")
    plain, fast = net.compile(), net.compile(target="c")
    params, (x, y) = plain.initialize(), data(net, 270)
    loss, expected = plain.loss_and_gradients(params, x, y)
    found_loss, found = fast.loss_and_gradients(params, x, y)
    assert found_loss == pytest.approx(loss, rel=1e-12)
    for name, gradient in expected.items():
        assert error(found[name], gradient) < 1e-12, name


# training --------------------------------------------------------------------------------


def data(net: Network, rows: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(rows, net.inputs)), rng.uniform(0.1, 0.9, (rows, net.outputs))
    return x, np.eye(net.outputs)[y.argmax(axis=1)] if net.spec.loss.name == "cross_entropy" else y


def example(loss: str = "mse", dropout: bool = False, **more: Any) -> Network:
    layers = [Dense(6, "tanh"), *([Dropout(0.3)] if dropout else []), Dense(5, "relu")]
    end = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(loss, "linear")
    return Network(
        inputs=3, layers=[*layers, Dense(3, end)], loss={"name": loss, "l2": 0.01}, **more
    )


@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("options", OPTIMIZERS, ids=lambda o: f"{o['optimizer']}{len(o)}")
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_equals_that_of_the_numpy_module(
    options: dict[str, Any], dropout: bool, dtype: str
) -> None:
    net = example("cross_entropy", dropout, train=options, dtype=dtype)
    x, y = data(net, 23)
    plain, fast = net.compile(), net.compile(target="c")
    start = plain.initialize(3)
    start |= {"x_mean": np.full(3, 0.25), "x_scale": np.full(3, 1.5)}
    before = {k: v.copy() for k, v in start.items()}
    for batch_size in (None, 5):
        given: dict[str, Any] = {"params": start, "epochs": 12, "batch_size": batch_size}
        params, history = plain.train(x, y, seed=4, **given)
        found, losses = fast.train(x, y, seed=4, **given)
        bound = 1e-10 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(losses, history, rtol=bound)
        for name, values in params.items():
            assert found[name].dtype == values.dtype
            assert error(found[name], values) < bound, name
    for name, values in before.items():
        np.testing.assert_array_equal(start[name], values)


@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("loss", ["norm", "sse", "mse", "mae", "huber", "binary_cross_entropy"])
def test_every_loss_is_trained_alike(loss: str) -> None:
    net = example(loss, train={"learning_rate": 0.01})
    x, y = data(net, 9)
    _, history = net.compile().train(x, y, epochs=5, batch_size=4)
    _, losses = net.compile(target="c").train(x, y, epochs=5, batch_size=4)
    np.testing.assert_allclose(losses, history, rtol=1e-11)
    assert losses[-1] < losses[0]


@pytest.mark.usefixtures("unoptimized")
def test_divergence_is_reported_as_by_the_numpy_module() -> None:
    net = Network(inputs=3, layers=[Dense(4, "relu"), Dense(3)], loss="sse")
    x, y = data(net, 8)
    errors = []
    for module in (net.compile(), net.compile(target="c")):
        with pytest.raises(module.DivergedError) as caught:
            module.train(x, y, epochs=400, batch_size=3, learning_rate=3.0)
        errors.append(caught.value)
    plain, fast = errors
    assert (fast.epoch, fast.step) == (plain.epoch, plain.step)
    assert all(np.isfinite(v).all() for v in fast.params.values())
    assert fast.params.keys() == plain.params.keys()


@pytest.mark.usefixtures("unoptimized")
def test_any_layout_of_data_is_right_and_bad_data_an_error() -> None:
    net = example()
    module = net.compile(target="c")
    params = module.initialize()
    x, y = data(net, 7)
    expected = module.predict(params, x)
    turned = np.asfortranarray(x.astype(">f8"))
    turned.flags.writeable = False
    np.testing.assert_array_equal(module.predict(params, turned), expected)
    np.testing.assert_array_equal(module.predict(params, np.repeat(x, 2, axis=0)[::2]), expected)
    again = module.train(turned, y[::-1][::-1], epochs=2)[1]
    assert again == module.train(x, y, epochs=2)[1]
    with pytest.raises(ValueError, match="shape"):
        module.predict(params, x[:, :2])
    with pytest.raises(ValueError, match="finite"):
        module.train(x * np.nan, y)
    with pytest.raises(ValueError, match=r"y must have the shape \(7, 3\), not \(6, 3\)"):
        module.train(x, y[:-1])
    other = {k: v.astype(">f8") for k, v in params.items()}
    np.testing.assert_array_equal(module.predict(other, x), expected)
    with pytest.raises(ValueError, match="float32 or float64"):
        module.predict({k: v.astype("f2") for k, v in params.items()}, x)
    long = np.tile(x, (100, 1))
    np.testing.assert_array_equal(module.predict(params, long)[-7:], expected)
    assert module.check() < 1e-6


def _half(module_of: Network, part: slice, pipe: Any) -> None:
    """A process that trains on a part of the data."""
    x, y = data(module_of, 12)

    def summed(vector: Any) -> None:
        pipe.send(vector.copy())
        vector += pipe.recv()

    module = module_of.compile(target="c")
    params, _ = module.train(x[part], y[part], epochs=3, batch_size=12, reduce=summed)
    pipe.send(params)


@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("options", OPTIMIZERS[1:3], ids=lambda o: o["optimizer"])
def test_two_processes_train_as_one(options: dict[str, Any]) -> None:
    net = example(train=options)
    x, y = data(net, 12)
    expected, _ = net.compile(target="c").train(x, y, epochs=3, batch_size=None)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    other = context.Process(target=_half, args=(net, slice(0, 5), there))
    other.start()

    def summed(vector: Any) -> None:
        received = here.recv()
        here.send(vector.copy())
        vector += received

    module = net.compile(target="c")
    found, _ = module.train(x[5:], y[5:], epochs=3, batch_size=12, reduce=summed)
    theirs = here.recv()
    other.join(30)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-11, atol=1e-13)
        np.testing.assert_array_equal(theirs[name], found[name])


# the text --------------------------------------------------------------------------------


def test_the_text_is_well_formed(tmp_path: Path) -> None:
    for name in KINDS:
        written(kind(name), tmp_path)
        for suffix in (".c", ".h"):
            lines = (tmp_path / f"net{suffix}").read_text().splitlines()
            assert all(len(line) <= 100 and line == line.rstrip() for line in lines), name
        for check in (("check",), ("format", "--check", "--diff")):
            ruff = (sys.executable, "-m", "ruff", *check, "--isolated", "net.py")
            done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, f"{name}: {done.stdout}"


def test_the_text_does_not_grow_with_depth() -> None:
    def text(depth: int) -> str:
        layers = [Dense(8, "tanh") for _ in range(depth)]
        return Network(inputs=8, layers=layers, loss="mse").generate("c")

    assert len(text(60).splitlines()) <= len(text(12).splitlines()) + 2


# embedding -------------------------------------------------------------------------------

KINDS = {
    "small": dict(inputs=2, layers=[Dense(4, "tanh"), Dense(1, "sigmoid")], loss="sse"),
    "logistic": dict(inputs=2, layers=[Dense(1, "sigmoid")], loss="binary_cross_entropy"),
    "classes": dict(
        inputs=5,
        layers=[Dropout(0.1), Dense(7, "relu"), Dropout(0.2), Dense(3, "softmax")],
        loss={"name": "cross_entropy", "l2": 0.01},
        train={"optimizer": "adam"},
    ),
    "deep": dict(inputs=3, layers=[Dense(4, "gelu") for _ in range(6)], loss="huber"),
    "odd": dict(
        inputs=3,
        layers=[Dense(9, "softmax", bias=False), Dense(5, "elu"), Dense(2, "own"), Dense(2)],
        loss="norm",
        train={"optimizer": "sgd", "momentum": 0.5},
        activations={"own": "x*sin(x)/(1 + x**2)"},
    ),
}


def kind(name: str, dtype: str = "float64") -> Network:
    return Network(dtype=dtype, **KINDS[name])


# every network with the first compiler, two that need most of what a C file may hold with others
WITH_COMPILERS = pytest.mark.parametrize(
    ("name", "compiler"),
    [(n, c) for c in COMPILERS for n in (KINDS if c == COMPILERS[0] else ("classes", "odd"))],
)


@WITH_COMPILERS
def test_no_warning_and_nothing_but_libm_is_needed(
    name: str, compiler: str, tmp_path: Path
) -> None:
    build = functools.partial(compiled, compiler=compiler)
    for dtype in ("float64", "float32"):
        source = written(kind(name, dtype), tmp_path)
        promotion = ("-Wdouble-promotion",) if dtype == "float32" else ()
        for options in (("-ffreestanding", "-O1"), ("-DNET_LIBRARY", "-march=native")):
            build(*WARNINGS, *promotion, *options, "-c", source, "-o", tmp_path / "net.o")
    if shutil.which("nm"):
        build("-O2", "-ffreestanding", "-c", source, "-o", tmp_path / "net.o")
        listed = subprocess.run(["nm", "-u", tmp_path / "net.o"], capture_output=True, text=True)
        needed = {line.split()[-1] for line in listed.stdout.splitlines()}
        known = {"exp", "log", "log1p", "expm1", "tanh", "sin", "cos", "erfc", "pow", "sqrt"}
        assert needed <= known | {f"{f}f" for f in known} | {"_GLOBAL_OFFSET_TABLE_"}


HEADER_IN_CPP = """
#include "net.h"
int main() { net_init(1); net_real x[NET_INPUTS] = {0}, y[NET_OUTPUTS]; net_predict(x, y); }
"""


def test_the_header_is_fit_for_c_plus_plus(tmp_path: Path) -> None:
    source = written(kind("small"), tmp_path)
    (tmp_path / "main.cpp").write_text(HEADER_IN_CPP)
    compiled("-std=c11", "-c", source, "-o", tmp_path / "net.o")
    if not shutil.which("g++"):
        pytest.skip("no C++ compiler")
    command = ["g++", "-Wall", "-Wextra", "-Werror", "-pedantic", "main.cpp", "net.o", "-o", "main"]
    done = subprocess.run([*command, "-lm"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    subprocess.run([tmp_path / "main"], check=True)


MAIN = """
#include <stdio.h>
#include "net.h"

int main(void)
{
    const net_real x[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}}, y[4] = {0, 1, 1, 0};
    net_real loss = 0, output;
    net_init(7);
    for (int i = 0; i < 4000; i++)
        loss = net_step(x[0], y, 4, 0.5);
    printf("%.9g", (double)loss);
    for (int i = 0; i < 4; i++) {
        net_predict(x[i], &output);
        printf(" %.9g", (double)output);
    }
    return 0;
}
"""


def run_main(
    source: Path, *options: str, main: str = MAIN, compiler: str = COMPILER
) -> list[float]:
    """The numbers that a program around the network prints."""
    folder = source.parent
    (folder / "main.c").write_text(main)
    files = (folder / "main.c", source, "-o", folder / "main", "-lm")
    compiled(*WARNINGS, *options, *files, compiler=compiler)
    done = subprocess.run([folder / "main"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    return [float(word) for word in done.stdout.split()]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", [("-O2", "-march=native"), ("-O0",), ("-O1", "-DNET_PLAIN")])
def test_a_c_program_trains_xor(dtype: str, options: tuple[str, ...], tmp_path: Path) -> None:
    loss, *outputs = run_main(written(kind("small", dtype), tmp_path), *options)
    assert loss < 0.01
    np.testing.assert_allclose(outputs, [0, 1, 1, 0], atol=0.15)


STEPS = """
#include <stdio.h>
#include "net.h"

int main(void)
{
    net_real x[NET_ROWS][NET_INPUTS], y[NET_ROWS][NET_OUTPUTS], output[NET_OUTPUTS];
    net_init(3);
    for (int step = 0; step < 40; step++) {
        const int rows = 1 + step % NET_ROWS;
        for (int n = 0; n < rows; n++) {
            for (int j = 0; j < NET_INPUTS; j++)
                x[n][j] = (net_real)((n * 7 + j * 3 + step) % 11 - 5) / 5;
            for (int j = 0; j < NET_OUTPUTS; j++)
                y[n][j] = (net_real)(j == n % NET_OUTPUTS);
        }
        printf("%.9g ", (double)net_step(x[0], y[0], (size_t)rows, 0.01));
    }
    net_predict(x[0], output);
    printf("%.9g", (double)output[0]);
    return 0;
}
"""


SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@functools.cache
def has_sanitizers(compiler: str) -> bool:
    """Whether the library of the sanitizers is there; clang's is a package of its own."""
    with tempfile.TemporaryDirectory() as folder:
        line = [compiler, *SANITIZED, "-x", "c", "-", "-o", f"{folder}/main"]
        return not subprocess.run(line, input=b"int main(void) { }", capture_output=True).returncode


@WITH_COMPILERS
def test_sanitizers_find_nothing(name: str, compiler: str, tmp_path: Path) -> None:
    if not has_sanitizers(compiler):
        pytest.skip(f"{compiler} has no sanitizers (on Debian: libclang-rt-dev)")
    source = written(kind(name), tmp_path)
    checks = ("-g", *SANITIZED, "-march=native")
    found = run_main(source, *checks, main=STEPS, compiler=compiler)
    assert np.isfinite(found).all()
    if name != "classes":  # dropout draws anew
        assert found == pytest.approx(run_main(source, "-DNET_PLAIN", main=STEPS), rel=1e-6)


PREDICT = """
#include <stdio.h>
#include "net.h"

int main(void)
{
    const net_real x[NET_INPUTS] = {1, -2, 0.5};
    net_real output[NET_OUTPUTS];
    net_init(0);
    net_predict(x, output);
    for (int j = 0; j < NET_OUTPUTS; j++)
        printf("%.17g ", (double)output[j]);
    return 0;
}
"""


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_baked_weights_predict_what_they_did(training: bool, dtype: str, tmp_path: Path) -> None:
    net = example(dtype=dtype)
    module = net.compile()
    params = module.initialize(5)
    params |= {"b_1": params["b_1"] + 0.3, "x_mean": np.full(3, 0.1), "x_scale": np.full(3, 2.0)}
    source = written(net, tmp_path, weights=params, training=training)
    text = source.read_text()
    assert "static const net_real" in text and ("net_step" in text) is training
    x = np.array([[1.0, -2.0, 0.5]])
    expected = module.predict(params, x)[0]
    promotion = ("-Wdouble-promotion",) if dtype == "float32" else ()
    # the main program prints doubles
    compiled(*WARNINGS, *promotion, "-ffreestanding", "-c", source, "-o", tmp_path / "net.o")
    found = run_main(source, main=PREDICT)
    np.testing.assert_allclose(found, expected, rtol=1e-12 if dtype == "float64" else 1e-5)


def test_without_training_weights_can_be_set(tmp_path: Path) -> None:
    source = written(example(), tmp_path, training=False)
    assert not (tmp_path / "net.py").exists()
    for word in ("net_step", "differentiate", "malloc", "gradient"):
        assert word not in source.read_text().split("#endif", 1)[1]
    main = PREDICT.replace(
        "net_predict(x, output);",
        "for (int i = 0; i < NET_SIZE; i++) { net_weights()[i] = 0; }\n    net_predict(x, output);",
    )
    assert run_main(source, main=main) == [0.0, 0.0, 0.0]


# two networks in one program, which prints what each predicts
TWO = """
#include <stdio.h>
#include "first.h"
#include "class.h"

int main()
{
    const first_real x[FIRST_INPUTS] = {1, -2, 0.5f};
    const class_real v[CLASS_INPUTS] = {0.25f, -1};
    first_real y[FIRST_OUTPUTS];
    class_real w[CLASS_OUTPUTS];
    first_init(0);
    class_init(0);
    for (int again = 0; again < 2; again++) {
        first_predict(x, y);
        class_predict(v, w);
    }
    for (int j = 0; j < FIRST_OUTPUTS; j++)
        printf("%.9g ", (double)y[j]);
    for (int j = 0; j < CLASS_OUTPUTS; j++)
        printf("%.9g ", (double)w[j]);
    return 0;
}
"""


def prefixed(net: Network, folder: Path, prefix: str, **options: Any) -> Path:
    """The C file of a network under a prefix, which is the file's name too."""
    for suffix, text in generate_files(net, "c", prefix=prefix, **options).items():
        (folder / f"{prefix}{suffix}").write_text(text)
    return folder / f"{prefix}.c"


# what the file has functions, arrays or words for, and Python names; no name of C's own is taken
CONFUSED = {
    "squares": "x**2/10 + x",
    "pulled": "x*tanh(x)",
    "pullback": "x*sin(x)",
    "mask": "tanh(x)/2",
    "exp2": "log(1 + exp(x))",
    "total": "sqrt(1 + x**2)",
    "slope": "sin(x)",
    "max": "abs(x)",
    "w": "x*sigmoid(x)",
    "a_1": "x - x**3/100",
}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", CONFUSED)
def test_the_name_of_an_activation_brings_no_function(
    name: str, compiler: str, tmp_path: Path
) -> None:
    """The parts of the file follow from what is called, not from words that comments have."""
    net = Network(
        inputs=2, layers=[Dense(3, name), Dense(2)], loss="sse", activations={name: CONFUSED[name]}
    )
    weights = net.compile("numpy").initialize(0)
    words = (*WARNINGS, "-Wunused-function", "-Wshadow", "-c", "-o", tmp_path / "net.o")
    options = ({}, {"weights": weights}, {"weights": weights, "training": False})
    plain = Network(
        inputs=2,
        layers=[Dense(3, "named"), Dense(2)],
        loss="sse",
        activations={"named": CONFUSED[name]},
    )
    for given in options:
        files = generate_files(net, "c", **given)
        for suffix, text in files.items():
            (tmp_path / f"net{suffix}").write_text(text)
        compiled(*words, tmp_path / "net.c", compiler=compiler)
        other = generate_files(plain, "c", **given)[".c"]
        bare = re.compile(r"/\*.*?\*/", re.DOTALL)
        assert bare.sub("", files[".c"]) == bare.sub("", other)


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("training", [False, True])
def test_two_networks_are_linked_into_one_program(
    language: str, training: bool, tmp_path: Path
) -> None:
    nets = {"first": example(dtype="float32"), "class": kind("small")}
    points = {"first": [[1.0, -2.0, 0.5]], "class": [[0.25, -1.0]]}
    expected, objects = [], []
    for seed, (prefix, net) in enumerate(nets.items()):
        module = net.compile()
        params = module.initialize(seed)
        source = prefixed(net, tmp_path, prefix, weights=params, training=training)
        expected += list(module.predict(params, np.array(points[prefix], params["A_1"].dtype))[0])
        objects.append(source.with_suffix(".o"))
        compiled(*WARNINGS, "-O2", "-march=native", "-c", source, "-o", objects[-1])
    builder = "g++" if language == "c++" else COMPILER
    if not shutil.which(builder):
        pytest.skip("no C++ compiler")
    main = tmp_path / ("main.cpp" if language == "c++" else "main.c")
    main.write_text(TWO)
    command = [builder, "-Wall", "-Wextra", "-Werror", main, *objects, "-o", tmp_path / "main"]
    done = subprocess.run([*command, "-lm"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True)
    np.testing.assert_allclose([float(w) for w in done.stdout.split()], expected, rtol=2e-6)


@pytest.mark.skipif(not shutil.which("nm"), reason="no nm")
@pytest.mark.parametrize("name", KINDS)
def test_an_object_shows_the_names_of_its_header_alone(name: str, tmp_path: Path) -> None:
    source = prefixed(kind(name), tmp_path, "own")
    compiled("-c", source, "-o", tmp_path / "own.o")
    symbols = ["nm", "-g", "--defined-only", tmp_path / "own.o"]
    listed = subprocess.run(symbols, capture_output=True, text=True).stdout.splitlines()
    functions = {f"own_{f}" for f in ("init", "weights", "predict", "step")}
    assert {line.split()[-1] for line in listed} == functions
    header = (tmp_path / "own.h").read_text()
    assert not re.search(r"(?i)\bnet_", header)
    assert set(re.findall(r"#define (\w+)", header)) == {
        *("OWN_SYMNN_H", "OWN_BITS", "OWN_INPUTS", "OWN_OUTPUTS", "OWN_SIZE", "OWN_ROWS")
    }


def test_a_prefix_changes_names_and_nothing_else(tmp_path: Path) -> None:
    net = kind("odd")
    for suffix, text in generate_files(net, "c", prefix="own").items():
        plain = generate_files(net, "c")[suffix]
        for ours, theirs in (("own_", "net_"), ("OWN_", "NET_")):
            text = text.replace(ours, theirs)
        changed = set(text.splitlines()) ^ set(plain.splitlines())
        known = r"SYMNN_|one network|typedef net_real net|Generated by symnn; digest"
        known += r"|#define (NET_\w+) \1$"  # the file's own names for them
        assert all(re.search(known, t) for t in changed)
    source = prefixed(net, tmp_path, "own")
    assert net.generate("c", prefix="own") == source.read_text()
    line = [sys.executable, source.with_suffix(".py").name, "check"]
    assert subprocess.run(line, cwd=tmp_path, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    "prefix", ["", "mtx", "fe", "Net", "_net", "net_", "a__b", "9a", "a b", "é", "a" * 24]
)
def test_a_prefix_that_is_none_is_an_error(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"prefix: .* digits_init"):
        generate_files(kind("small"), "c", prefix=prefix)
    words = ("generate", "xor", "--target", "c", "-o", str(tmp_path / "net.c"), "--prefix", prefix)
    assert run(list(words)) == 2
    assert not list(tmp_path.iterdir())


BLAS = """
#include "net.h"

int products;

/* row-major, b as it is, beta 1, as the network calls it */
void cblas_dgemm(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a,
                 int lda, const double *b, int ldb, double beta, double *c, int ldc)
{
    products += order == 101 && tb == 111 && alpha == 1 && beta == 1;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            for (int l = 0; l < k; l++)
                c[i * ldc + j] += (ta == 111 ? a[i * lda + l] : a[l * lda + i]) * b[l * ldb + j];
}
"""


@pytest.mark.parametrize("name", ["deep", "odd"])
def test_a_blas_may_compute_the_products(name: str, tmp_path: Path) -> None:
    source = written(kind(name), tmp_path)
    expected = run_main(source, main=STEPS)
    counted = STEPS.replace("int main(void)", "extern int products;\n\nint main(void)")
    counted = counted.replace("    return 0;", '    printf(" %d", products);\n    return 0;')
    options = ("-DSYMNN_CBLAS", "-DSYMNN_CBLAS_LEAST=0")
    *found, products = run_main(source, *options, main=BLAS + counted)
    assert found == pytest.approx(expected, rel=1e-8)
    assert products > 40


# the command line ------------------------------------------------------------------------


def command(*words: str, **more: Any) -> Any:
    line = [sys.executable, "-m", "symnn", *words]
    return subprocess.run(line, capture_output=True, text=True, **more)


def test_the_command_writes_three_files_and_says_what_they_take(tmp_path: Path) -> None:
    made = command("generate", "xor", "--target", "c", "-o", "net.c", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.c", "net.h", "net.py"]
    assert re.search(r"static RAM \d+ bytes, flash \d+ bytes", made.stderr)
    check = ("generate", "xor", "--target", "c", "-o", "net.c", "--check")
    assert command(*check, cwd=tmp_path).returncode == 0
    (tmp_path / "net.h").write_text("/* my own */")
    assert command(*check, cwd=tmp_path).returncode == 4
    before = (tmp_path / "net.c").stat().st_mtime_ns
    refused = command(*check[:-1], cwd=tmp_path)
    assert refused.returncode == 2 and "--force" in refused.stderr
    assert (tmp_path / "net.c").stat().st_mtime_ns == before
    assert command(*check[:-1], "--force", cwd=tmp_path).returncode == 0
    assert command(*check, cwd=tmp_path).returncode == 0
    run = subprocess.run([sys.executable, "net.py", "check"], cwd=tmp_path, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert len(list(tmp_path.glob("net-*.so"))) == 1


def test_weights_of_a_file_are_baked_in(tmp_path: Path) -> None:
    module = Network(**KINDS["small"]).compile()
    module.save(tmp_path / "w.npz", module.initialize(1))
    options = ("--target", "c", "--only", "predict", "--weights", "w.npz", "-o", "net.c")
    made = command("generate", "xor", *options, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.c", "net.h", "w.npz"]
    assert repr(float(module.initialize(1)["A_1"][0, 0])) in (tmp_path / "net.c").read_text()
    wrong = command("generate", "digits", *options, cwd=tmp_path)
    assert wrong.returncode == 2 and "A_1" in wrong.stderr
    numpy = command("generate", "xor", "--weights", "w.npz", cwd=tmp_path)
    assert numpy.returncode == 2 and "--target c" in numpy.stderr


def test_train_writes_the_c_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves a file of others alone, before the first step."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xor_net.h").write_text("mine")
    assert run(["train", "xor", "--target", "c"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["xor_net.h"]
    (tmp_path / "xor_net.h").unlink()
    assert run(["train", "xor", "--target", "c"]) == 0
    for suffix, text in generate_files(load("xor"), "c").items():
        assert (tmp_path / f"xor_net{suffix}").read_text() == text


def test_the_command_takes_a_prefix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["generate", "xor", "--target", "c", "--prefix", "xor", "-o", str(tmp_path / "xor.c")]
    assert run(line) == run([*line, "--check"]) == 0
    assert "void xor_init(uint32_t seed);" in (tmp_path / "xor.h").read_text()
    assert run([*line[:-2], "-o", "-", "digits"]) == 2
    assert "name one spec" in capsys.readouterr().err
    assert run(["generate", "xor", "--prefix", "xor"]) == 2
    assert "--target c" in capsys.readouterr().err


def test_without_a_compiler_the_error_says_what_to_install(tmp_path: Path) -> None:
    nowhere = {**os.environ, "PATH": str(tmp_path), "CC": ""}
    made = command("generate", "xor", "--target", "c", "-o", "net.c", cwd=tmp_path, env=nowhere)
    assert made.returncode == 2 and not list(tmp_path.iterdir())
    assert "gcc" in made.stderr and "numpy" in made.stderr
    written(kind("small"), tmp_path)
    line = [sys.executable, "net.py", "check"]
    run = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env=nowhere)
    assert run.returncode == 2
    assert "gcc" in run.stderr and "numpy" in run.stderr and "Traceback" not in run.stderr


def test_a_read_only_folder_is_left_as_it_is(tmp_path: Path) -> None:
    written(kind("small"), tmp_path)
    code = (
        "import os, net; real = os.access; "
        "os.access = lambda path, mode: mode != os.W_OK and real(path, mode); print(net.check())"
    )
    line = [sys.executable, "-c", code]
    run = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not list(tmp_path.glob("*.so"))


def checked(folder: Path, **environment: str) -> None:
    """The module's own check, which compiles the C file or takes what was compiled."""
    line, own = [sys.executable, "net.py", "check"], {**os.environ, "CFLAGS": "-O0", **environment}
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, env=own)
    assert done.returncode == 0, done.stderr


OWNERS = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners of files here")


@OWNERS
def test_what_others_could_have_planted_is_not_loaded(tmp_path: Path) -> None:
    """In a folder that others can write to nothing is kept, loaded or followed."""
    folder, cache = tmp_path / "shared", tmp_path / "cache"
    folder.mkdir()
    written(kind("small"), folder)
    checked(folder, XDG_CACHE_HOME=str(cache))
    (kept,) = folder.glob("net-*.so")
    assert not cache.exists()
    planted = b"what somebody else has compiled"
    kept.write_bytes(planted)
    folder.chmod(0o777)
    checked(folder, XDG_CACHE_HOME=str(cache))
    assert kept.read_bytes() == planted and list(folder.glob("net-*.so")) == [kept]
    (own,) = (cache / "symnn").iterdir()
    assert own.stat().st_mode & 0o077 == 0 and own.parent.stat().st_mode & 0o077 == 0
    before = own.stat().st_mtime_ns
    checked(folder, XDG_CACHE_HOME=str(cache))
    assert own.stat().st_mtime_ns == before


@OWNERS
@pytest.mark.parametrize("change", ["other bytes", "a link", "writable by all"])
def test_a_compiled_file_that_is_not_as_it_was_is_made_anew(change: str, tmp_path: Path) -> None:
    written(kind("small"), tmp_path)
    checked(tmp_path)
    (kept,) = tmp_path.glob("net-*.so")
    whole, victim = kept.read_bytes(), tmp_path / "victim"
    victim.write_bytes(b"mine")
    if change == "other bytes":
        kept.write_bytes(whole[: len(whole) // 2])
    elif change == "a link":
        kept.unlink()
        kept.symlink_to(victim)
    else:
        kept.chmod(0o777)
    checked(tmp_path)
    (again,) = tmp_path.glob("net-*.so")
    assert again.read_bytes() == whole and not again.is_symlink()
    assert again.stat().st_mode & 0o022 == 0
    assert victim.read_bytes() == b"mine"


@OWNERS
def test_a_cache_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    """A link in its place, or a folder that others can write to: then nothing is kept."""
    folder, cache, other = (tmp_path / name for name in ("shared", "cache", "other"))
    for place in (folder, cache, other):
        place.mkdir()
    written(kind("small"), folder)
    folder.chmod(0o777)
    (cache / "symnn").symlink_to(other)
    checked(folder, XDG_CACHE_HOME=str(cache))
    (cache / "symnn").unlink()
    (cache / "symnn").mkdir()
    (cache / "symnn").chmod(0o777)
    checked(folder, XDG_CACHE_HOME=str(cache))
    left = [p.name for place in (folder, other, cache / "symnn") for p in place.iterdir()]
    assert not [name for name in left if name.endswith(".so") or name.startswith(".symnn")]


# names that the file, C or libm has, each of which stands in a comment of its line
NAMES = (
    *("squares", "pulled", "pullback", "mask", "exp2", "drawn", "net_step", "main", "total"),
    *("affine", "transpose", "int", "double", "register", "expf", "real_exp", "y0", "seed"),
    *("scratch", "x_rows", "dict", "list", "slope"),
)


def test_an_activation_may_have_any_name(tmp_path: Path) -> None:
    net = Network(
        inputs=2,
        layers=[Dense(2, name) for name in NAMES],
        loss="sse",
        activations=dict.fromkeys(NAMES, "x/(1 + x**2)"),
    )
    baked = net.compile("plain").initialize(0)
    for options in ({}, {"training": False, "weights": baked}):
        source = written(net, tmp_path, **options)
        for compiler in COMPILERS:
            for flag in ("-DNET_LIBRARY", "-DNET_PLAIN"):
                made = (*WARNINGS, flag, "-c", source, "-o", tmp_path / "net.o")
                compiled(*made, compiler=compiler)


WRONG_ROWS = """
#include <stdio.h>
#include "net.h"

static net_real x[4 * NET_ROWS * NET_INPUTS], y[4 * NET_ROWS * NET_OUTPUTS];

int main(void)
{
    const size_t wrong[] = {0, NET_ROWS + 1, 2 * NET_ROWS, (size_t)-1};
    net_init(7);
    net_real before[NET_SIZE];
    for (int i = 0; i < NET_SIZE; i++)
        before[i] = net_weights()[i];
    for (int k = 0; k < 4; k++) {
        const net_real loss = net_step(x, y, wrong[k], 0.1);
        printf("%d ", loss != loss);
    }
    int same = 1;
    for (int i = 0; i < NET_SIZE; i++)
        same = same && before[i] == net_weights()[i];
    const net_real loss = net_step(x, y, NET_ROWS, 0.1);
    printf("%d %d", same, loss == loss);
    return 0;
}
"""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_step_of_too_many_rows_or_none_does_nothing(dtype: str, tmp_path: Path) -> None:
    checks = SANITIZED if has_sanitizers(COMPILER) else ()
    assert run_main(written(kind("classes", dtype), tmp_path), *checks, main=WRONG_ROWS) == [1] * 6


AVR = """
#include <avr/io.h>
#include <avr/interrupt.h>
#include <avr/sleep.h>
#include <stdio.h>
#include "net.h"

static int sent(char c, FILE *f)
{
    (void)f;
    while (!(UCSR0A & (1 << UDRE0)))
        ;
    UDR0 = (uint8_t)c;
    return 0;
}

static FILE out = FDEV_SETUP_STREAM(sent, NULL, _FDEV_SETUP_WRITE);

int main(void)
{
    const net_real x[2] = {(net_real)0.3, (net_real)-0.7};
    net_real output;
    UCSR0B = 1 << TXEN0;
    stdout = &out;
    net_init(0);
    net_predict(x, &output);
    printf("<%ld>\\n", (long)(output * 1e6 + 0.5));
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
"""


@pytest.mark.skipif(not shutil.which("avr-gcc"), reason="no avr-gcc")
@pytest.mark.parametrize("hidden", ["tanh", "elu", "softplus"])
def test_a_chip_without_vectors_links_and_predicts(hidden: str, tmp_path: Path) -> None:
    """An ATmega328P, whose libm has float's functions by other names, and no expm1 and log1p."""
    layers = [Dense(4, hidden), Dense(1, "sigmoid")]
    net = Network(inputs=2, layers=layers, loss="sse", dtype="float32")
    module = net.compile()
    weights = module.initialize(3)
    source = written(net, tmp_path, weights=weights, training=False)
    (tmp_path / "main.c").write_text(AVR)
    flags = (
        "-mmcu=atmega328p",
        "-DF_CPU=16000000UL",
        "-Os",
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
    )
    files = (tmp_path / "main.c", source, "-o", tmp_path / "main.elf", "-lm")
    compiled(*flags, *files, compiler="avr-gcc")
    if shutil.which("simavr"):
        line = ["simavr", "-m", "atmega328p", "-f", "16000000", str(tmp_path / "main.elf")]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60)
        (found,) = re.findall(r"<(\d+)>", done.stdout + done.stderr)
        expected = module.predict(weights, np.array([[0.3, -0.7]], np.float32)).item()
        assert int(found) / 1e6 == pytest.approx(expected, abs=2e-6)


def test_the_sizes_are_of_the_compiler_in_cc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = written(kind("small"), tmp_path)
    monkeypatch.delenv("CC", raising=False)
    assert 'for another chip set CC="arm-none-eabi-gcc' in sizes(source)
    own = f"{COMPILER} -DNET_PLAIN"
    monkeypatch.setenv("CC", own)
    machine = subprocess.run([COMPILER, "-dumpmachine"], capture_output=True, text=True).stdout
    assert sizes(source).endswith(f" bytes ({own} -Os for {machine.strip()})")


def test_names_of_users_stay_out_of_the_c_file(tmp_path: Path) -> None:
    name = '*/ int x; /* \\ "quoted" ??/'
    net = Network(name=name, inputs=2, layers=[Dense(2)], loss="mse")
    source = written(net, tmp_path)
    assert "int x" not in source.read_text() + (tmp_path / "net.h").read_text()
    compiled(*WARNINGS, "-c", source, "-o", tmp_path / "net.o")
    assert name == net.compile(target="c").NAME


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="numpy: no option 'weights'"):
        generate_files(kind("small"), "numpy", weights={})
