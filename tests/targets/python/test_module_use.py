"""The generated module in use: what it takes, how it trains, its files and command line."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_module import OPTIMIZERS, drawn, network

from symnn import Dense, Dropout, Network

# --- what it takes ---


def test_labels_and_one_hot_rows_are_the_same() -> None:
    net = network(loss="cross_entropy", layers=[Dense(3, "softmax")])
    module = net.compile()
    params = module.initialize()
    x, y = drawn(net)
    hot = module.loss_and_gradients(params, x, y)
    for labels in (y.argmax(axis=1), y.argmax(axis=1)[:, None], y.argmax(axis=1).astype("u1")):
        loss, gradients = module.loss_and_gradients(params, x, labels)
        assert loss == hot[0]
        assert all(np.array_equal(g, hot[1][k]) for k, g in gradients.items())
    for bad in ([0, 1, 2, 3, 0, 0], [0.5] * 6, [-1] * 6, [np.nan] * 6, ["a"] * 6, [0, 1]):
        with pytest.raises(ValueError, match=r"label|must|shape"):
            module.loss_and_gradients(params, x, np.array(bad))


def test_one_output_takes_flat_targets() -> None:
    net = network(layers=[Dense(2, "tanh"), Dense(1)])
    module = net.compile()
    x, y = drawn(net)
    params = module.initialize(3)
    assert (
        module.loss_and_gradients(params, x, y)[0]
        == (module.loss_and_gradients(params, x, y.ravel())[0])
    )
    with pytest.raises(ValueError, match="shape"):
        module.loss_and_gradients(params, x, y.T)


def test_layout_and_type_of_arrays_do_not_matter() -> None:
    net = network("gelu", "mse")
    module = net.compile()
    x, y = (np.round(8 * v) for v in drawn(net))
    params = module.initialize()
    loss, gradients = module.loss_and_gradients(params, x, y)
    wide = np.zeros((12, 6))
    wide[::2, ::2] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    variants: list[Any] = [np.asfortranarray(x), wide[::2, ::2], x.astype(">f8"), frozen]
    variants += [x.astype("f4"), x.astype(int), x.astype(object), x.tolist(), x[::-1][::-1]]
    for other in variants:
        found, slopes = module.loss_and_gradients(params, other, y)
        assert found == pytest.approx(loss, rel=1e-14)
        for name, g in slopes.items():
            assert g.dtype == np.float64
            assert np.allclose(g, gradients[name], rtol=1e-13, atol=1e-15)
        assert np.allclose(module.predict(params, other), module.predict(params, x), rtol=1e-13)


@pytest.mark.parametrize(
    "x",
    [
        *(np.zeros((0, 3)), np.zeros(3), np.zeros((2, 4)), np.zeros((2, 3, 1)), [[1, 2]]),
        *([[np.nan, 0, 0]], [[np.inf, 0, 0]], [["a", "b", "c"]], [[1j, 0, 0]], [[None, 0, 0]]),
        *([[1e300, 0, 0]], [[1, 2, 3], [1]], None, 3.0),
    ],
)
def test_bad_inputs_are_one_clear_error(x: Any) -> None:
    net = network(dtype="float32")
    module = net.compile()
    params = module.initialize()
    calls: list[Any] = [
        lambda: module.predict(params, x),
        lambda: module.loss_and_gradients(params, x, np.zeros((1, 2))),
        lambda: module.train(x, np.zeros((1, 2))),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"[a-z]"):
            call()


def test_masked_entries_are_refused() -> None:
    """What lies under a mask is no data."""
    net = network()
    module = net.compile()
    x, y = drawn(net)
    hidden = np.ma.masked_array(x, mask=np.zeros_like(x, dtype=bool))
    loss, _ = module.loss_and_gradients(module.initialize(), hidden, y)
    assert loss == module.loss_and_gradients(module.initialize(), x, y)[0]
    hidden[1, 2] = np.ma.masked
    with pytest.raises(ValueError, match="x has masked entries; fill or drop them"):
        module.predict(module.initialize(), hidden)
    with pytest.raises(ValueError, match="y has masked entries"):
        module.train(x, np.ma.masked_greater(y, y.min()))


@pytest.mark.parametrize("y", [[[np.nan, 0]], [[0, 0, 0]], [[]], [0, 0], [["a", "b"]], [[1j, 0]]])
def test_bad_targets_are_one_clear_error(y: Any) -> None:
    module = network().compile()
    with pytest.raises(ValueError, match=r"[a-z]"):
        module.loss_and_gradients(module.initialize(), np.zeros((1, 3)), y)


def yes_or_no() -> Network:
    return Network(inputs=3, layers=[Dense(1, "sigmoid")], loss="binary_cross_entropy")


def three_classes() -> Network:
    return Network(inputs=3, layers=[Dense(3, "softmax")], loss="cross_entropy")


SIGNS = "; for labels -1 and 1 write (y + 1)/2"
NO_TARGETS = [
    (yes_or_no, [0, 1, 2, 0], "y[2] holds 2.0, which is not in 0..1"),
    (yes_or_no, [0, 1, 1, -1e300], "y[3] holds -1e+300, which is not in 0..1"),
    (yes_or_no, [[1], [-1], [-1], [1]], f"y[1] holds -1.0, which is not in 0..1{SIGNS}"),
    (three_classes, [0, 2, 3, 0], "y[2] is 3.0; labels must be whole numbers 0 to 2"),
    (three_classes, [1, 1, -1, 1], f"y[2] is -1.0; labels must be whole numbers 0 to 2{SIGNS}"),
    (three_classes, [[1, 0, 0]] * 3 + [[2, -1, 0]], "y[3] holds 2.0, which is not in 0..1"),
    (three_classes, [[1, 0, 0]] * 3 + [[0.5, 0.25, 0]], "y[3] sums to 0.75, not to 1"),
]


@pytest.mark.parametrize("target", ["numpy", "numpy-fast", "c", "jax"])
def test_targets_that_the_loss_is_not_made_for_are_refused(target: str) -> None:
    """Their losses have no lower bound: -1e300 would be as good as it gets."""
    pytest.importorskip("jax") if target == "jax" else None
    x = np.zeros((4, 3))
    for make, y, message in NO_TARGETS:
        module = make().compile(target)
        module.PIECE = 64  # read in parts of two rows, or one
        calls: list[Any] = [
            lambda y, module=module: module.train(x, y),
            lambda y, module=module: module.loss_and_gradients(module.initialize(), x, y),
        ]
        for call in calls:
            with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
                call(np.array(y))


def test_the_edges_of_what_a_loss_takes_are_taken() -> None:
    """Probabilities that were computed in float32 sum to 1 but for rounding."""
    x = np.zeros((4, 3))
    for make, y in ((yes_or_no, [0, 1, 0.5, 1]), (three_classes, [[1, 0, 0]] * 4)):
        assert np.isfinite(make().compile().train(x, np.array(y), epochs=1)[1]).all()
    soft = np.random.default_rng(0).uniform(size=(4, 3)).astype("f4")
    soft /= soft.sum(axis=1, keepdims=True)
    three_classes().compile().train(x, soft, epochs=1)
    with pytest.raises(ValueError, match=r"y\[0\] sums to 1.000002, not to 1"):
        three_classes().compile().train(x, np.full((4, 3), 1.000002 / 3))
    network().compile().train(x, np.full((4, 2), -3.0), epochs=1)


@pytest.mark.parametrize("target", ["numpy", "numpy-fast", "c", "jax"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_refused(target: str, value: float) -> None:
    pytest.importorskip("jax") if target == "jax" else None
    module = network().compile(target)
    x, y = np.zeros((4, 3)), np.zeros((4, 2))
    params = {**module.initialize(), "x_mean": np.zeros(3), "x_scale": np.ones(3)}
    for name in ("A_1", "x_mean"):
        bad = {**params, name: np.full_like(params[name], value)}
        calls: list[Any] = [
            lambda bad: module.train(x, y, params=bad),
            lambda bad: module.predict(bad, x),
            lambda bad: module.loss_and_gradients(bad, x, y),
        ]
        for call in calls:
            with pytest.raises(ValueError, match=f"params: {name} holds a value that is not fin"):
                call(bad)


def test_the_shapes_in_a_message_are_those_of_the_whole_arrays() -> None:
    """Though train reads them in pieces."""
    module = network().compile("numpy-fast")
    module.PIECE = 100
    with pytest.raises(ValueError, match=r"x must have .*\(N, 3\), not \(50, 4\)"):
        module.train(np.zeros((50, 4)), np.zeros((50, 2)))
    for y in (np.zeros((50, 3)), np.zeros((49, 2)), np.zeros(50), np.zeros(())):
        message = re.escape(f"y must have the shape (50, 2), not {y.shape}")
        with pytest.raises(ValueError, match=message):
            module.train(np.zeros((50, 3)), y)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_a_row(batch_size: int) -> None:
    net = network()
    with pytest.raises(
        ValueError, match=f"batch_size must be a whole number, at least 1, not {batch_size}"
    ):
        net.compile().train(*drawn(net), batch_size=batch_size)


def test_parameters_of_another_shape_or_type_are_refused() -> None:
    """Rather than stretched, or the inputs cut to whole numbers."""
    net = network()
    module = net.compile()
    params = module.initialize()
    x, y = drawn(net)
    narrow = {**params, "A_1": params["A_1"][:, :1]}
    with pytest.raises(ValueError, match=r"params must hold an array A_1 of the shape \(\d, 3\)"):
        module.train(x, y, params=narrow)
    whole = {k: np.round(10 * v).astype(int) for k, v in params.items()}
    for call in (module.loss_and_gradients, lambda p, x, y: module.train(x, y, params=p)):
        with pytest.raises(ValueError, match="floating-point numbers, not int64"):
            call(whole, x, y)
    with pytest.raises(ValueError, match="floating-point numbers, not int64"):
        module.predict(whole, x)


def test_parameters_may_have_the_other_byte_order() -> None:
    net = network()
    module = net.compile()
    params, (x, y) = module.initialize(), drawn(net)
    other = {k: v.astype(v.dtype.newbyteorder()) for k, v in params.items()}
    trained, history = module.train(x, y, params=params, epochs=2, batch_size=4)
    found, again = module.train(x, y, params=other, epochs=2, batch_size=4)
    assert again == history
    assert all(np.array_equal(found[k], v) for k, v in trained.items())
    assert np.array_equal(module.predict(other, x), module.predict(params, x))


# --- training ---


def test_the_callers_arrays_never_change() -> None:
    for name, settings in OPTIMIZERS.items():
        net = network(train=settings, l2=0.1, name=name)
        module = net.compile()
        x, y = drawn(net)
        params = module.initialize()
        before = {k: v.copy() for k, v in params.items()} | {"x": x.copy(), "y": y.copy()}
        for v in (x, y, *params.values()):
            v.flags.writeable = False
        module.train(x, y, params=params, epochs=3, batch_size=4, learning_rate=0.1)
        assert list(params) == list(net.parameters)
        assert all(np.array_equal(before[k], v) for k, v in {**params, "x": x, "y": y}.items())


def test_a_short_batch_is_kept_and_history_is_weighted() -> None:
    net = network(loss="mse", layers=[Dense(2)], train={"shuffle": False})
    module = net.compile()
    x, y = drawn(net, rows=7)
    params = module.initialize()
    _, [mean] = module.train(x, y, params=params, epochs=1, batch_size=3, learning_rate=0.1)
    total, here = 0.0, params
    for rows in (slice(0, 3), slice(3, 6), slice(6, 7)):
        loss, g = module.loss_and_gradients(here, x[rows], y[rows])
        here = {k: v - 0.1 * g[k] for k, v in here.items()}
        total += loss * len(x[rows])
    assert mean == pytest.approx(total / 7, rel=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_papers(name: str) -> None:
    net = network(train=OPTIMIZERS[name], l2=0.2)
    module = net.compile()
    x, y = drawn(net)
    start = module.initialize(5)
    found, _ = module.train(x, y, params=start, epochs=4, batch_size=None, learning_rate=0.05)
    theta, m, v = dict(start), dict.fromkeys(start, 0.0), dict.fromkeys(start, 0.0)
    for t in range(1, 5):
        _, g = module.loss_and_gradients(theta, x, y)
        for key in net.parameters:
            if name == "sgd":
                step = g[key]
            elif name == "momentum":
                step = v[key] = 0.9 * v[key] + g[key]
            elif name == "adam":
                m[key] = 0.9 * m[key] + 0.1 * g[key]
                v[key] = 0.999 * v[key] + 0.001 * g[key] ** 2
                step = (m[key] / (1 - 0.9**t)) / (np.sqrt(v[key] / (1 - 0.999**t)) + 1e-8)
            else:
                v[key] = 0.9 * v[key] + 0.1 * g[key] ** 2
                step = g[key] / (np.sqrt(v[key]) + 1e-8)
            theta[key] = theta[key] - 0.05 * step
    for key in net.parameters:
        assert np.allclose(found[key], theta[key], rtol=1e-11, atol=1e-13), key


def test_training_is_repeatable_and_follows_the_seed() -> None:
    net = network(layers=[Dropout(0.5), Dense(2)], loss="mse")
    module = net.compile()
    x, y = drawn(net, rows=20)
    runs = [module.train(x, y, epochs=5, batch_size=4, seed=s)[1] for s in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_no_masks_are_no_dropout() -> None:
    net = network(layers=[Dense(4, "tanh"), Dropout(0.5), Dense(2)])
    module, plain = net.compile(), network().compile()
    x, y = drawn(net)
    params = module.initialize()
    loss, gradients = module.loss_and_gradients(params, x, y)
    other, slopes = plain.loss_and_gradients(params, x, y)
    assert loss == pytest.approx(other, rel=1e-14)
    assert all(np.allclose(g, slopes[k], rtol=1e-13) for k, g in gradients.items())
    masks = {"mask_1": np.full((6, 4), 2.0)}
    assert module.loss_and_gradients(params, x, y, masks)[0] != loss
    fast = net.compile("numpy-fast")
    plan = fast._Plan(np.zeros(fast.SIZE), np.zeros(fast.SIZE), 5000, 1, 1, 1.0)
    plan.draw(np.random.default_rng(0))
    for mask in (*plan.masks, module._masks(np.random.default_rng(0), 5000)["mask_1"]):
        assert set(np.unique(mask)) == {0.0, 2.0}
        assert mask.mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("loss", ["sse", "norm", "mse", "cross_entropy"])
@pytest.mark.parametrize("target", ["numpy", "numpy-fast", "c"])
def test_shards_summed_by_the_hook_give_the_single_step(target: str, loss: str, l2: float) -> None:
    """And its losses: means by the rows of every batch, the penalty once."""
    net = network(loss=loss, l2=l2, train={**OPTIMIZERS["adam"], "shuffle": False})
    module = net.compile(target, **({"include": ["reduce"]} if target == "numpy" else {}))
    x, y = drawn(net, rows=14)  # batches of six rows, six and two
    options: dict[str, Any] = {"epochs": 3, "learning_rate": 0.1}
    whole, history = module.train(x, y, batch_size=6, **options)
    barrier, vectors = threading.Barrier(2, timeout=20), dict[int, np.ndarray]()
    found: dict[int, Any] = {}
    seen: dict[int, list[float]] = {0: [], 1: []}

    def work(rank: int, size: int, rows: list[int]) -> None:
        def reduce(vector: np.ndarray) -> None:
            vectors[rank] = vector.copy()
            barrier.wait()
            vector[:] = vectors[0] + vectors[1]
            barrier.wait()

        def callback(epoch: int, loss: float, params: Any) -> None:
            seen[rank].append(loss)

        shared = {**options, "reduce": reduce, "callback": callback, "batch_size": size}
        found[rank] = module.train(x[rows], y[rows], **shared)

    shards = ((0, 2, [0, 1, 6, 7, 12]), (1, 4, [2, 3, 4, 5, 8, 9, 10, 11, 13]))
    threads = [threading.Thread(target=work, args=shard) for shard in shards]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name, values in whole.items():
        assert np.allclose(found[0][0][name], values, rtol=1e-9, atol=1e-12), name
        assert np.array_equal(found[0][0][name], found[1][0][name])
    assert np.allclose(found[0][1], history, rtol=1e-12, atol=0)
    assert found[0][1] == found[1][1] == seen[0] == seen[1]


def test_divergence_keeps_the_last_finite_parameters() -> None:
    net = network("relu", "sse")
    module = net.compile()
    x, y = drawn(net)
    for epochs in (1, 2, 50, 300):
        try:
            module.train(x, y, epochs=epochs, batch_size=2, learning_rate=1e5)
        except module.DivergedError as error:
            assert all(np.isfinite(v).all() for v in error.params.values())
            assert "not finite in epoch" in str(error)
    with pytest.raises(module.DivergedError):
        module.train(x, y, epochs=300, batch_size=2, learning_rate=1e5)


# --- files and the command line ---


def test_weights_are_saved_and_loaded(tmp_path: Path) -> None:
    module = network().compile()
    params = {**module.initialize(4), "x_mean": np.ones(3), "x_scale": np.full(3, 2.0)}
    path = tmp_path / "w.npz"
    module.save(path, params)
    again = module.load(path)
    assert {k: v.tolist() for k, v in again.items()} == {k: v.tolist() for k, v in params.items()}
    x = np.ones((2, 3))
    assert np.array_equal(module.predict(again, x), module.predict(params, x))


def test_bad_weights_are_refused(tmp_path: Path) -> None:
    module = network().compile()
    params, path = module.initialize(), tmp_path / "w.npz"
    for change in (
        {"A_1": np.array([[object()]])},
        {"A_1": np.zeros((1, 1))},
        {"A_1": np.full((4, 3), np.nan)},
        {"A_1": np.zeros((4, 3), int)},
        {"extra": np.zeros(1)},
    ):
        np.savez(path, **{**params, **change})
        with pytest.raises(ValueError, match=r"[a-z]"):
            module.load(path)
    for data in (b"", b"\x80\x04N.", b"PK\x03\x04junk", b"text"):
        path.write_bytes(data)
        with pytest.raises((ValueError, OSError), match=r"[a-z]"):
            module.load(path)
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"[a-z]"):
        module.load(tmp_path / "a.npy")


def test_the_module_runs_as_a_program(tmp_path: Path) -> None:
    net = network(loss="cross_entropy", dtype="float32", train={"epochs": 20, "batch_size": 2})
    (tmp_path / "net.py").write_text(net.generate())
    x, y = drawn(net)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    table = np.column_stack([x, y])
    np.savetxt(tmp_path / "data.csv", table, delimiter=",", header="a,b,c,d,e", comments="")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "net.py", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert re.fullmatch(r"gradients hold; .*\n", run("check").stdout)
    done = run("train", "data.csv", "--epochs", "30")
    assert (done.returncode, done.stderr) == (0, "")
    assert "net.npz" in done.stdout
    for data in ("data.npz", "data.csv"):
        done = run("predict", "net.npz", data)
        assert (done.returncode, done.stderr) == (0, "")
        shown = np.loadtxt(done.stdout.splitlines())
        assert shown.shape == (6, 2)
        assert np.allclose(shown.sum(axis=1), 1, atol=1e-6)
    done = run("train", "data.npz", "--learning-rate", "1e38")
    assert (done.returncode, done.stdout) in ((3, ""), (0, done.stdout))
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04junk")
    for words in (["predict", "net.npz", "none.csv"], ["predict", "bad.npz", "data.npz"]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("net.py: ")
        assert len(done.stderr.splitlines()) == 1


def small(tmp_path: Path, target: str = "numpy") -> tuple[Any, Path]:
    """A module as a file, and data for it; CSV."""
    net = Network(inputs=1, layers=[Dense(1)], loss="mse", name="small", train={"epochs": 2})
    (tmp_path / "net.py").write_text(net.generate(target))
    path = tmp_path / "data.csv"
    path.write_text("x,y\n1,2\n2,4\n")
    return net.compile(target), path


def run_main(
    module: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """The module's command line, in this process."""
    monkeypatch.setattr(sys, "argv", ["net.py", *words])
    code = module.main()
    return code, *capsys.readouterr()


def test_the_program_never_replaces_its_data_and_others_only_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, data = small(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "train", lambda *_, **__: pytest.fail("a step was taken"))
    (tmp_path / "link.csv").symlink_to(data)
    (tmp_path / "thesis.tex").write_text("mine")
    np.savez(tmp_path / "w.npz", **module.initialize())
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    for output, message in (
        ("data.csv", "data.csv holds the data; name another file with -o"),
        ("link.csv", "link.csv holds the data; name another file with -o"),
        ("thesis.tex", "thesis.tex: exists, and is not as save wrote it; .* replaces it"),
        ("w.npz", "w.npz: exists, and is not as save wrote it; .* replaces it"),
        ("no/w.npz", "no/w.npz: no folder to write to"),
        (".", r"\.: not a regular file"),
    ):
        for force in ((), ("--force",)) if "exists" not in message else ((),):
            words = ("train", "data.csv", "-o", output, *force)
            code, out, err = run_main(module, monkeypatch, capsys, *words)
            assert (code, out) == (2, "") and re.fullmatch(rf"\S+: {message}\n", err), err
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    words = ("train", "data.csv", "-o", "thesis.tex")
    for force in (("--force",), ()):  # once it holds weights, it may be replaced
        assert run_main(module, monkeypatch, capsys, *words, *force)[0] == 0
        assert set(module.load("thesis.tex")) == {"A_1", "b_1"}


def test_save_replaces_weights_that_nobody_has_edited(tmp_path: Path) -> None:
    module, _ = small(tmp_path)
    path, params = tmp_path / "w.npz", module.initialize(1)
    module.save(path, params)
    module.save(path, module.initialize(2))
    with np.load(path) as archive:
        read = dict(archive)
    assert [*read] == [*params, "generated_by_symnn"]
    module.save(path, read)  # also with the mark among the arrays
    assert {k: v.tolist() for k, v in module.load(path).items()} == {
        k: v.tolist() for k, v in module.initialize(2).items()
    }
    np.savez(path, **params, generated_by_symnn=np.uint8(1))  # as an earlier module saved it
    module.save(path, params)
    with np.load(path) as archive:
        read = dict(archive)
    assert module.train(np.ones((2, 1)), np.ones(2), params=read, epochs=1)[1][0] >= 0
    for change in ({"A_1": params["A_1"] + 1}, {"generated_by_symnn": np.zeros(8, np.uint8)}):
        np.savez(path, **{**read, **change})
        before = path.read_bytes()
        with pytest.raises(FileExistsError, match="is not as save wrote it"):
            module.save(path, params)
        assert path.read_bytes() == before
    module.save(path, params, force=True)
    (tmp_path / "link.npz").symlink_to(path)
    for force in (False, True):
        with pytest.raises(OSError, match="symbolic link"):
            module.save(tmp_path / "link.npz", params, force=force)


def test_mistakes_on_the_modules_command_line_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, _ = small(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("x,y\n")
    with zipfile.ZipFile(tmp_path / "lie.npz", "w") as archive:
        for name in ("x.npy", "y.npy"):
            head = io.BytesIO()
            promised = {"descr": "<f8", "fortran_order": False, "shape": (200_000_000_000, 1)}
            np.lib.format.write_array_header_1_0(head, promised)
            archive.writestr(name, head.getvalue() + bytes(64))
    for words, message in (
        (("data.csv", "--epochs", "0"), "epochs must be at least 1, not 0"),
        (("empty.csv",), "empty.csv: has no rows"),
        (("header.csv",), "header.csv: has no rows"),
        (("lie.npz",), "lie.npz: no .npz file, or damaged: .*"),
    ):
        code, out, err = run_main(module, monkeypatch, capsys, "train", *words, "-o", "w.npz")
        assert (code, out) == (2, "") and re.fullmatch(rf"\S+: {message}\n", err), err
    assert not (tmp_path / "w.npz").exists()


# --- its gradients against differences ---


@pytest.mark.parametrize("hidden", ["tanh", "relu", "softplus", "linear", "sin"])
def test_the_gradients_of_a_deep_network_hold(hidden: str) -> None:
    """Weights of one size for all networks let those of deep ones vanish or explode."""
    layers = [Dense(32, hidden)] * 50 + [Dense(3)]
    module = Network(inputs=4, layers=layers, loss="mse").compile()
    assert module.check(entries=1) <= 1e-6


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
@pytest.mark.parametrize("name", ["A_1", "b_1", "A_2", "b_7", "A_12", "A_13"])
def test_a_wrong_gradient_of_a_deep_network_is_found(hidden: str, name: str) -> None:
    """By 0.1 %, in any layer."""
    layers = [Dense(6, hidden)] * 12 + [Dense(3)]
    module: Any = Network(inputs=4, layers=layers, loss="mse").compile()
    right = module.loss_and_gradients

    def wrong(*arguments: Any) -> Any:
        loss, gradients = right(*arguments)
        return loss, {**gradients, name: 1.001 * gradients[name]}

    assert module.check(entries=2) <= 1e-6
    module.loss_and_gradients = wrong
    with pytest.raises(ArithmeticError, match="gradients differ from differences"):
        module.check()
