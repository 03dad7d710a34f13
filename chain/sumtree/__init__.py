"""Merkle-sum trees over a period's accounts: a total that leaves nobody out, and a place in it."""
