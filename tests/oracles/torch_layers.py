"""Every layer of networks with its options against PyTorch: values, and all gradients.

    make oracles        (PyTorch in an environment of its own; the ordinary suite does not run this)

A layer stands between two dense ones, so that the gradient by what comes in is compared too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nn.layer_cases import CASES

from symnn.derivation.lines import Lines
from symnn.nn.graph_layers import GRAPH_LAYERS
from symnn.spec.reader import load_model
from symnn.targets.registry import compile_module

torch = pytest.importorskip("torch")
F = torch.nn.functional
Fields = dict[str, Any]
Layers = Callable[[int], dict[str, Any]]  # number of a layer -> its parameters by their letters

# the layers of CASES, and those that stand in the tests below
APART = {"dropout", "activation", "flatten", "embedding", "add", "multiply", "concatenate"}


def module_of(layers: list[Fields], inputs: Fields, **more: Any) -> Any:
    spec = {"inputs": inputs, "layers": layers, "loss": {"name": "mse"}, **more}
    return compile_module(Lines(load_model(spec)))


def first(x: Any) -> Any:
    """Channels, which are last, behind the samples, as PyTorch has them."""
    return x.movedim(-1, 1)


def last(x: Any) -> Any:
    return x.movedim(1, -1)


def called(module: Any, given: Fields, *inputs: Any) -> Any:
    """What a torch.nn module gives with these parameters; none may be missing."""
    assert given.keys() == dict(module.named_parameters()).keys()
    return torch.func.functional_call(module.double(), given, inputs)


def convolution(kind: str, fields: Fields, p: Fields, x: Any) -> Any:
    rank, options = x.ndim - 2, {k: v for k, v in fields.items() if k in ("stride", "padding")}
    kernel, bias = p["A"], p["b"].reshape(-1) if "b" in p else None
    if kind.startswith("transposed"):
        kernel = kernel.movedim((-2, -1), (0, 1))
        function = F.conv_transpose1d if rank == 1 else F.conv_transpose2d
    else:
        if (groups := fields.get("groups", 1)) > 1:  # places, group, inner, out
            kernel = kernel.movedim(rank, rank + 1).flatten(rank + 1)
        kernel = kernel.movedim((-1, -2), (0, 1))
        options |= {"dilation": fields.get("dilation", 1), "groups": groups}
        function = F.conv1d if rank == 1 else F.conv2d
    return torch.tanh(last(function(first(x), kernel, bias, **options)))


def pooling(kind: str, fields: Fields, x: Any) -> Any:
    dimensions = kind[-2:]
    name = f"{'max' if kind.startswith('max') else 'avg'}_pool{dimensions}"
    options = fields.get("stride") or fields["size"], fields.get("padding", 0)
    return last(getattr(F, name)(first(x), fields["size"], *options))


def recurrent(kind: str, fields: Fields, p: Fields, x: Any) -> Any:
    units, both = fields["units"], fields.get("bidirectional", False)
    gates = {"rnn": [""], "gru": ["_r", "_z", "_g"], "lstm": ["_i", "_f", "_g", "_o"]}[kind]
    bias = fields.get("bias", True)
    known = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[kind]
    net = known(x.shape[-1], units, batch_first=True, bidirectional=both, bias=bias)
    given, starts = {}, defaultdict[str, list[Any]](list)
    for mark, suffix in (("", ""), ("_back", "_reverse"))[: 1 + both]:
        given[f"weight_ih_l0{suffix}"] = torch.cat([p[f"U{g}{mark}"] for g in gates])
        given[f"weight_hh_l0{suffix}"] = torch.cat([p[f"W{g}{mark}"] for g in gates])
        if bias:
            zeros = torch.zeros_like(p[f"b{gates[0]}{mark}"])
            given[f"bias_ih_l0{suffix}"] = torch.cat([p[f"b{g}{mark}"] for g in gates])
            second = [p.get(f"c{g}{mark}", zeros) for g in gates]
            given[f"bias_hh_l0{suffix}"] = torch.cat(second)
        for letter in "hC" if kind == "lstm" else "h":
            start = p.get(f"{letter}0{mark}", x.new_zeros(units))
            starts[letter].append(start.expand(len(x), units))
    states = [torch.stack(start) for start in starts.values()]
    out, end = called(net, given, x, tuple(states) if kind == "lstm" else states[0])
    if fields.get("steps") == "all":
        return out
    end = end[0] if kind == "lstm" else end
    return torch.cat(list(end), dim=-1)


def attention_weights(p: Fields, mark: str) -> Fields:
    given = {
        f"{mark}in_proj_weight": torch.cat([p[f"W{m}"].flatten(0, 1) for m in "qkv"]),
        f"{mark}out_proj.weight": p["Wo"].flatten(1),
    }
    if "bq" in p:
        given[f"{mark}in_proj_bias"] = torch.cat([p[f"b{m}"].flatten() for m in "qkv"])
        given[f"{mark}out_proj.bias"] = p["bo"]
    return given


def causal(fields: Fields, x: Any) -> Any:
    steps = x.shape[1]
    return torch.ones(steps, steps).triu(1).bool() if fields.get("causal") else None


def attention(fields: Fields, p: Fields, x: Any) -> Any:
    heads, bias = fields.get("heads", 1), fields.get("bias", False)
    net = torch.nn.MultiheadAttention(x.shape[-1], heads, bias=bias, batch_first=True).double()
    options = {"attn_mask": causal(fields, x), "need_weights": False}
    given = attention_weights(p, "")
    return torch.func.functional_call(net, given, (x, x, x), options)[0]


def block(fields: Fields, own: Layers, x: Any) -> Any:
    pre = fields.get("norm", "pre") == "pre"
    order = ("norm1", "look", "norm2", "wide", "narrow")
    if not pre:
        order = ("look", "norm1", "wide", "narrow", "norm2")
    p = dict(zip(order, map(own, range(2, 7)), strict=True))
    net = torch.nn.TransformerEncoderLayer(
        x.shape[-1],
        fields.get("heads", 1),
        len(p["wide"]["b"]),
        dropout=0.0,
        activation=fields.get("hidden", "gelu"),
        batch_first=True,
        norm_first=pre,
    ).double()
    given = attention_weights(p["look"], "self_attn.")
    if "bq" not in p["look"]:
        given |= {"self_attn.in_proj_bias": x.new_zeros(3 * x.shape[-1])}
        given |= {"self_attn.out_proj.bias": x.new_zeros(x.shape[-1])}
    for name, layer in (("linear1", "wide"), ("linear2", "narrow")):
        given |= {f"{name}.weight": p[layer]["A"], f"{name}.bias": p[layer]["b"]}
    for name in ("norm1", "norm2"):
        given |= {f"{name}.weight": p[name]["g"], f"{name}.bias": p[name]["b"]}
    assert given.keys() == dict(net.named_parameters()).keys()
    return torch.func.functional_call(net, given, (x,), {"src_mask": causal(fields, x)})


def reference(kind: str, fields: Fields, own: Layers, x: Any) -> Any:
    p = own(2)
    match kind:
        case "conv1d" | "conv2d" | "transposed_conv1d" | "transposed_conv2d":
            return convolution(kind, fields, p, x)
        case "max_pool1d" | "max_pool2d" | "average_pool1d" | "average_pool2d":
            return pooling(kind, fields, x)
        case "global_pool":
            over = tuple(range(1, x.ndim - 1))
            return x.amax(over) if fields.get("kind") == "max" else x.mean(over)
        case "layer_norm":
            return F.layer_norm(x, x.shape[-1:], p["g"], p["b"], fields.get("epsilon", 1e-5))
        case "rms_norm":
            return F.rms_norm(x, x.shape[-1:], p["g"], 1e-6)
        case "batch_norm":
            options = {"training": True, "eps": fields.get("epsilon", 1e-5)}
            return last(F.batch_norm(first(x), None, None, p["g"], p["b"], **options))
        case "rnn" | "gru" | "lstm":
            return recurrent(kind, fields, p, x)
        case "attention":
            return attention(fields, p, x)
        case "transformer_block":
            return block(fields, own, x)
        case "positions":
            return x + p["R"]
        case "sinusoidal_positions":
            channel = torch.arange(x.shape[-1])
            power = 10000.0 ** ((channel // 2 * 2).double() / x.shape[-1])
            angle = torch.arange(x.shape[1])[:, None] / power
            return x + torch.where(channel % 2 == 1, angle.cos(), angle.sin())
        case "dense":
            return torch.tanh(F.linear(x, p["A"], p["b"]))
    raise AssertionError(kind)


def compared(module: Any, params: Any, x: Any, y: Any, output: Callable[..., Any]) -> float:
    """The largest error of loss and gradients, relative to the largest entry where that is > 1."""
    loss, gradients = module.loss_and_gradients(params, x, y)
    leaves = {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}
    expected = ((output(leaves) - torch.tensor(y)) ** 2).mean()
    expected.backward()
    worst = abs(loss - expected.item()) / max(1.0, abs(loss))
    for name, gradient in gradients.items():
        found = leaves[name].grad.numpy()
        worst = max(worst, np.abs(gradient - found).max() / max(1.0, np.abs(found).max()))
    print(f"largest error {worst:.1e}")
    return float(worst)


def numbered(leaves: Fields) -> Layers:
    found = defaultdict[int, dict[str, Any]](dict)
    for name, value in leaves.items():
        letters, _, number = name.rpartition("_")
        found[int(number)][letters] = value
    return lambda k: found[k]


def drawn(module: Any, seed: int = 4) -> Any:
    rng = np.random.default_rng(seed)
    return {k: rng.normal(0, 0.7, v.shape) for k, v in module.initialize().items()}


@pytest.mark.parametrize(("kind", "fields", "shape"), CASES)
def test_a_layer_and_its_gradients_are_those_of_torch(
    kind: str, fields: Fields, shape: tuple[int, ...]
) -> None:
    if kind == "gru" and fields.get("reset", "before") == "before":
        pytest.skip("PyTorch resets after the product")
    own = {"type": kind, **fields, **({"activation": "tanh"} if "conv" in kind else {})}
    before = {"type": "dense", "units": shape[-1], "activation": "sin"}
    after = {"type": "dense", "units": 2, "bias": False}
    module = module_of([before, own, after], {"x": {"shape": list(shape)}})
    params, rng = drawn(module), np.random.default_rng(5)
    x = rng.normal(size=(3, *shape))

    def output(leaves: Fields) -> Any:
        layers = numbered(leaves)
        h = torch.sin(F.linear(torch.tensor(x), layers(1)["A"], layers(1)["b"]))
        number = max(int(name.rpartition("_")[2]) for name in leaves)
        return F.linear(reference(kind, fields, layers, h), layers(number)["A"])

    expected = output({k: torch.tensor(v) for k, v in params.items()}).numpy()
    if kind != "batch_norm":  # in prediction its mean is another one
        assert np.abs(module.predict(params, x) - expected).max() < 1e-12
    assert compared(module, params, x, rng.normal(size=expected.shape), output) < 1e-10


def test_running_statistics_are_those_of_torch() -> None:
    own = {"type": "batch_norm", "momentum": 0.3, "epsilon": 0.01}
    train = {"learning_rate": 0.1, "shuffle": False}
    module = module_of([own], {"x": {"shape": [4, 3]}}, train=train)
    rng = np.random.default_rng(0)
    x, y = rng.normal(2, 3, (8, 4, 3)), rng.normal(size=(8, 4, 3))
    params, _ = module.train(x, y, epochs=3, batch_size=4)
    net = torch.nn.BatchNorm1d(3, eps=0.01, momentum=0.3).double()
    steps = torch.optim.SGD(net.parameters(), lr=0.1)
    for k in range(6):
        rows = slice(4 * (k % 2), 4 * (k % 2) + 4)
        steps.zero_grad()
        out = last(net(first(torch.tensor(x[rows]))))
        ((out - torch.tensor(y[rows])) ** 2).mean().backward()
        steps.step()
    net.eval()
    assert np.abs(params["M_1"] - net.running_mean.numpy()).max() < 1e-12
    assert np.abs(params["V_1"] - net.running_var.numpy()).max() < 1e-12
    expected = last(net(first(torch.tensor(x[:1])))).detach().numpy()
    assert np.abs(module.predict(params, x[:1]) - expected).max() < 1e-12


def test_embedding_joins_and_flatten_are_those_of_torch() -> None:
    layers = [
        {"type": "embedding", "units": 4, "name": "words"},
        {"type": "dense", "units": 4, "activation": "softplus", "name": "left"},
        {"type": "activation", "function": "sigmoid", "name": "soft"},
        {"type": "multiply", "from": ["left", "soft"], "name": "gated"},
        {"type": "add", "from": ["gated", "words"], "name": "sum"},
        {"type": "concatenate", "from": ["sum", "left"]},
        {"type": "dropout", "rate": 0.5},
        {"type": "dense", "units": 4, "name": "back"},
        {"type": "dense", "units": 6, "bias": False, "share": "words"},
        {"type": "flatten"},
        {"type": "dense", "units": 2},
    ]
    module = module_of(layers, {"tok": {"shape": [5], "of": 6}})
    params, rng = drawn(module), np.random.default_rng(1)
    tokens = rng.integers(6, size=(3, 5))

    def output(p: Fields) -> Any:
        words = F.embedding(torch.tensor(tokens), p["E_1"])
        left = F.softplus(F.linear(words, p["A_2"], p["b_2"]))
        joined = torch.cat([left * torch.sigmoid(left) + words, left], dim=-1)
        scores = F.linear(F.linear(joined, p["A_3"], p["b_3"]), p["E_1"])
        return F.linear(scores.flatten(1), p["A_4"].flatten(1), p["b_4"])

    assert compared(module, params, tokens, rng.normal(size=(3, 2)), output) < 1e-10


def test_every_layer_is_tried() -> None:
    assert {kind for kind, _, _ in CASES} | APART == GRAPH_LAYERS.keys()
