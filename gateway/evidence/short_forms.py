"""A record's place in the log in the two short forms others read: C2SP ``.tlog-proof`` and COSE receipt.

Both show the record's leaf under an anchored checkpoint, and nothing of the entry, of its private fields or
of the chain. That is the bundle's checkpoint, but for a COSE receipt of a record from before a rotation of
the log's key: a root is signed anew for it, and the key of the bundle's size is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chain.checkpoint import parse_checkpoint_text, parse_vkey
from chain.cose_receipt import MEDIA_TYPE as COSE_MEDIA_TYPE
from chain.cose_receipt import build_cose_receipt
from chain.evidence.bundle import MEDIA_TYPE, LogEvidence
from chain.evidence.case import checkpoint_text
from chain.proof_file import TlogProof, format_tlog_proof
from gateway.errors import Refusal
from gateway.evidence.records import Record

TLOG_MEDIA_TYPE = "text/plain; charset=utf-8"
"""A ``.tlog-proof`` is text; C2SP registers no type of its own for it."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a form is sent: its media type and how its files are named."""

    media_type: str
    ending: str


FORMS = {
    "bundle": Form(MEDIA_TYPE, "tongyi.json"),
    "tlog-proof": Form(TLOG_MEDIA_TYPE, "tlog-proof"),
    "cose": Form(COSE_MEDIA_TYPE, "cose"),
}
"""By the names of ``?form=``."""


class LogPlaces(Protocol):
    """What is needed of the bundles' assembler."""

    def log_evidence(self, record: Record, least: int = 0) -> LogEvidence:
        """Return the record's place in the tree of the first anchor that covers it, of ``least`` or more."""
        ...


class ShortForms:
    """Writes both forms; ``sign_root`` signs a published (size, root) with the key of ``vkey``.

    That key signs no size below ``own_from``, where its range begins: nobody's key range would take it.
    """

    def __init__(
        self, places: LogPlaces, vkey: str, own_from: int, sign_root: Callable[[int, bytes], bytes]
    ) -> None:
        self._places = places
        self._public_key = parse_vkey(vkey).public_key
        self._own_from = own_from
        self._sign_root = sign_root

    def write(self, record: Record, form: str) -> bytes:
        """Return the file of a form other than ``bundle``.

        Raises:
            Refusal: ``proof.pending`` until an anchor covers the record; ``proof.key_replaced`` for a COSE
                receipt while no anchor does that the log's present key signs for.
        """
        log = self._places.log_evidence(record)
        if form == "tlog-proof":
            # The extra line carries the leaf, so that the file can be verified on its own.
            return format_tlog_proof(TlogProof(log.index, log.path or (), log.checkpoint.encode(), log.leaf))
        if log.size < self._own_from:
            log = self._under_own_key(record)
        # Signed anew for each reader, which gives the same bytes: Ed25519 draws nothing at random. The root
        # is a published checkpoint's, so nothing is signed that the log has not signed before.
        root = parse_checkpoint_text(checkpoint_text(log.checkpoint)).root
        signature = self._sign_root(log.size, root)
        return build_cose_receipt(
            log.origin, self._public_key, (log.index, log.size), log.path or (), log.leaf, signature
        )

    def _under_own_key(self, record: Record) -> LogEvidence:
        """Return the place of an older record in the first anchored tree that the present key signs for."""
        try:
            return self._places.log_evidence(record, self._own_from)
        except Refusal as refusal:
            if refusal.code != "proof.pending":
                raise
            raise Refusal("proof.key_replaced", size=self._own_from) from None
