"""The gates of the rule book as the mirror has them: off until the chain raised one, the strictest counts."""

from __future__ import annotations

from sqlalchemy import insert

from chain.rule_kinds import Gate
from gateway.members.switches import load_switches
from gateway.mirror.rule_tables import mirror_referral
from gateway.mirror.tables import mirror_cursor
from gateway.rules.referral_tables import SHIPPED, Switches
from tests.unit.gateway.ledger.worlds import World
from tests.unit.gateway.members.chapter import about, acct, opening, public, referred


def follow(world: World, chain: int) -> None:
    with world.database.writer() as connection:
        connection.execute(
            insert(mirror_cursor).values(
                chain_id=chain, genesis_hash=b"\x02" * 32, block_number=1, block_hash=b"\x01" * 32
            )
        )


def change(world: World, chain: int, block: int, gate: Gate, value: int, event: str = "activated") -> None:
    with world.database.writer() as connection:
        connection.execute(
            insert(mirror_referral).values(
                chain_id=chain, block_number=block, log_index=0, event=event, gate=int(gate), value=value,
                opinion=b"", ready_at=0,
            )
        )  # fmt: skip


def read(world: World) -> Switches:
    with world.database.reader() as connection:
        return load_switches(connection)


def test_what_the_chain_raised_is_on_until_it_is_lowered(world: World) -> None:
    assert read(world) == SHIPPED
    follow(world, 31_337)
    assert read(world) == SHIPPED
    change(world, 31_337, 5, Gate.DEPTH, 2)
    change(world, 31_337, 6, Gate.FEE_WAIVER, 1, "announced")
    change(world, 31_337, 7, Gate.REFERRAL_DUTY, 1)
    assert read(world) == Switches(depth=2, duty=True)
    change(world, 31_337, 8, Gate.DEPTH, 1, "lowered")
    assert read(world) == Switches(duty=True)
    # Of two chains the strictest counts.
    follow(world, 31_338)
    assert read(world) == SHIPPED


def test_a_step_goes_by_the_gates_of_its_moment(world: World) -> None:
    follow(world, 31_337)
    world.accept(referred("a", "m"))
    first = world.accept(opening("a", "trial")).entry_id
    world.accept(referred("b", "m"))
    second = world.accept(opening("b", "trial")).entry_id
    assert "referring_shop" not in public(world, about("membership.fee_split", first))
    change(world, 31_337, 5, Gate.JOINING_FEE_REFERRAL, 1)
    assert public(world, about("membership.fee_split", second))["referring_shop"] == acct("m")
