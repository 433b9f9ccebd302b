"""Benchmarks: each prints its table, `python -m benchmarks` prints the ones of the README."""
