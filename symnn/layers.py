"""The layers of networks of any shape, to be called: ``h = Conv2d(filters=6, kernel=5)(x)``."""

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

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Attention",
    "AveragePool1d",
    "AveragePool2d",
    "BatchNorm",
    "Concatenate",
    "Conv1d",
    "Conv2d",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalPool",
    "LayerNorm",
    "Lines",
    "MaxPool1d",
    "MaxPool2d",
    "Multiply",
    "Positions",
    "RMSNorm",
    "SinusoidalPositions",
    "TransformerBlock",
    "TransposedConv1d",
    "TransposedConv2d",
]
