"""Copies of a gateway's data that can be put back: made beside a running gateway, checked byte by byte."""
