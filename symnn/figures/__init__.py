"""Figures of a derivation: coordinates and texts, computed once for every printer."""
