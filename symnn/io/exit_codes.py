"""The exit codes of the command line, which errors carry.

130, 143 and 129 (interrupted, terminated, hung up) are 128 and the number of the signal.
"""

FINE = 0
FAILED = 1  # an internal error
USAGE = 2  # a mistake in the command, the spec or the data; a full disk
DIVERGED = 3  # it ran, but the loss is no longer finite
STALE = 4  # a check did not hold
INTERRUPTED = 130
CLOSED = 141  # nobody reads standard output any more
