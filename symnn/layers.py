"""The layers of networks of any shape, to be called: ``h = Conv2d(filters=6, kernel=5)(x)``."""

from symnn.nn.graph_layers.attention import Attention
from symnn.nn.graph_layers.convolutions import Conv1d, Conv2d
from symnn.nn.graph_layers.joins import Add, Concatenate, Multiply
from symnn.nn.graph_layers.norms import LayerNorm, RMSNorm
from symnn.nn.graph_layers.plain import Activation, Flatten
from symnn.nn.graph_layers.pooling import (
    AveragePool1d,
    AveragePool2d,
    GlobalPool,
    MaxPool1d,
    MaxPool2d,
)
from symnn.nn.graph_layers.recurrent import GRU, LSTM, RNN
from symnn.nn.graph_layers.tokens import Embedding, Positions
from symnn.nn.layers import Dense, Dropout

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Attention",
    "AveragePool1d",
    "AveragePool2d",
    "Concatenate",
    "Conv1d",
    "Conv2d",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalPool",
    "LayerNorm",
    "MaxPool1d",
    "MaxPool2d",
    "Multiply",
    "Positions",
    "RMSNorm",
]
