"""Layers of networks of any shape with their options: kind, fields, shape of what comes in.

Convolutions and dense layers have a tanh behind them.
"""

from __future__ import annotations

from typing import Any

CASES: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("conv1d", {"filters": 4, "kernel": 2, "stride": 2, "padding": 1, "dilation": 2}, (9, 2)),
    ("conv2d", {"filters": 3, "kernel": 3, "padding": 1}, (5, 6, 2)),
    ("conv2d", {"filters": 4, "kernel": 3, "stride": 2, "padding": 2, "groups": 2}, (7, 6, 4)),
    ("conv2d", {"filters": 2, "kernel": 2, "dilation": 3}, (6, 7, 1)),
    ("conv1d", {"filters": 3, "kernel": 2, "bias": False}, (5, 2)),
    ("transposed_conv1d", {"filters": 3, "kernel": 3, "stride": 2, "padding": 1}, (4, 2)),
    ("transposed_conv2d", {"filters": 2, "kernel": 2, "stride": 2}, (3, 2, 3)),
    ("transposed_conv2d", {"filters": 2, "kernel": 3, "padding": 1, "bias": False}, (3, 4, 2)),
    ("transposed_conv2d", {"filters": 2, "kernel": 2, "stride": 3}, (2, 3, 2)),
    ("max_pool1d", {"size": 3, "stride": 2, "padding": 1}, (8, 2)),
    ("max_pool2d", {"size": 3, "stride": 2, "padding": 1}, (5, 7, 2)),
    ("average_pool1d", {"size": 2, "stride": 1}, (5, 3)),
    ("average_pool2d", {"size": 3, "padding": 1}, (6, 6, 2)),
    ("global_pool", {}, (4, 5, 3)),
    ("global_pool", {"kind": "max"}, (6, 3)),
    ("layer_norm", {}, (4, 6)),
    ("layer_norm", {"epsilon": 0.01}, (5,)),
    ("batch_norm", {}, (4,)),
    ("batch_norm", {"momentum": 0.25, "epsilon": 0.001}, (3, 4)),
    ("batch_norm", {}, (3, 2, 4)),
    ("rms_norm", {}, (4, 6)),
    ("rnn", {"units": 4}, (5, 3)),
    ("rnn", {"units": 3, "bidirectional": True, "bias": False, "steps": "all"}, (4, 2)),
    ("rnn", {"units": 3, "initial": "learned"}, (4, 2)),
    ("gru", {"units": 4, "steps": "all"}, (4, 2)),
    ("gru", {"units": 3, "reset": "after"}, (4, 2)),
    ("gru", {"units": 3, "reset": "after", "bidirectional": True, "initial": "learned"}, (3, 2)),
    ("gru", {"units": 3, "bidirectional": True, "initial": "learned"}, (3, 2)),
    ("lstm", {"units": 4}, (4, 3)),
    ("lstm", {"units": 2, "bidirectional": True, "initial": "learned", "steps": "all"}, (3, 2)),
    ("lstm", {"units": 3, "bidirectional": True}, (3, 2)),
    ("attention", {"heads": 2}, (5, 6)),
    ("attention", {"causal": True}, (4, 3)),
    ("attention", {"heads": 3, "bias": True, "causal": True}, (4, 6)),
    ("transformer_block", {"heads": 2, "units": 5, "causal": True}, (3, 4)),
    ("transformer_block", {"norm": "post", "bias": True, "hidden": "relu"}, (3, 4)),
    ("positions", {}, (4, 3)),
    ("sinusoidal_positions", {}, (5, 4)),
    ("sinusoidal_positions", {}, (4, 3)),
    ("dense", {"units": 4, "activation": "tanh"}, (3, 5)),
]
