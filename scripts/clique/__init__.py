"""A consortium on this machine: go-ethereum Clique validators, and the story of ``scripts/consortium``."""
