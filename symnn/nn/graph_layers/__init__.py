"""Layers of networks of any shape: the fields of each, and the equations that it writes.

PLAIN: that a layer has no parameters, and so no number.
"""

from __future__ import annotations

from typing import Any

from symnn.nn.graph_layers.attention import Attention, TransformerBlock
from symnn.nn.graph_layers.convolutions import Conv1d, Conv2d, TransposedConv1d, TransposedConv2d
from symnn.nn.graph_layers.joins import Add, Concatenate, Multiply
from symnn.nn.graph_layers.norms import BatchNorm, LayerNorm, RMSNorm
from symnn.nn.graph_layers.own import Lines
from symnn.nn.graph_layers.plain import Activation, Flatten
from symnn.nn.graph_layers.pooling import (
    AveragePool1d,
    AveragePool2d,
    GlobalPool,
    MaxPool1d,
    MaxPool2d,
)
from symnn.nn.graph_layers.recurrent import GRU, LSTM, RNN
from symnn.nn.graph_layers.tokens import Embedding, Positions, SinusoidalPositions
from symnn.nn.layers import Dense, Dropout

GRAPH_LAYERS: dict[str, type[Any]] = {
    "dense": Dense,
    "dropout": Dropout,
    "activation": Activation,
    "flatten": Flatten,
    "conv1d": Conv1d,
    "conv2d": Conv2d,
    "transposed_conv1d": TransposedConv1d,
    "transposed_conv2d": TransposedConv2d,
    "max_pool1d": MaxPool1d,
    "max_pool2d": MaxPool2d,
    "average_pool1d": AveragePool1d,
    "average_pool2d": AveragePool2d,
    "global_pool": GlobalPool,
    "embedding": Embedding,
    "positions": Positions,
    "sinusoidal_positions": SinusoidalPositions,
    "batch_norm": BatchNorm,
    "layer_norm": LayerNorm,
    "rms_norm": RMSNorm,
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "attention": Attention,
    "transformer_block": TransformerBlock,
    "add": Add,
    "multiply": Multiply,
    "concatenate": Concatenate,
    "lines": Lines,
}
