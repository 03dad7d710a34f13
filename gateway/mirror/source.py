"""What the mirror reads from a node, checked as far as the node's own commitments allow.

1. Headers hash to their hash and follow each other by parent hash (``EvmClient.headers`` and `check_links`).
2. Every log names the hash of the header at its height; duplicates are dropped, order is restored.
3. A block whose header bloom holds none of our contracts has no log of ours; one whose bloom does but that
   came without logs is looked at again through its receipts.
4. With `verify_receipts`, a block's receipts give the header's receipts root and hold exactly these logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from chain.errors import FatalChainError, TransientChainError
from chain.events import RawLog
from chain.evidence.rlp import format_number, format_rlp
from chain.evidence.tries_build import Trie
from chain.evm.blocks import Header, Receipt, as_list, encode_receipt, parse_log
from chain.evm.client import EvmClient
from chain.evm.errors import MalformedAnswer, NodeRefused
from chain.evm.transport import Json
from chain.hashing import keccak256
from gateway.mirror.derive import FOLLOWED

_BLOOM_OFFSET = 5 * 33 + 21 + 3
"""Bytes from a header's first field to its logs bloom: five hashes, an address, a string prefix."""


class LogSource:
    """Headers and logs of some contracts on one node."""

    def __init__(self, client: EvmClient, contracts: Sequence[bytes], *, most_logs: int = 20_000) -> None:
        """Ask for about ``most_logs`` logs at a time."""
        self.client = client
        self._contracts = tuple(sorted(contracts))
        self._wanted = frozenset(contracts)
        self._topics = frozenset(FOLLOWED)
        self._bits = [_bloom_bits(address) for address in self._contracts]
        self._most_logs = most_logs
        self._span = 64

    def headers(self, first: int, end: int) -> list[Header]:
        """Return the checked headers ``[first, end)``, linked to each other by parent hash.

        Raises:
            TransientChainError: one is missing, or the node changed its chain between two of them.
        """
        headers = self.client.headers(first, end)
        check_links(headers)
        return headers

    def span(self) -> int:
        """Return how many blocks to ask for next, from how many logs the last ones held."""
        return self._span

    def logs(self, headers: Sequence[Header]) -> list[RawLog]:
        """Return the followed logs of consecutive blocks, in chain order, each bound to its header.

        Raises:
            TransientChainError: the node's logs and headers are not of one chain, or logs are missing.
        """
        logs = self._fetch(headers[0].number, headers[-1].number)
        known = {header.number: header.hash for header in headers}
        seen: dict[tuple[int, int], RawLog] = {}
        for log in logs:
            if known.get(log.block_number) != log.block_hash:
                raise TransientChainError(
                    f"block {log.block_number}: a log is of another block than its header"
                )
            if seen.setdefault((log.block_number, log.log_index), log) != log:
                raise MalformedAnswer("eth_getLogs", f"block {log.block_number} has two logs at one position")
        ordered = [seen[key] for key in sorted(seen)] if not _is_sorted(logs) else logs
        self._check_silent_blocks(headers, {log.block_number for log in ordered})
        if len(ordered) > self._most_logs:
            self._span = max(1, self._span // 2)
        elif len(ordered) < self._most_logs // 4:
            self._span = min(256, self._span * 2)
        return ordered

    def _fetch(self, first: int, last: int) -> list[RawLog]:
        query: dict[str, Json] = {
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "address": ["0x" + address.hex() for address in self._contracts],
            "topics": [["0x" + topic.hex() for topic in FOLLOWED]],
        }
        try:
            logs = [
                parse_log(item) for item in as_list(self.client.call("eth_getLogs", query), "eth_getLogs")
            ]
        except (NodeRefused, MalformedAnswer):
            # Too many for one answer, most likely: ask for halves, down to single blocks.
            if first == last:
                raise
            self._span = max(1, self._span // 2)
            middle = (first + last) // 2
            return self._fetch(first, middle) + self._fetch(middle + 1, last)
        for log in logs:
            if log.address not in self._wanted or not first <= log.block_number <= last:
                raise MalformedAnswer("eth_getLogs", "a log is not of the range and contracts asked for")
        return logs

    def _check_silent_blocks(self, headers: Sequence[Header], spoken: set[int]) -> None:
        for header in headers:
            if header.number not in spoken and self.may_hold_logs(header):
                found = self._followed(self._proven_receipts(header))
                if found:
                    raise TransientChainError(f"block {header.number}: the node left out {len(found)} logs")

    def may_hold_logs(self, header: Header) -> bool:
        """Return whether the header's bloom (committed to by its hash) admits a log of our contracts."""
        start = _list_prefix(header.raw) + _BLOOM_OFFSET
        bloom = int.from_bytes(header.raw[start : start + 256], "big")
        return any(bloom & bits == bits for bits in self._bits)

    def verify_receipts(self, header: Header, logs: Sequence[RawLog]) -> None:
        """Check that ``logs`` are exactly the followed logs of the block.

        1. The trie of the block's receipts has the header's receipts root.
        2. The followed logs in them equal ``logs``.

        Raises:
            TransientChainError: a log is missing or the node gave receipts of another block.
            FatalChainError: the block's receipts contradict its header.
        """
        found = self._followed(self._proven_receipts(header))
        if found != list(logs):
            raise TransientChainError(
                f"block {header.number}: the node served {len(logs)} logs, its receipts hold {len(found)}"
            )

    def _proven_receipts(self, header: Header) -> list[Receipt]:
        receipts = self.client.block_receipts(header.number)
        if any(receipt.block_hash != header.hash for receipt in receipts):
            raise TransientChainError(f"block {header.number}: the node gave receipts of another block")
        got = receipts_root(receipts)
        if got != header.receipts_root:
            raise FatalChainError(
                f"block {header.number}: receipts give {got.hex()}, header has {header.receipts_root.hex()}"
            )
        return receipts

    def _followed(self, receipts: Sequence[Receipt]) -> list[RawLog]:
        return [
            log
            for receipt in receipts
            for log in receipt.logs
            if log.address in self._wanted and log.topics and log.topics[0] in self._topics
        ]


def receipts_root(receipts: Sequence[Receipt]) -> bytes:
    """Return the root of the receipt trie of a block's receipts, in transaction order."""
    return Trie(
        {format_rlp(format_number(at)): encode_receipt(item) for at, item in enumerate(receipts)}
    ).root


def check_links(headers: Sequence[Header]) -> None:
    """Check that each header's parent is the one before. Raises TransientChainError naming the height."""
    for parent, header in pairwise(headers):
        if header.parent_hash != parent.hash:
            raise TransientChainError(f"block {header.number}: the node changed its chain while it was read")


def _is_sorted(logs: Sequence[RawLog]) -> bool:
    last = (-1, -1)
    for log in logs:
        here = (log.block_number, log.log_index)
        if here <= last:
            return False
        last = here
    return True


def _bloom_bits(value: bytes) -> int:
    """Return the three bits a logs bloom has set for ``value`` (Ethereum yellow paper, section 4.3.1)."""
    digest = keccak256(value)
    bits = 0
    for start in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") & 2047)
    return bits


def _list_prefix(raw: bytes) -> int:
    """Return the length of an RLP list's own prefix. Requires a list of 56 bytes or more, as headers are."""
    return 1 + raw[0] - 0xF7
