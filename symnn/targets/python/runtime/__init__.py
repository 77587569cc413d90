"""What a generated module needs besides its derivation.

These files are copied into modules (symnn/targets/python/copying.py).  ``constants``, ``model``,
``plan`` and ``jax_model`` are not: they stand for what the generator writes, and are what it
writes for a small network (tests/support/specimens.py).
"""
