"""The command line of a module."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from symnn.targets.python.runtime.check import check
from symnn.targets.python.runtime.constants import (
    BATCH_SIZE,
    EPOCHS,
    LEARNING_RATE,
    SEED,
)
from symnn.targets.python.runtime.endings import DivergedError, Interrupted
from symnn.targets.python.runtime.files import _check_output, load, save
from symnn.targets.python.runtime.model import predict
from symnn.targets.python.runtime.reading import _read
from symnn.targets.python.runtime.train import train


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="train, predict or check this network")
    commands = parser.add_subparsers(dest="command", required=True)
    text = "train on DATA and write the weights"
    fit = commands.add_parser("train", help=text, argument_default=argparse.SUPPRESS)
    fit.add_argument("data")
    fit.add_argument("-o", "--output", default=str(Path(__file__).with_suffix(".npz")))
    fit.add_argument("--epochs", type=int, default=EPOCHS)
    fit.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    fit.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    fit.add_argument("--seed", type=int, default=SEED)
    fit.add_argument("--checkpoint", metavar="DIR", help="keep a checkpoint there")
    fit.add_argument("--every", type=int, metavar="EPOCHS", help="between checkpoints")
    fit.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    fit.add_argument("--force", action="store_true", help="replace OUTPUT in any case")
    ask = commands.add_parser("predict", help="print F(x) for the rows of DATA")
    ask.add_argument("weights")
    ask.add_argument("data")
    commands.add_parser("check", help="compare the gradients with central differences")
    options = vars(parser.parse_args())
    command, code = options.pop("command"), 0
    try:
        if command == "check":
            print(f"gradients hold; largest relative error {check():.1e}")
        elif command == "predict":
            found = predict(load(options["weights"]), *_read(options["data"], False))
            for part in found.values() if isinstance(found, dict) else [found]:
                np.savetxt(sys.stdout, np.reshape(part, (len(np.atleast_1d(part)), -1)))
        else:
            code = _fit(**options)
        sys.stdout.flush()
        return code
    except OSError as error:
        if error.filename is not None:
            return _failed(f"{error.filename}: {error.strerror}", 2)
        # standard output is full, or nobody reads it: what is left goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141 if isinstance(error, BrokenPipeError) else _failed(error, 2)
    except (ArithmeticError, ValueError) as error:
        return _failed(error, 4 if isinstance(error, ArithmeticError) else 2)


def _fit(data: str, output: str, force: bool = False, **options: Any) -> int:
    """Train, and write the weights, also those of a run that ended early."""
    if options["epochs"] < 1:
        raise ValueError(f"epochs must be at least 1, not {options['epochs']}")
    if os.path.exists(output) and os.path.samefile(data, output):
        raise ValueError(f"{output} holds the data; name another file with -o")
    _check_output(output, force)
    x, y = _read(data, training=True)
    ending = _as_ctrl_c()
    try:
        params, history = train(x, y, **options)
    except (DivergedError, Interrupted) as error:
        save(output, error.params, force=force)
        code = 3 if isinstance(error, DivergedError) else 128 + ending[-1]
        return _failed(f"{error}; the last finite weights are in {output}", code)
    save(output, params, force=force)
    print(f"loss {history[-1]:.6g}; weights in {output}")
    return 0


def _as_ctrl_c() -> list[int]:
    """From now on SIGTERM and SIGHUP do, once, what Ctrl-C does; the last is what came."""
    came = [int(signal.SIGINT)]

    def end(number: int, frame: object) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_IGN)  # `timeout` sends it twice
        signal.raise_signal(signal.SIGINT)

    for name in ("SIGTERM", "SIGHUP") if os.name == "posix" else ():
        if signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(getattr(signal, name), end)
    return came


def _failed(reason: object, code: int) -> int:
    print(f"{Path(__file__).name}: {reason}", file=sys.stderr)
    return code
