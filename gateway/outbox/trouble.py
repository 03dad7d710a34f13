"""Which trouble the loops that work for the chain wait out."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError

from chain.errors import TransientChainError
from chain.evm.errors import NodeRefused

WAIT_OUT = (TransientChainError, NodeRefused, OperationalError)
"""A node that does not answer or refuses, a database that restarts or is full: what is stored stays true."""
