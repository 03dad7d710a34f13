"""Suspending, closing and recovering accounts: coins always have a place, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.operation import OperationKind
from gateway.ledger.drafts import AccountKind, Draft
from tests.unit.gateway.ledger.worlds import World, address, joined, operated
from tests.unit.gateway.members.chapter import (
    EVIDENCE,
    ORDER,
    POOL,
    about,
    acct,
    balance,
    case,
    entry,
    gift,
    go_to,
    issued,
    opening,
    operation,
    public,
    recovery,
    referred,
    rights,
    run_due,
    sale,
    state,
    step,
)

_K = OperationKind


def closing(who: str, destination: str, to: str | None = None) -> Draft:
    more = {} if to is None else {"to": acct(to)}
    return step("account.closing", who, destination=destination, order=ORDER, **more)


def suspended(who: str) -> Draft:
    return step("membership.suspended", who, order=ORDER, reason="inquiry")


def kin(world: World, one: str, other: str) -> None:
    world.accept(step("kin.declared", one, kin=acct(other), relation="child"))
    world.accept(step("kin.declared", other, kin=acct(one), relation="parent"))


def test_rule_13_a_suspended_balance_is_parked_and_comes_back_whole(world: World) -> None:
    world.accept(opening("a"))
    world.accept(issued("a", 1_234))
    parked = world.accept(suspended("a"))
    assert operation(world, parked) == (int(_K.TRANSFER), address("a"), address(POOL), 1_234)
    world.accept(rights("a", False, False))
    refusal = world.refuse(step("membership.restored", "a", order=ORDER))
    assert (refusal.code, refusal.fields) == ("member.frozen", {"field": "subjects"})
    world.accept(rights("a", True, True))
    # The account is free again, the membership goes on with the coins.
    assert state(world, "membership", "a") == "suspended"
    back = world.accept(step("membership.restored", "a", order=ORDER))
    assert operation(world, back) == (int(_K.TRANSFER), address(POOL), address("a"), 1_234)
    assert state(world, "membership", "a") == "active"
    assert (balance(world, "a"), balance(world, POOL)) == (1_234, 1_000_000)
    assert world.refuse(step("membership.restored", "a", order=ORDER)).code == "case.wrong_state"


@pytest.mark.parametrize("coins", [0, 700])
def test_a_decided_suspension_is_not_lifted_by_a_freeze_that_ends(world: World, coins: int) -> None:
    world.accept(opening("a"))
    if coins:
        world.accept(issued("a", coins))
    world.accept(suspended("a"))
    world.accept(rights("a", False, False))
    world.accept(rights("a", True, True))
    assert state(world, "membership", "a") == "suspended"
    world.accept(step("membership.restored", "a", order=ORDER))
    assert (state(world, "membership", "a"), balance(world, "a")) == ("active", coins)
    # The next one is a freeze alone, and ends with it.
    world.accept(rights("a", False, True))
    assert state(world, "membership", "a") == "suspended"
    world.accept(rights("a", True, True))
    assert state(world, "membership", "a") == "active"


def test_parked_coins_wait_in_the_holding_pool_where_there_is_one(world: World) -> None:
    world.accept(joined("holding", kind=AccountKind.POOL))
    world.accept(step("pool.opened", name="holding", account=acct("holding")))
    world.accept(opening("a"))
    world.accept(issued("a", 700))
    parked = world.accept(suspended("a"))
    assert operation(world, parked) == (int(_K.TRANSFER), address("a"), address("holding"), 700)


def test_rule_25_a_suspended_member_receives_refunds_and_spends_nothing(world: World) -> None:
    world.accept(opening("a"))
    world.accept(issued("a", 500))
    bought = world.accept(sale("a", 1_000)).entry_id
    world.accept(about("sale.paid", bought, amount="300"))
    world.accept(rights("a", False, True))
    assert state(world, "membership", "a") == "suspended"
    refusal = world.refuse(about("sale.paid", bought, amount="1"))
    assert (refusal.code, refusal.fields) == ("member.frozen", {"field": "op.from"})
    world.accept(about("sale.refunded", bought, amount="1000"))
    world.accept(about("sale.coins_returned", bought))
    assert balance(world, "a") == 500
    world.accept(rights("a", True, True))
    assert state(world, "membership", "a") == "active"


def test_rule_23_a_freeze_catches_what_comes_in_later(world: World) -> None:
    world.accept(opening("a"))
    world.accept(rights("a", False, True))
    world.accept(issued("a", 100))
    refusal = world.refuse(gift("a", "b", 1))
    assert (refusal.code, refusal.fields) == ("member.frozen", {"field": "op.from"})
    assert balance(world, "a") == 100


def test_rule_26_pools_and_system_accounts_are_never_frozen(world: World) -> None:
    world.accept(joined("sys", kind=AccountKind.SYSTEM))
    for name in (POOL, "sys"):
        refusal = world.refuse(rights(name, False, True))
        assert (refusal.code, refusal.fields) == ("member.protected", {})


@pytest.mark.parametrize(
    ("destination", "to", "kind", "receiver"),
    [
        ("pool", None, _K.TRANSFER, address(POOL)),
        ("kin", "b", _K.TRANSFER, address("b")),
        ("burn", None, _K.BURN, bytes(20)),
    ],
)
def test_rule_13_a_closed_account_left_its_balance_somewhere_named(
    world: World, destination: str, to: str | None, kind: OperationKind, receiver: bytes
) -> None:
    world.accept(opening("a"))
    world.accept(opening("b"))
    kin(world, "a", "b")
    world.accept(step("steward.appointed", "a", compound="c1", building="b1", evidence=EVIDENCE))
    world.accept(issued("a", 900))
    accepted = world.accept(closing("a", destination, to))
    assert operation(world, accepted) == (int(kind), address("a"), receiver, 900)
    assert entry(world, accepted)["public"]["amount"] == "900"
    steps = run_due(world)
    assert ("account.closed", None) in steps
    assert (state(world, "closing", "a"), state(world, "membership", "a")) == ("closed", "closed")
    steward = case(world, "steward", "3101-0007:c1:b1")
    assert steward is not None and steward["state"] == "ended"
    for draft, field in (
        (gift("a", "c", 1), "op.from"),
        (replace(gift("b", "a", 1)), "op.to"),
        (issued("a", 5), "op.to"),
    ):
        if draft.operation is not None and draft.operation.sender == address("b") and destination != "kin":
            world.accept(issued("b", 1))
        refusal = world.refuse(draft)
        assert (refusal.code, refusal.fields) == ("member.closed", {"field": field})
    refusal = world.refuse(rights("a", True, True))
    assert (refusal.code, refusal.fields) == ("member.closed", {"field": "account"})
    assert world.refuse(recovery("a", "a2")).code == "member.closed"
    assert world.refuse(opening("a")).code == "member.closed"
    assert world.refuse(closing("a", "burn")).code == "member.closed"


def test_an_empty_account_closes_without_an_operation(world: World) -> None:
    accepted = world.accept(closing("e", "burn"))
    assert operation(world, accepted) is None
    assert run_due(world) == [("account.closed", None)]
    assert world.refuse(issued("e", 1)).code == "member.closed"


def test_what_comes_in_between_is_not_lost(world: World) -> None:
    world.accept(issued("a", 100))
    world.accept(closing("a", "pool"))
    world.accept(issued("a", 7))
    assert run_due(world) == [("account.closed", "closing.not_empty")]
    refusal = world.refuse(step("account.closed", "a"))
    assert (refusal.code, refusal.fields) == ("closing.not_empty", {"what": "balance"})
    world.accept(closing("a", "pool"))
    assert run_due(world) == [("account.closed", None)]
    assert balance(world, POOL) == 1_000_107


def test_what_was_parked_in_between_is_not_lost_either(world: World) -> None:
    world.accept(opening("a"))
    world.accept(closing("a", "burn"))
    world.accept(issued("a", 7))
    world.accept(suspended("a"))
    refusal = world.refuse(step("account.closed", "a"))
    assert (refusal.code, refusal.fields) == ("closing.not_empty", {"what": "parked"})


@pytest.mark.parametrize(
    ("draft", "code", "fields"),
    [
        (closing("a", "heaven"), "closing.no_destination", {}),
        (
            closing("a", "kin"),
            "entry.bad_field",
            {"field": "public.to", "reason": "account.closing needs it"},
        ),
        (closing("a", "kin", "b"), "kin.not_declared", {}),
        (step("account.closed", "a"), "case.unknown", {"field": "subjects", "kind": "closing"}),
        (closing("zz", "burn"), "member.unknown", {"field": "subjects"}),
    ],
)
def test_a_closing_that_is_refused(world: World, draft: Draft, code: str, fields: dict[str, str]) -> None:
    world.accept(issued("a", 100))
    refusal = world.refuse(draft)
    assert (refusal.code, refusal.fields) == (code, fields)
    assert balance(world, "a") == 100


def test_locked_and_parked_coins_and_open_matters_hold_an_account_open(world: World) -> None:
    world.accept(opening("a"))
    world.accept(issued("a", 100))
    world.accept(operated(_K.LOCK, address("a"), address("a"), 40))
    assert world.refuse(closing("a", "burn")).fields == {"what": "locked"}
    world.accept(opening("b"))
    world.accept(issued("b", 100))
    world.accept(suspended("b"))
    assert world.refuse(closing("b", "burn")).fields == {"what": "parked"}


def test_a_chapter_may_allow_fewer_destinations(world: World) -> None:
    world.accept(step("parameter.set", parameter="closing_destinations", codes=["pool"]))
    refusal = world.refuse(closing("a", "burn"))
    assert (refusal.code, refusal.fields) == ("closing.not_allowed", {"destination": "burn"})
    world.accept(closing("a", "pool"))


def test_rule_27_recovery_moves_membership_referrals_kin_and_open_matters_in_one_step(world: World) -> None:
    for name in "abc":
        world.accept(opening(name))
    kin(world, "a", "b")
    world.accept(referred("a", "c"))
    world.accept(referred("b", "a"))
    world.accept(step("guardian.appointed", "b", guardian=acct("a"), basis="guarded", evidence=EVIDENCE))
    world.accept(step("steward.appointed", "a", compound="c1", building="b1", evidence=EVIDENCE))
    bought = world.accept(sale("a", 1_000)).entry_id
    world.accept(recovery("a", "a2"))
    new = acct("a2")
    assert (state(world, "membership", "a"), state(world, "membership", "a2")) == ("moved", "active")
    found = case(world, "referral", new)
    assert found is not None and found["document"]["referrer"] == acct("c")
    below = case(world, "referral", acct("b"))
    assert below is not None and (below["holder"], below["document"]["referrer"]) == (new, new)
    assert case(world, "kin", f"{new}:{acct('b')}") is not None
    guardian = case(world, "guardian", acct("b"))
    assert guardian is not None and guardian["document"]["guardian"] == new
    steward = case(world, "steward", "3101-0007:c1:b1")
    assert steward is not None and steward["holder"] == new
    sold = case(world, "sale", bought)
    assert sold is not None and sold["holder"] == new
    # What the old account had is the new one's from here on, twice as well.
    world.accept(recovery("a2", "a3"))
    assert state(world, "membership", "a3") == "active"
    assert public(world, step("kin.ended", "b", kin=acct("a3")))["kin"] == acct("a3")
    old = case(world, "membership", acct("a"))
    assert old is not None and old["document"]["moved_to"] == new
    assert run_due(world) == [("membership.fee_split", None)] * 3


def test_a_suspension_outlasts_the_year_and_what_is_parked_comes_back(world: World) -> None:
    world.accept(opening("a"))
    world.accept(issued("a", 700))
    world.accept(suspended("a"))
    go_to(world, "2027-12-01")
    assert ("membership.lapsed", None) in run_due(world)
    assert state(world, "membership", "a") == "suspended"
    renewed = step("membership.renewed", "a", receipt=EVIDENCE)
    assert world.refuse(renewed).code == "case.wrong_state"
    world.accept(step("membership.restored", "a", order=ORDER))
    assert (balance(world, "a"), state(world, "membership", "a")) == (700, "lapsed")
    world.accept(renewed)


def test_what_is_parked_of_a_refunded_membership_comes_back(world: World) -> None:
    world.accept(opening("a"))
    world.accept(issued("a", 700))
    world.accept(suspended("a"))
    world.accept(step("membership.refunded", "a", receipt=EVIDENCE))
    world.accept(opening("a"))
    world.accept(issued("a", 30))
    world.accept(suspended("a"))
    assert balance(world, "a") == 0
    world.accept(step("membership.restored", "a", order=ORDER))
    assert balance(world, "a") == 730
    refusal = world.refuse(step("membership.restored", "a", order=ORDER))
    assert (refusal.code, refusal.fields["state"]) == ("case.wrong_state", "active")
