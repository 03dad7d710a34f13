"""What the mirror reads from a node, checked as far as the node's own commitments allow.

1. Headers hash to their hash and follow each other by parent hash (``EvmClient.headers`` and `check_links`).
2. A block whose header bloom holds none of our contracts has no log of ours: that much the header proves.
3. Logs of a proven block come from its receipts, which give the header's receipts root.
4. Logs asked for as such are a hint: each must name the hash of the header at its height; duplicates are
   dropped and order is restored; a block whose bloom holds our contracts may not come without logs unless its
   receipts say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

from chain.errors import FatalChainError, TransientChainError
from chain.events import RawLog
from chain.evm.blocks import HEAVY_GAS, Header, as_list, parse_log
from chain.evm.client import EvmClient
from chain.evm.errors import MalformedAnswer, NodeRefused
from chain.evm.transport import Json
from chain.hashing import keccak256
from gateway.mirror.derive import FOLLOWED
from gateway.mirror.receipts import load_proven_logs

_BLOOM_OFFSET = 5 * 33 + 21 + 3
"""Bytes from a header's first field to its logs bloom: five hashes, an address, a string prefix."""

_MOST_LOGS = 20_000
"""Logs to aim at in one answer."""

_MOST_GAS = _MOST_LOGS * 16_000
"""Gas used by the blocks of one answer: an operation of a full window, and with it a log, takes so much."""


class Receipts(StrEnum):
    """Which blocks' logs are proven by their receipts before they are stored."""

    ALL = "all"
    """Every one."""
    LIGHT = "light"
    """All but heavy blocks, which are checked afterwards, when there is time."""
    NONE = "none"
    """None: hashes and blooms only."""


class LogSource:
    """Headers and logs of some contracts on one node."""

    def __init__(
        self, client: EvmClient, contracts: Iterable[bytes], *, receipts: Receipts, heavy_gas: int = HEAVY_GAS
    ) -> None:
        """Prove blocks as ``receipts`` says; under `Receipts.LIGHT` those below ``heavy_gas`` at once."""
        self.client = client
        self._receipts = receipts
        self._contracts = frozenset(contracts)
        self._topics = frozenset(FOLLOWED)
        self._bits = [_bloom_bits(address) for address in self._contracts]
        self._heavy_gas = heavy_gas
        self._span = 64

    @property
    def span(self) -> int:
        """How many blocks to ask for next, from how many logs the last ones held."""
        return self._span

    def headers(self, first: int, end: int) -> list[Header]:
        """Return the checked headers ``[first, end)``, linked to each other by parent hash.

        Raises:
            TransientChainError: one is missing, or the node changed its chain between two of them.
        """
        headers = self.client.headers(first, end)
        check_links(headers)
        return headers

    def storable(self, headers: list[Header]) -> list[Header]:
        """Return the first of ``headers``, as many as one transaction should store, at least one.

        A transaction of several full blocks would keep every other writer out for seconds.
        """
        gas = 0
        for at, header in enumerate(headers):
            gas += header.gas_used
            if at and gas > _MOST_GAS:
                return headers[:at]
        return headers

    def load(self, headers: Sequence[Header]) -> list[RawLog]:
        """Return the followed logs of consecutive blocks, in chain order, each bound to its header.

        Raises:
            TransientChainError: logs and headers are not of one chain, or the node leaves logs out.
            FatalChainError: a block's receipts contradict its header.
        """
        if self._receipts is Receipts.NONE:
            logs = self._hinted(headers)
        else:
            logs = []
            for header in headers:
                if not self.may_hold_logs(header):
                    continue
                is_hint = self.is_put_off(header)
                logs += self._hinted([header]) if is_hint else self.proven(header)
        if len(logs) > _MOST_LOGS:
            self._span = max(1, self._span // 2)
        elif len(logs) < _MOST_LOGS // 4:
            self._span = min(256, self._span * 2)
        return logs

    def proven(self, header: Header) -> list[RawLog]:
        """Return the followed logs of a block as its receipts root commits to them."""
        return load_proven_logs(self.client, header, self._contracts, self._topics)

    def is_put_off(self, header: Header) -> bool:
        """Return whether the block is so full that its logs are stored first and proven later."""
        return self._receipts is Receipts.LIGHT and header.gas_used > self._heavy_gas

    def may_hold_logs(self, header: Header) -> bool:
        """Return whether the header's bloom (committed to by its hash) admits a log of our contracts."""
        start = 1 + header.raw[0] - 0xF7 + _BLOOM_OFFSET
        bloom = int.from_bytes(header.raw[start : start + 256], "big")
        return any(bloom & bits == bits for bits in self._bits)

    def _hinted(self, headers: Sequence[Header]) -> list[RawLog]:
        logs = self._fetch(headers[0].number, headers[-1].number)
        known = {header.number: header for header in headers}
        for log in logs:
            header = known[log.block_number]
            if header.hash != log.block_hash:
                raise TransientChainError(f"block {header.number}: a log is of another block than its header")
            if header.tx_hashes[log.tx_index : log.tx_index + 1] != (log.tx_hash,):
                raise TransientChainError(f"block {header.number}: a log is of none of its transactions")
        ordered = _in_order(logs)
        spoken = {log.block_number for log in ordered}
        for header in headers:
            if header.number not in spoken and self.may_hold_logs(header):
                left_out = self.proven(header)
                if left_out:
                    raise TransientChainError(
                        f"block {header.number}: the node left out all {len(left_out)} logs"
                    )
        return ordered

    def _fetch(self, first: int, last: int) -> list[RawLog]:
        query: dict[str, Json] = {
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "address": ["0x" + address.hex() for address in sorted(self._contracts)],
            "topics": [["0x" + topic.hex() for topic in FOLLOWED]],
        }
        try:
            answer = as_list(self.client.call("eth_getLogs", query), "eth_getLogs")
            logs = [parse_log(item) for item in answer]
        except (NodeRefused, MalformedAnswer):
            # Too many for one answer, most likely: ask for halves, down to single blocks.
            if first == last:
                raise
            self._span = max(1, self._span // 2)
            middle = (first + last) // 2
            return self._fetch(first, middle) + self._fetch(middle + 1, last)
        for log in logs:
            if log.address not in self._contracts or not first <= log.block_number <= last:
                raise MalformedAnswer("eth_getLogs", "a log is not of the range and contracts asked for")
        return logs


def check_links(headers: Sequence[Header]) -> None:
    """Check that each header's parent is the one before. Raises TransientChainError naming the height."""
    for parent, header in pairwise(headers):
        if header.parent_hash != parent.hash:
            raise TransientChainError(f"block {header.number}: the node changed its chain while it was read")


def check_same(header: Header, stored: Sequence[RawLog], proven: Sequence[RawLog]) -> None:
    """Check that the logs stored of a block are the proven ones; transaction hashes are not compared.

    Raises:
        FatalChainError: what is stored is not what the chain holds; the mirror must be built again.
    """
    got = [(log.log_index, log.address, log.topics, log.data) for log in stored]
    want = [(log.log_index, log.address, log.topics, log.data) for log in proven]
    if got != want:
        raise FatalChainError(
            f"block {header.number}: {len(got)} logs are mirrored, its receipts hold {len(want)} or others"
        )


def _in_order(logs: list[RawLog]) -> list[RawLog]:
    """Return the logs in chain order, each once."""
    keys = [(log.block_number, log.log_index) for log in logs]
    if all(before < after for before, after in pairwise(keys)):
        return logs
    seen: dict[tuple[int, int], RawLog] = {}
    for key, log in zip(keys, logs, strict=True):
        if seen.setdefault(key, log) != log:
            raise MalformedAnswer("eth_getLogs", f"block {log.block_number} has two logs at one position")
    return [seen[key] for key in sorted(seen)]


def _bloom_bits(value: bytes) -> int:
    """Return the three bits a logs bloom has set for ``value`` (Ethereum yellow paper, section 4.3.1)."""
    digest = keccak256(value)
    bits = 0
    for start in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") & 2047)
    return bits
