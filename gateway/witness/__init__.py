"""Witnesses: the C2SP tlog-witness that others run, and this log's side, which asks before it publishes."""
