"""Give queued calls their nonces and their signed bytes, in one transaction, before anything is sent.

Bytes are made outside the transaction, so that a slow signer holds no lock, and stored with a
compare-and-set on the key's next nonce: of two processes that try, one stores its bytes, the other throws
its own away unsent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, func, select, update

from chain.errors import FatalChainError
from chain.evm.signers.base import Signer
from chain.evm.transactions import TransactionFields
from chain.hashing import keccak256
from chain.types import Address
from gateway.db import Database, execute, execute_many
from gateway.failpoints import step
from gateway.outbox.calls import TransactionState
from gateway.outbox.rows import IN_FLIGHT, Sent
from gateway.outbox.tables import chain_signers, chain_transactions

FILLER_GAS = 21_000
"""Gas of the empty transfer to oneself that fills a nonce whose call no node will take."""


class NoncesTaken(Exception):
    """Another process moved the key's next nonce first; the bytes made here are thrown away."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A call that waits for its nonce."""

    id: int
    kind: str
    target: str
    calldata: bytes
    gas: int


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction offers for its gas, in wei a gas; EIP-1559 where ``max_fee`` is given."""

    gas_price: int = 0
    max_fee: int | None = None
    priority_fee: int = 0


class SigningDesk:
    """Signs queued calls of one chain with the keys it holds."""

    def __init__(
        self,
        database: Database,
        *,
        chain_id: int,
        signers: Mapping[str, Signer],
        addresses: Mapping[str, Address],
        max_in_flight: int,
        clock: Callable[[], str],
    ) -> None:
        """``signers`` by role name, ``addresses`` of contracts by name; ``clock`` gives RFC 3339 UTC."""
        self._database = database
        self._chain_id = chain_id
        self._signers = signers
        self._addresses = addresses
        self._max_in_flight = max_in_flight
        self._clock = clock

    def register_key(self, role: str, chain_nonce: int, prove: Callable[[Address], int]) -> int:
        """Return the key's next nonce, storing the chain's as the first where the key is new here.

        A higher nonce on chain than here means that somebody else used the key: those nonces are gone, and
        ours go on above them, once ``prove`` gives what the node says. A lower one changes nothing: a node
        may be behind or have lost its pool.
        """
        address = bytes(self._signers[role].address)
        own = (chain_signers.c.chain_id == self._chain_id) & (chain_signers.c.address == address)
        query = select(chain_signers.c.next_nonce).where(own)
        with self._database.reader() as connection:
            seen: int | None = connection.execute(query).scalar_one_or_none()
        if chain_nonce > (seen or 0):
            chain_nonce = min(chain_nonce, prove(self._signers[role].address))
        if seen is not None and chain_nonce <= seen:
            return seen
        with self._database.writer(step("start.signer")) as connection:
            # Of two processes that start at once, one inserts; the other finds its row.
            execute(
                connection,
                "INSERT INTO chain_signers (chain_id, address, signer, next_nonce) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (chain_id, address) DO NOTHING",
                self._chain_id,
                address,
                role,
                chain_nonce,
            )
            lower = own & (chain_signers.c.next_nonce < chain_nonce)
            connection.execute(update(chain_signers).where(lower).values(next_nonce=chain_nonce))
            known: int = connection.execute(query).scalar_one()
        return known

    def sign_queued(self, role: str, fees: Fees, only: Sequence[int] | None = None) -> int:
        """Sign as many of the role's queued calls as may be in flight. Returns how many were signed.

        ``only`` are the rows that may go, by id ascending; None stands for all.

        Raises:
            NoncesTaken: another process signed first; nothing was stored.
            FatalChainError: a call names a contract that the deployment does not have.
        """
        signer = self._signers[role]
        with self._database.reader() as connection:
            calls = self._takeable(connection, role, only)
            nonce: int = connection.execute(self._next_nonce(signer)).scalar_one()
        if not calls:
            return 0
        signed = [self._sign(signer, call, nonce + at, fees) for at, call in enumerate(calls)]
        # If we crash here, the bytes are lost before anyone saw them and the nonces are still free.
        with self._database.writer(step("outbox.sign")) as connection:
            self._store(connection, signer, nonce, signed)
        # If we crash here, the stored bytes are sent by whoever starts next.
        return len(signed)

    def _next_nonce(self, signer: Signer) -> Select[int]:
        return select(chain_signers.c.next_nonce).where(
            chain_signers.c.chain_id == self._chain_id, chain_signers.c.address == bytes(signer.address)
        )

    def _takeable(self, connection: Connection, role: str, only: Sequence[int] | None) -> list[Queued]:
        rows = chain_transactions.c
        mine = (rows.chain_id == self._chain_id) & (rows.signer == role)
        in_flight = connection.execute(
            select(func.count()).where(mine, rows.state.in_(IN_FLIGHT))
        ).scalar_one()
        room = self._max_in_flight - in_flight
        if room <= 0:
            return []
        query = (
            select(rows.id, rows.kind, rows.target, rows.calldata, rows.gas)
            .where(mine, rows.state == TransactionState.QUEUED.value)
            .order_by(rows.id)
            .limit(room)
        )
        if only is not None:
            query = query.where(rows.id.in_(only[:room]))
        return [Queued(*row) for row in connection.execute(query)]

    def _sign(self, signer: Signer, call: Queued, nonce: int, fees: Fees) -> dict[str, object]:
        target = self._addresses.get(call.target)
        if target is None:
            raise FatalChainError(f"call {call.id}: no contract named {call.target} is deployed")
        raw = signer.sign_transaction(
            self.fields(nonce=nonce, to=target, data=call.calldata, gas=call.gas, fees=fees)
        )
        return {"row_id": call.id, "number": nonce, "bytes": raw, "hash": bytes(keccak256(raw))}

    def fields(self, *, nonce: int, to: Address, data: bytes, gas: int, fees: Fees) -> TransactionFields:
        """Return the transaction to sign: no value moves, ever."""
        return TransactionFields(
            chain_id=self._chain_id,
            nonce=nonce,
            to=to,
            data=data,
            gas=gas,
            gas_price=fees.gas_price,
            max_fee_per_gas=fees.max_fee,
            max_priority_fee_per_gas=fees.priority_fee,
        )

    def _store(
        self, connection: Connection, signer: Signer, nonce: int, signed: Sequence[dict[str, object]]
    ) -> None:
        address = bytes(signer.address)
        moved = connection.execute(
            update(chain_signers)
            .where(
                chain_signers.c.chain_id == self._chain_id,
                chain_signers.c.address == address,
                chain_signers.c.next_nonce == nonce,
            )
            .values(next_nonce=nonce + len(signed))
        )
        if moved.rowcount != 1:
            raise NoncesTaken
        rows = chain_transactions.c
        stored = connection.execute(
            update(chain_transactions)
            .where(rows.id == bindparam("row_id"), rows.state == TransactionState.QUEUED.value)
            .values(
                state=TransactionState.SIGNED.value,
                signer_address=address,
                nonce=bindparam("number"),
                raw=bindparam("bytes"),
                tx_hash=bindparam("hash"),
                calldata=None,
                signed_at=self._clock(),
            ),
            list(signed),
        )
        if stored.rowcount != len(signed):
            # A call was withdrawn meanwhile: nothing of this was sent, so nothing needs to be undone.
            raise NoncesTaken

    def fill_gap(self, role: str, first: int, end: int, fees: Fees) -> None:
        """Store signed empty transfers to oneself for nonces ``[first, end)`` that no row of ours has.

        Such a gap appears where the chain lost a transaction sent past the outbox; without it nothing of the
        key's later ones could be mined.
        """
        signer = self._signers[role]
        address = bytes(signer.address)
        rows = []
        for nonce in range(first, end):
            raw = signer.sign_transaction(
                self.fields(nonce=nonce, to=signer.address, data=b"", gas=FILLER_GAS, fees=fees)
            )
            hashed = bytes(keccak256(raw))
            rows.append((self._chain_id, role, FILLER_GAS, address, nonce, raw, hashed, self._clock()))
        with self._database.writer(step("outbox.fill")) as connection:
            execute_many(
                connection,
                "INSERT INTO chain_transactions (chain_id, kind, target, signer, reference, gas, state, "
                "signer_address, nonce, raw, tx_hash, created_at) "
                "VALUES (?, 'fill', '', ?, 'gap', ?, 'signed', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                rows,
            )

    def fill_nonce(self, row: Sent, reason: str, fees: Fees) -> None:
        """Replace the bytes of a call that no node takes by an empty transfer to oneself, same nonce.

        Later nonces could never be mined otherwise. The row ends as failed with ``reason``; its former hash
        is kept, in case the first bytes did reach the chain.
        """
        signer = self._signers[row.signer]
        raw = signer.sign_transaction(
            self.fields(nonce=row.nonce, to=signer.address, data=b"", gas=FILLER_GAS, fees=fees)
        )
        with self._database.writer(step("outbox.refuse")) as connection:
            connection.execute(
                update(chain_transactions)
                .where(chain_transactions.c.id == row.id, chain_transactions.c.tx_hash == row.tx_hash)
                .values(
                    raw=raw,
                    tx_hash=bytes(keccak256(raw)),
                    refused_hash=row.tx_hash,
                    error=f"refused by the node: {reason}"[:500],
                )
            )
