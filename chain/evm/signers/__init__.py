"""Signers: a key in this process, from a keystore file or the environment, or in a remote service."""
