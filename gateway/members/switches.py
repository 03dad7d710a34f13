"""Which referral tables are switched on: the gates of the chain's rule book, as the mirror has them.

Where the chain raised nothing, everything is off and one level is paid. Of several mirrored chains the
strictest counts.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from chain.rule_kinds import Gate
from gateway.cases.world import World
from gateway.mirror.rule_reads import load_gate_since, load_gates
from gateway.mirror.tables import mirror_cursor
from gateway.rules.referral_tables import SHIPPED, Switches


def read_switches(world: World) -> Switches:
    """Return the gates in force for a step."""
    return world.ask(load_switches)


def load_duty_since(connection: Connection, at: int | None = None) -> int | None:
    """Return since when the duty to refer is switched on, Unix seconds of the block; None while it is off.

    Given ``at`` (Unix seconds), as it was then.
    """
    chains = connection.execute(select(mirror_cursor.c.chain_id)).scalars().all()
    found = [load_gate_since(connection, chain_id, Gate.REFERRAL_DUTY, at) for chain_id in chains]
    known = [since for since in found if since is not None]
    return max(known) if known and len(known) == len(found) else None


def load_switches(connection: Connection, at: int | None = None) -> Switches:
    """Return the gates in force by the mirror of a database; given ``at`` (Unix seconds), those of then."""
    chains = connection.execute(select(mirror_cursor.c.chain_id)).scalars().all()
    found = [load_gates(connection, chain_id, at) for chain_id in chains]
    if not found:
        return SHIPPED
    least = {gate: min(gates[gate] for gates in found) for gate in Gate}
    return Switches(
        least[Gate.DEPTH],
        bool(least[Gate.JOINING_FEE_REFERRAL]),
        bool(least[Gate.FEE_WAIVER]),
        bool(least[Gate.REFERRAL_DUTY]),
    )
