"""Bugs planted in the campaign's own gateways, to show that each is caught: see ``bugs.py``."""
