"""Signed notes, checkpoints and cosignatures: C2SP signed-note, tlog-checkpoint, tlog-cosignature. Pure.

Must not sign anything a caller did not pass in, and must not learn keys from what it verifies: known keys are
always an argument. Times of cosignatures are arguments too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chain.base64_text import decode_base64, encode_base64
from chain.errors import FormatError, VerificationError
from chain.hashing import HASH_SIZE, sha256
from chain.types import NodeHash, TreeSize

MAX_NOTE_SIZE = 1_000_000
MAX_SIGNATURES = 100
"""Signature lines of a note. The specification asks for at least 16; other tools stop at 100 too."""

MAX_TREE_SIZE = 2**63 - 1
MAX_TIMESTAMP = 2**63 - 1

_SEPARATOR = "\n\n"
_SIGNATURE_PREFIX = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")
_KEY_ID_HEX = re.compile(r"[0-9a-f]{8}\Z")
_KEY_ID_SIZE = 4
_ED25519_SIZE = 64
_PUBLIC_KEY_SIZE = 32


class KeyKind(IntEnum):
    """Signature types of C2SP signed-note that are known here."""

    LOG = 0x01
    COSIGNER = 0x04


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A parsed vkey. Two keys are the same key when name and ``key_id`` are."""

    name: str
    key_id: bytes
    kind: KeyKind
    public_key: bytes


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """One signature that held: by which key, and for a cosignature at which Unix second."""

    name: str
    key_id: bytes
    kind: KeyKind
    timestamp: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """The text of an opened note, final newline included, and every known key that signed it."""

    text: str
    signatures: tuple[VerifiedSignature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log said of itself. ``signatures`` are those verified when it was opened; not compared."""

    origin: str
    size: TreeSize
    root: NodeHash
    signatures: tuple[VerifiedSignature, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class _SignatureLine:
    name: str
    key_id: bytes
    signature: bytes


def format_vkey(name: str, public_key: Ed25519PublicKey, kind: KeyKind = KeyKind.LOG) -> str:
    """Return the vkey text of a public key. Inverse of :func:`parse_vkey`."""
    _check_name(name, "vkey")
    raw = public_key.public_bytes_raw()
    return f"{name}+{_key_id(name, kind, raw).hex()}+{encode_base64(bytes((kind,)) + raw)}"


def parse_vkey(vkey: str) -> VerifierKey:
    """Return the parts of ``name+hex id+base64(type || key)``. Inverse of :func:`format_vkey`.

    Splits at the first two plus signs only, because base64 may contain more.
    Raises FormatError when a part is malformed, the type is not known here, or the id does not match.
    """
    parts = vkey.split("+", 2)
    if len(parts) != 3:
        raise FormatError("vkey", "not name, id and key joined by +")
    name, key_id, encoded = parts
    _check_name(name, "vkey")
    if not _KEY_ID_HEX.match(key_id):
        raise FormatError("vkey", "id is not eight lower-case hex digits")
    key = decode_base64(encoded, "vkey")
    if len(key) != 1 + _PUBLIC_KEY_SIZE or key[0] not in (KeyKind.LOG, KeyKind.COSIGNER):
        raise FormatError("vkey", "not an Ed25519 key of type 0x01 or 0x04")
    kind = KeyKind(key[0])
    if _key_id(name, kind, key[1:]).hex() != key_id:
        raise FormatError("vkey", "id does not match name and key")
    return VerifierKey(name, bytes.fromhex(key_id), kind, key[1:])


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    """Return the note of ``text``, which must end in a newline, with one log signature (type 0x01)."""
    _check_name(name, "name")
    _check_text(text)
    return (text + "\n" + _signature_line(name, KeyKind.LOG, key, b"", text.encode())).encode()


def cosignature_line(text: str, name: str, key: Ed25519PrivateKey, timestamp: int) -> str:
    """Return the signature line a witness adds to a checkpoint's ``text`` (type 0x04), newline included.

    Requires 1 <= timestamp < 2^63, in Unix seconds. Extension lines of other logs are signed as they stand.
    """
    _check_name(name, "name")
    parse_checkpoint_text(text, extensions=True)
    if not 1 <= timestamp <= MAX_TIMESTAMP:
        raise FormatError("timestamp", "not Unix seconds from 1 to 2^63 - 1")
    stamp = timestamp.to_bytes(8, "big")
    return _signature_line(name, KeyKind.COSIGNER, key, stamp, _cosigned_message(text, timestamp))


def cosign(note: bytes, name: str, key: Ed25519PrivateKey, timestamp: int) -> bytes:
    """Return ``note`` with a cosignature line added. Does not verify the signatures already there."""
    text, _ = _split_note(note)
    return note + cosignature_line(text, name, key, timestamp).encode()


def select_signatures(note: bytes, vkeys: Sequence[str]) -> bytes:
    """Return ``note`` with only the signature lines that name one of ``vkeys``, in their order; verifies
    none.

    Raises FormatError for a malformed note or vkey, and where no line is left.
    """
    known = {(key.name, key.key_id) for key in map(parse_vkey, vkeys)}
    text, lines = _split_note(note)
    kept = [line for line in lines if (line.name, line.key_id) in known]
    if not kept:
        raise FormatError("note", "none of these keys signed it")
    signatures = (
        f"{_SIGNATURE_PREFIX}{line.name} {encode_base64(line.key_id + line.signature)}\n" for line in kept
    )
    return (text + "\n" + "".join(signatures)).encode()


def open_note(note: bytes, vkeys: Sequence[str]) -> Note:
    """Return the text of a note that at least one of ``vkeys`` signed.

    1. the note is well formed; 2. signatures of unknown keys are ignored; 3. one that names a known key (name
    and id) must hold, every time it does so, or the whole note is refused; 4. at least one known key signed.
    Of a key that signed twice the first signature counts.

    Raises FormatError for a malformed note or vkey, VerificationError for 3 and 4.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for vkey in vkeys:
        key = parse_vkey(vkey)
        if known.setdefault((key.name, key.key_id), key) != key:
            raise FormatError("vkeys", "two keys share name and id")
    text, lines = _split_note(note)
    held: dict[tuple[str, bytes], VerifiedSignature] = {}
    for line in lines:
        identity = (line.name, line.key_id)
        if identity in known:
            held.setdefault(identity, _verify_line(text, line, known[identity]))
    if not held:
        raise VerificationError("note", "no known key signed it")
    return Note(text, tuple(held.values()))


def format_checkpoint(origin: str, size: int, root: bytes) -> str:
    """Return the checkpoint text of a tree. Inverse of :func:`parse_checkpoint_text`. Raises FormatError."""
    _check_name(origin, "origin")
    if not 0 <= size <= MAX_TREE_SIZE:
        raise FormatError("size", "not 0 to 2^63 - 1")
    if len(root) != HASH_SIZE:
        raise FormatError("root", "not 32 bytes")
    return f"{origin}\n{size}\n{encode_base64(root)}\n"


def parse_checkpoint_text(text: str, *, extensions: bool = False) -> Checkpoint:
    """Return origin, size and root of a checkpoint's text. Inverse of :func:`format_checkpoint`.

    Raises FormatError on anything else than exactly these three lines: logs here have no extension lines.
    With ``extensions``, which only a witness of other logs needs, more lines may follow, none empty.
    """
    lines = text.split("\n")
    if extensions and len(lines) > 4 and "" not in lines[3:-1]:
        del lines[3:-1]
    if len(lines) != 4 or lines[3] != "":
        raise FormatError("checkpoint", "not exactly three lines")
    origin, size, root = lines[:3]
    _check_name(origin, "origin")
    if not _DECIMAL.match(size) or int(size) > MAX_TREE_SIZE:
        raise FormatError("size", "not a decimal from 0 to 2^63 - 1")
    root_hash = decode_base64(root, "root")
    if len(root_hash) != HASH_SIZE:
        raise FormatError("root", "not 32 bytes")
    return Checkpoint(origin, TreeSize(int(size)), NodeHash(root_hash))


def open_checkpoint(note: bytes, vkeys: Sequence[str]) -> Checkpoint:
    """Return the checkpoint of a note that its own log signed.

    As :func:`open_note`, and then: the text is a checkpoint, and a log key (type 0x01) whose name is the
    origin signed it. Cosignatures that held are in ``signatures``; how many are enough is the caller's
    policy.

    Raises FormatError or VerificationError.
    """
    opened = open_note(note, vkeys)
    checkpoint = parse_checkpoint_text(opened.text)
    for signature in opened.signatures:
        if signature.kind is KeyKind.LOG and signature.name == checkpoint.origin:
            return Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, opened.signatures)
    raise VerificationError("checkpoint", "no known key of its origin signed it", want=checkpoint.origin)


def _split_note(note: bytes) -> tuple[str, list[_SignatureLine]]:
    """Return text and signature lines; the last empty line is what parts them."""
    if len(note) > MAX_NOTE_SIZE:
        raise FormatError("note", f"longer than {MAX_NOTE_SIZE} bytes")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("note", "not UTF-8") from None
    text, separator, signatures = whole.rpartition(_SEPARATOR)
    if not separator or not signatures.endswith("\n"):
        raise FormatError("note", "no empty line before its signatures, or no final newline")
    _check_text(text + "\n")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise FormatError("note", f"more than {MAX_SIGNATURES} signatures")
    return text + "\n", [_parse_line(line) for line in lines]


def _parse_line(line: str) -> _SignatureLine:
    if not line.startswith(_SIGNATURE_PREFIX):
        raise FormatError("signature line", "does not start with an em dash and a space")
    name, separator, encoded = line[len(_SIGNATURE_PREFIX) :].partition(" ")
    if not separator:
        raise FormatError("signature line", "not a name and a signature")
    _check_name(name, "signature line")
    data = decode_base64(encoded, "signature line")
    if len(data) <= _KEY_ID_SIZE:
        raise FormatError("signature line", "no signature after the key id")
    return _SignatureLine(name, data[:_KEY_ID_SIZE], data[_KEY_ID_SIZE:])


def _verify_line(text: str, line: _SignatureLine, key: VerifierKey) -> VerifiedSignature:
    timestamp: int | None = None
    signature, message = line.signature, text.encode()
    if key.kind is KeyKind.COSIGNER:
        if len(signature) != 8 + _ED25519_SIZE:
            raise VerificationError("note", "cosignature has the wrong length", got=key.name)
        # Only a checkpoint can be cosigned, so a witness key says nothing about any other text.
        parse_checkpoint_text(text)
        timestamp = int.from_bytes(signature[:8], "big")
        if not 1 <= timestamp <= MAX_TIMESTAMP:
            raise VerificationError("note", "cosignature has no time", got=key.name)
        signature, message = signature[8:], _cosigned_message(text, timestamp)
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise VerificationError("note", "signature of a known key does not hold", got=key.name) from None
    return VerifiedSignature(key.name, key.key_id, key.kind, timestamp)


def _signature_line(name: str, kind: KeyKind, key: Ed25519PrivateKey, head: bytes, message: bytes) -> str:
    key_id = _key_id(name, kind, key.public_key().public_bytes_raw())
    return f"{_SIGNATURE_PREFIX}{name} {encode_base64(key_id + head + key.sign(message))}\n"


def _cosigned_message(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _key_id(name: str, kind: KeyKind, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes((kind,)) + public_key)[:_KEY_ID_SIZE]


def _check_name(name: str, where: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(letter.isspace() for letter in name):
        raise FormatError(where, "name is empty or holds a space, plus or control character")
    if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
        raise FormatError(where, "lone surrogate")


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise FormatError("note", "text does not end in a newline")
    if _CONTROL.search(text):
        raise FormatError("note", "control character")
