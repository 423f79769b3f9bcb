"""Benchmarks: each figure beside a floor program that does only the same input and output."""
