"""Asking one witness: one request of C2SP tlog-witness, judged to the last byte before any of it is kept.

A witness is trusted with nothing: what it says is bounded in size and time, and only a cosignature by its
pinned key over exactly our text counts. Whatever else it does is a trouble with a name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from chain.checkpoint import open_note, parse_vkey, select_signatures
from chain.errors import FormatError, NotaryError, VerificationError
from chain.hashing import sha256
from gateway.witness.requests import format_request

MAX_ANSWER = 64 * 1024
"""Bytes read of an answer at most."""
SIZE_TYPE = "text/x.tlog.size"
_MOST_DIGITS = 19

Proofs = Callable[[int, int], Sequence[bytes]]
"""Gives the consistency proof between two sizes of our tree."""


class WitnessTrouble(NotaryError):
    """A witness gave no cosignature. ``reason`` is one of a few fixed words, ``size`` what it claims to hold.

    ``unreachable``, ``too_slow``, ``too_large``, ``malformed``, ``no_cosignature``, ``bad_cosignature``,
    ``ahead`` (of this log, with ``size``), ``other_root`` (it holds another history), ``unknown_log``,
    ``refused_<status>``.
    """

    def __init__(self, witness: str, reason: str, *, size: int | None = None) -> None:
        super().__init__(f"witness {witness}: {reason}" + ("" if size is None else f" (size {size})"))
        self.witness = witness
        self.reason = reason
        self.size = size


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's line on a checkpoint, verified: newline included, ``at`` in Unix seconds."""

    witness: str
    key_id: bytes
    line: str
    at: int


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    kind: str
    body: bytes


class WitnessClient:
    """One witness as this log sees it. Not for several threads at once."""

    def __init__(self, vkey: str, url: str, *, deadline: float = 3.0) -> None:
        """``url`` is its submission prefix, ``deadline`` the seconds one answer may take in all."""
        key = parse_vkey(vkey)
        self.vkey = vkey
        self.name = key.name
        self._key_id = key.key_id
        self._url = url.rstrip("/")
        self._deadline = deadline
        self._known = 0
        self._http = httpx2.Client(timeout=deadline, trust_env=False, follow_redirects=False)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def cosign(self, note: bytes, size: int, proofs: Proofs) -> Cosignature:
        """Return its cosignature on our checkpoint ``note`` of ``size``.

        Asks from the size it is known to hold; where it says that it holds another (409), once more from
        that.

        Raises WitnessTrouble.
        """
        for _ in range(2):
            # Ours grew from what it held, by the proof; the same size needs none.
            proof = proofs(self._known, size) if 0 < self._known < size else ()
            answer = self._ask("POST", "/add-checkpoint", format_request(self._known, proof, note))
            if answer.status == 200:
                cosignature = self._read(note, answer.body)
                self._known = size
                return cosignature
            if answer.status != 409:
                raise self._refused(answer)
            # By the first edition of the specification, a 409 for another root of the same size has no size.
            held = size if self._known == size and answer.kind != SIZE_TYPE else self._read_size(answer)
            if held > size:
                raise WitnessTrouble(self.name, "ahead", size=held)
            if held == self._known == size:
                raise WitnessTrouble(self.name, "other_root", size=size)
            if held == self._known:
                break
            self._known = held
        raise WitnessTrouble(self.name, "refused_409")

    def last_checkpoint(self, origin: str) -> bytes | None:
        """Return the checkpoint of a log it shows as its last, None where it shows none.

        The note is as it came: whoever uses it opens it. Raises WitnessTrouble.
        """
        answer = self._ask("GET", f"/{sha256(origin.encode()).hex()}/checkpoint", b"")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._refused(answer)
        return answer.body

    def _refused(self, answer: _Answer) -> WitnessTrouble:
        if answer.status == 422:
            # Our proof is right, so what it holds is not a beginning of our tree.
            return WitnessTrouble(self.name, "other_root", size=self._known)
        return WitnessTrouble(
            self.name, "unknown_log" if answer.status == 404 else f"refused_{answer.status}"
        )

    def _ask(self, method: str, path: str, body: bytes) -> _Answer:
        until = time.monotonic() + self._deadline
        with self._named_trouble():
            headers = {"content-type": "text/plain; charset=utf-8", "accept-encoding": "identity"}
            with self._http.stream(method, self._url + path, content=body, headers=headers) as answer:
                parts = bytearray()
                for part in answer.iter_raw():
                    parts += part
                    if len(parts) > MAX_ANSWER:
                        raise WitnessTrouble(self.name, "too_large")
                    if time.monotonic() > until:
                        raise WitnessTrouble(self.name, "too_slow")
                kind = answer.headers.get("content-type", "")
                return _Answer(answer.status_code, kind.partition(";")[0].strip(), bytes(parts))

    @contextmanager
    def _named_trouble(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TimeoutException:
            raise WitnessTrouble(self.name, "too_slow") from None
        except httpx2.DecodingError:
            raise WitnessTrouble(self.name, "malformed") from None
        except (httpx2.HTTPError, httpx2.InvalidURL):
            raise WitnessTrouble(self.name, "unreachable") from None

    def _read_size(self, answer: _Answer) -> int:
        digits = answer.body.removesuffix(b"\n")
        sound = digits.isdigit() and len(digits) <= _MOST_DIGITS and (digits == b"0" or digits[:1] != b"0")
        if answer.kind != SIZE_TYPE or not sound or digits == answer.body:
            raise WitnessTrouble(self.name, "malformed")
        return int(digits)

    def _read(self, note: bytes, body: bytes) -> Cosignature:
        """Return the first line by its key; lines by others say nothing, as they are not pinned."""
        text = note.rpartition(b"\n\n")[0] + b"\n\n"
        if not body.endswith(b"\n"):
            raise WitnessTrouble(self.name, "malformed")
        try:
            mine = select_signatures(text + body, [self.vkey])
        except FormatError as error:
            reason = "malformed" if error.reason != "none of these keys signed it" else "no_cosignature"
            raise WitnessTrouble(self.name, reason) from None
        try:
            (signature,) = open_note(mine, [self.vkey]).signatures
        except (VerificationError, FormatError):
            raise WitnessTrouble(self.name, "bad_cosignature") from None
        line = mine[len(text) :].partition(b"\n")[0].decode() + "\n"
        return Cosignature(self.name, self._key_id, line, signature.timestamp or 0)
