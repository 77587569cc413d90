"""Time of a training step of networks that are no dense chains: generated modules, PyTorch, JAX.

    python tests/benchmarks/architectures.py [--rounds 9] [--only g h] [--systems c torch]

g: LeNet on 28 x 28, batch 32.  h: an LSTM of 32 units, 32 steps of 16 inputs, batch 32.  i: a
pre-norm transformer block, 64 channels, 4 heads, 64 tokens, batch 8.  j: twelve of them.  A step is
the loss, its gradients and plain gradient descent, in float32; all systems start from the same
parameters, and that their losses agree is checked first.  Systems that are not installed are left
out.  All run in this process on one thread, one after the other in every round; the figure is the
25th percentile of process time over the rounds, in microseconds a step.  The modules are timed as a
user calls them: train, with a step an epoch.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np  # noqa: E402

import symnn  # noqa: E402
from symnn import layers as nn  # noqa: E402

RATE = 0.01
Arrays = dict[str, Any]
Run = Callable[[int], object]  # so many steps


def lenet() -> Any:
    """g."""
    h = symnn.Input("x", h=28, w=28, c=1)
    for filters, padding in ((6, 2), (16, 0)):
        h = nn.Conv2d(filters, 5, padding=padding, activation="relu")(h)
        h = nn.MaxPool2d(2)(h)
    h = nn.Flatten()(h)
    for units in (120, 84):
        h = symnn.Dense(units, "relu")(h)
    return symnn.Dense(10, "softmax")(h)


def recurrent() -> Any:
    """h."""
    return symnn.Dense(10, "softmax")(nn.LSTM(32)(symnn.Input("x", t=32, c=16)))


def transformer(count: int) -> Any:
    """i and j."""
    h = symnn.Input("x", t=64, c=64)
    for _ in range(count):
        h = nn.TransformerBlock(heads=4, units=256, bias=True)(h)
    return h


@dataclass(frozen=True)
class Workload:
    """steps: of one timing."""

    build: Callable[[], Any]
    loss: str
    rows: int
    steps: int


WORKLOADS = {
    "g": Workload(lenet, "cross_entropy", 32, 20),
    "h": Workload(recurrent, "cross_entropy", 32, 20),
    "i": Workload(lambda: transformer(1), "mse", 8, 10),
    "j": Workload(lambda: transformer(12), "mse", 8, 2),
}


# --- the frameworks: their losses, of the parameters that the modules have


def torch_loss(name: str, p: Arrays, x: Any, y: Any) -> Any:
    """As PyTorch's users write it."""
    import torch
    import torch.nn.functional as F

    if name == "g":
        for k, padding in ((1, 2), (2, 0)):
            x = F.max_pool2d(F.relu(F.conv2d(x, p[f"A_{k}"], p[f"b_{k}"], padding=padding)), 2)
        x = x.flatten(1)
        for k in (3, 4):
            x = F.relu(F.linear(x, p[f"A_{k}"], p[f"b_{k}"]))
        return F.cross_entropy(F.linear(x, p["A_5"], p["b_5"]), y)
    if name == "h":
        h = c = x.new_zeros(len(x), 32)
        given = torch.addmm(p["b"], x.reshape(-1, 16), p["U"].t()).view(len(x), 32, 128)
        for step in given.unbind(1):
            i, f, o, g = torch.addmm(step, h, p["W"].t()).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return F.cross_entropy(F.linear(h, p["A_2"], p["b_2"]), y)
    for k in range(1, 12 * 5 if name == "j" else 5, 5):
        a = F.layer_norm(x, (64,), p[f"g_{k}"], p[f"b_{k}"])
        z = F.linear(a, p[f"Wqkv_{k + 1}"], p[f"bqkv_{k + 1}"]).view(len(x), 64, 3, 4, 16)
        q, key, v = z.permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(q, key, v).transpose(1, 2).reshape(len(x), 64, 64)
        x = x + F.linear(o, p[f"Wo_{k + 1}"], p[f"bo_{k + 1}"])
        a = F.layer_norm(x, (64,), p[f"g_{k + 2}"], p[f"b_{k + 2}"])
        a = F.gelu(F.linear(a, p[f"A_{k + 3}"], p[f"b_{k + 3}"]))
        x = x + F.linear(a, p[f"A_{k + 4}"], p[f"b_{k + 4}"])
    return F.mse_loss(x, y)


def for_torch(name: str, p: Arrays) -> Arrays:
    """The parameters in PyTorch's layouts: channels first, gates and heads in one array."""
    if name == "g":
        turned = {
            k: v.transpose(3, 2, 0, 1) if v.ndim == 4 and k != "A_3" else v for k, v in p.items()
        }
        turned["A_3"] = p["A_3"].transpose(0, 3, 1, 2).reshape(120, -1)
        return turned
    if name == "h":
        packed = {k: np.concatenate([p[f"{k}_{gate}_1"] for gate in "ifog"]) for k in "UWb"}
        return {**packed, "A_2": p["A_2"], "b_2": p["b_2"]}
    out = dict(p)
    for key in p:
        if key.startswith("Wq_"):
            k = key.removeprefix("Wq_")
            for letter in "Wb":
                parts = [out.pop(f"{letter}{mark}_{k}") for mark in "qkv"]
                out[f"{letter}qkv_{k}"] = np.concatenate(
                    [v.reshape(64, *v.shape[2:]) for v in parts]
                )
            out[f"Wo_{k}"] = p[f"Wo_{k}"].reshape(64, 64)
    return out


def torch_systems(name: str, p: Arrays, x: Any, y: Any) -> dict[str, tuple[float, Run]]:
    """Eager, with a fused update, and with a compiled loss."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    given = torch.tensor(x.transpose(0, 3, 1, 2).copy() if name == "g" else x)
    target = torch.tensor(y) if name in "ij" else torch.tensor(y.argmax(1))

    def system(loss: Callable[..., Any]) -> tuple[float, Run]:
        own = {k: torch.tensor(v.copy(), requires_grad=True) for k, v in for_torch(name, p).items()}
        every = [*own.values()]

        def run(steps: int) -> None:
            for _ in range(steps):
                gradients = torch.autograd.grad(loss(name, own, given, target), every)
                with torch.no_grad():
                    torch._foreach_add_(every, gradients, alpha=-RATE)

        return float(loss(name, own, given, target)), run

    found = {"torch eager": system(torch_loss)}
    try:
        found["torch.compile"] = system(torch.compile(torch_loss))
    except Exception as error:  # it needs a compiler of its own choice
        print(f"{name}: torch.compile: {type(error).__name__}")
    if name == "h":
        lstm = torch.nn.LSTM(16, 32, batch_first=True)
        with torch.no_grad():
            order = [p[f"{k}_{gate}_1"] for k in "UWb" for gate in "ifgo"]
            lstm.weight_ih_l0.copy_(torch.tensor(np.concatenate(order[:4])))
            lstm.weight_hh_l0.copy_(torch.tensor(np.concatenate(order[4:8])))
            lstm.bias_ih_l0.copy_(torch.tensor(np.concatenate(order[8:])))
            lstm.bias_hh_l0.zero_()
        last = {k: torch.tensor(p[k].copy(), requires_grad=True) for k in ("A_2", "b_2")}
        every = [*(v for n, v in lstm.named_parameters() if n != "bias_hh_l0"), *last.values()]

        def loss_of() -> Any:
            out = torch.nn.functional.linear(lstm(given)[0][:, -1], last["A_2"], last["b_2"])
            return torch.nn.functional.cross_entropy(out, target)

        def run(steps: int) -> None:
            for _ in range(steps):
                gradients = torch.autograd.grad(loss_of(), every)
                with torch.no_grad():
                    torch._foreach_add_(every, gradients, alpha=-RATE)

        found["nn.LSTM"] = float(loss_of()), run
    return found


def jax_systems(name: str, p: Arrays, x: Any, y: Any) -> dict[str, tuple[float, Run]]:
    """A jitted step of jax.grad."""
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        return {}

    def loss(p: Arrays) -> Any:
        h = x
        if name == "g":
            for k, padding in ((1, "SAME"), (2, "VALID")):
                h = jax.lax.conv_general_dilated(
                    h, p[f"A_{k}"], (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
                )
                h = jax.nn.relu(h + p[f"b_{k}"])
                h = jax.lax.reduce_window(
                    h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
                )
            h = h.reshape(len(h), -1)
            for k in (3, 4):
                h = jax.nn.relu(h @ p[f"A_{k}"].reshape(len(p[f"A_{k}"]), -1).T + p[f"b_{k}"])
            scores = h @ p["A_5"].T + p["b_5"]
        elif name == "h":
            U, W, b = (jnp.concatenate([p[f"{k}_{gate}_1"] for gate in "ifog"]) for k in "UWb")
            given = jnp.swapaxes(h @ U.T + b, 0, 1)

            def step(state: Any, g: Any) -> Any:
                i, f, o, c = jnp.split(g + state[0] @ W.T, 4, axis=1)
                cell = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(c)
                return (jax.nn.sigmoid(o) * jnp.tanh(cell), cell), None

            zeros = jnp.zeros((len(h), 32), jnp.float32)
            (h, _), _ = jax.lax.scan(step, (zeros, zeros), given)
            scores = h @ p["A_2"].T + p["b_2"]
        else:
            for k in range(1, 12 * 5 if name == "j" else 5, 5):

                def norm(v: Any, k: int) -> Any:
                    u = v - v.mean(axis=-1, keepdims=True)
                    size = jnp.sqrt((u**2).mean(axis=-1, keepdims=True) + 1e-5)
                    return u / size * p[f"g_{k}"] + p[f"b_{k}"]

                a = norm(h, k)
                q, key, v = (
                    jnp.einsum("adc,ntc->natd", p[f"W{m}_{k + 1}"], a) + p[f"b{m}_{k + 1}"][:, None]
                    for m in "qkv"
                )
                share = jax.nn.softmax(q @ jnp.swapaxes(key, 2, 3) / 4.0, axis=-1)
                o = jnp.einsum("cad,natd->ntc", p[f"Wo_{k + 1}"], share @ v)
                h = h + o + p[f"bo_{k + 1}"]
                a = norm(h, k + 2) @ p[f"A_{k + 3}"].T + p[f"b_{k + 3}"]
                a = jax.nn.gelu(a, approximate=False)
                h = h + a @ p[f"A_{k + 4}"].T + p[f"b_{k + 4}"]
            return ((h - y) ** 2).mean()
        return -(jax.nn.log_softmax(scores) * y).sum(axis=1).mean()

    @jax.jit
    def step(p: Arrays) -> Arrays:
        return jax.tree.map(lambda v, g: v - RATE * g, p, jax.grad(loss)(p))

    own = {k: jnp.asarray(v) for k, v in p.items()}

    def run(steps: int) -> None:
        now = own
        for _ in range(steps):
            now = step(now)
        jax.block_until_ready(now)

    return {"jax.grad": (float(loss(own)), run)}


# --- the modules


def systems(name: str, wanted: list[str]) -> dict[str, tuple[float, Run]]:
    """What is timed on a workload: the loss of its first step, and what runs steps."""
    work = WORKLOADS[name]
    lines = symnn.network(work.build(), work.loss, dtype="float32", learning_rate=RATE)
    found: dict[str, tuple[float, Run]] = {}
    rng = np.random.default_rng(0)
    first = lines.compile("numpy")
    p = first.initialize(1)
    x = rng.standard_normal([work.rows if s == "N" else s for s in first.INPUTS["x"]])
    x = x.astype(np.float32)
    y = rng.standard_normal(first.predict(p, x).shape).astype(np.float32)
    if work.loss == "cross_entropy":
        y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, work.rows)]
    for target in ("numpy", "c", "jax"):
        if target not in wanted:
            continue
        module = lines.compile(target)

        def run(steps: int, module: Any = module) -> None:
            module.train(x, y, params=p, epochs=steps)

        found[f"symnn {target}"] = float(module.loss_and_gradients(p, x, y)[0]), run
    if "torch" in wanted:
        found |= torch_systems(name, p, x, y)
    if "jax.grad" in wanted:
        found |= jax_systems(name, p, x, y)
    losses = {system: loss for system, (loss, _) in found.items()}
    assert max(losses.values()) - min(losses.values()) < 1e-4 * max(losses.values()), losses
    return found


def timed(name: str, rounds: int, wanted: list[str]) -> dict[str, float]:
    """System -> microseconds a step."""
    found = systems(name, wanted)
    steps = WORKLOADS[name].steps
    times: dict[str, list[float]] = {system: [] for system in found}
    order = np.random.default_rng(1)
    for round_ in range(-1, rounds):
        for system in order.permutation([*found]):
            start = time.process_time()
            found[system][1](steps)
            if round_ >= 0:  # the first one compiles
                times[system].append((time.process_time() - start) / steps * 1e6)
    return {system: float(np.percentile(own, 25)) for system, own in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=["g", "h", "i"])
    known = ["numpy", "c", "jax", "torch", "jax.grad"]
    parser.add_argument("--systems", nargs="+", choices=known, default=known)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}")
    for name in options.only:
        found = timed(name, options.rounds, options.systems)
        base = found.get("torch eager") or found.get("jax.grad") or min(found.values())
        for system, value in sorted(found.items(), key=lambda pair: pair[1]):
            print(f"{name}  {system:16s} {value:10.0f} us  {value / base:6.2f}", flush=True)


if __name__ == "__main__":
    main()
