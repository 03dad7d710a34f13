"""Benchmarks: one module per row of the speed table, each with its peer measured in the same run."""
