"""Proofs, formats and the EVM shell of the notary. See README.md for the map of rooms."""
