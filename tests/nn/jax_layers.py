"""What layers of networks of any shape compute, by JAX's own operations."""

from __future__ import annotations

from typing import Any

import numpy as np

Spec = dict[str, Any]


def reference(kind: str, fields: Spec, p: Any, x: Any, *then: Any) -> Any:
    """What a layer computes; p: parameters by their letters, then: those of the layers within."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    rank, pad = x.ndim - 2, (fields.get("padding", 0),) * 2
    if "pool" in kind and "size" in fields:
        stride = fields.get("stride") or fields["size"]
        windows = (1, *[fields["size"]] * rank, 1), (1, *[stride] * rank, 1)
        around = ((0, 0), *[pad] * rank, (0, 0))
        if kind.startswith("max"):
            return lax.reduce_window(x, -jnp.inf, lax.max, *windows, around)
        return lax.reduce_window(x, 0.0, lax.add, *windows, around) / fields["size"] ** rank
    match kind:
        case "conv1d" | "conv2d":
            kernel, letters = p["A"], "HW"[:rank]
            if (groups := fields.get("groups", 1)) > 1:  # to (places, inner, group * out)
                kernel = jnp.moveaxis(kernel, rank, rank + 1)
                kernel = kernel.reshape(*kernel.shape[: rank + 1], -1)
            found = lax.conv_general_dilated(
                x,
                kernel,
                [fields.get("stride", 1)] * rank,
                [pad] * rank,
                rhs_dilation=[fields.get("dilation", 1)] * rank,
                feature_group_count=groups,
                dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
            )
            return jnp.tanh(found + (p["b"].reshape(-1) if "b" in p else 0))
        case "transposed_conv1d" | "transposed_conv2d":
            letters, places = "HW"[:rank], tuple(range(rank))
            around = fields["kernel"] - 1 - fields.get("padding", 0)
            found = lax.conv_general_dilated(
                x,
                jnp.flip(p["A"], places),
                [1] * rank,
                [(around, around)] * rank,
                lhs_dilation=[fields.get("stride", 1)] * rank,
                dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
            )
            return jnp.tanh(found + p.get("b", 0))
        case "global_pool":
            over = tuple(range(1, x.ndim - 1))
            return x.max(over) if fields.get("kind") == "max" else x.mean(over)
        case "layer_norm":
            variance = x.var(-1, keepdims=True) + fields.get("epsilon", 1e-5)
            return p["g"] * (x - x.mean(-1, keepdims=True)) / jnp.sqrt(variance) + p["b"]
        case "batch_norm":
            over = tuple(range(x.ndim - 1))
            variance = x.var(over) + fields.get("epsilon", 1e-5)
            return p["g"] * (x - x.mean(over)) / jnp.sqrt(variance) + p["b"]
        case "rms_norm":
            return p["g"] * x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
        case "rnn" | "gru" | "lstm":
            if not fields.get("bidirectional"):
                return recurrent(kind, fields, p, x)
            there = {k: v for k, v in p.items() if "_back" not in k}
            back = {k.replace("_back", ""): v for k, v in p.items() if "_back" in k}
            found = [recurrent(kind, fields, there, x)]
            last = recurrent(kind, fields, back, x[:, ::-1])
            found.append(last[:, ::-1] if fields.get("steps") == "all" else last)
            return jnp.concatenate(found, axis=-1)
        case "attention":
            q, k, v = (
                jnp.einsum("adc,ntc->natd", p[f"W{m}"], x)
                + (p[f"b{m}"][:, None] if f"b{m}" in p else 0)
                for m in "qkv"
            )
            scores = jnp.einsum("natd,naud->natu", q, k) / np.sqrt(q.shape[-1])
            if fields.get("causal"):
                scores = jnp.where(np.tril(np.ones(scores.shape[-2:])) > 0, scores, -jnp.inf)
            out = jnp.einsum("natu,naud->natd", jax.nn.softmax(scores), v)
            return jnp.einsum("cad,natd->ntc", p["Wo"], out) + p.get("bo", 0)
        case "transformer_block":
            layers = [p, *then]
            activation = getattr(jax.nn, fields.get("hidden", "gelu"))
            if fields.get("norm") == "post":
                look, first, wide, narrow, second = layers
                x = reference("layer_norm", {}, first, x + reference("attention", fields, look, x))
                inside = activation(x @ wide["A"].T + wide["b"]) @ narrow["A"].T + narrow["b"]
                return reference("layer_norm", {}, second, x + inside)
            first, look, second, wide, narrow = layers
            x = x + reference("attention", fields, look, reference("layer_norm", {}, first, x))
            inside = reference("layer_norm", {}, second, x) @ wide["A"].T + wide["b"]
            return x + activation(inside, approximate=False) @ narrow["A"].T + narrow["b"]
        case "sinusoidal_positions":
            rows, places = np.arange(x.shape[2]), np.arange(x.shape[1])[:, None]
            angles = places / 10000 ** (rows // 2 * 2 / x.shape[2])
            return x + np.where(rows % 2, np.cos(angles), np.sin(angles))
        case "positions":
            return x + p["R"]
        case "dense":
            return jnp.tanh(x @ p["A"].T + p["b"])
    raise AssertionError(kind)


def recurrent(kind: str, fields: Spec, p: Any, x: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def gate(mark: str, now: Any, old: Any) -> Any:
        return now @ p[f"U{mark}"].T + old @ p[f"W{mark}"].T + p.get(f"b{mark}", 0)

    sigmoid, tanh = jax.nn.sigmoid, jnp.tanh
    zeros = jnp.zeros((len(x), fields["units"]))
    h, cell = zeros + p.get("h0", 0), zeros + p.get("C0", 0)
    states = []
    for t in range(x.shape[1]):
        now = x[:, t]
        if kind == "rnn":
            h = tanh(gate("", now, h))
        elif kind == "gru":
            r, z = sigmoid(gate("_r", now, h)), sigmoid(gate("_z", now, h))
            if fields.get("reset") == "after":
                g = tanh(now @ p["U_g"].T + p["b_g"] + r * (h @ p["W_g"].T + p["c_g"]))
            else:
                g = tanh(gate("_g", now, r * h))
            h = (1 - z) * g + z * h
        else:
            i, f, o = (sigmoid(gate(mark, now, h)) for mark in ("_i", "_f", "_o"))
            cell = f * cell + i * tanh(gate("_g", now, h))
            h = o * tanh(cell)
        states.append(h)
    return jnp.stack(states, axis=1) if fields.get("steps") == "all" else h
