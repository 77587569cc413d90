"""Printers: a line as LaTeX, or as code; they share one lowering (lower.py)."""
