"""Vectors for signed checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.base64_text import decode_base64, encode_base64
from chain.canonical import JsonValue
from chain.checkpoint import (
    KeyKind,
    cosign,
    cosignature_line,
    format_checkpoint,
    format_vkey,
    open_checkpoint,
    sign_note,
)
from chain.errors import NotaryError
from chain.hashing import hash_leaf
from chain.merkle.tree import Tree

Case = dict[str, JsonValue]
VectorFile = dict[str, JsonValue]

ORIGIN = "log.vectors.example/3101"
_WITNESS = "witness.vectors.example/w1"
_TIME = 1_795_000_000
_EM_DASH = "\u2014"


def _key(label: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(label.encode()).digest())


LOG_KEY, _WITNESS_KEY, _OTHER_KEY = _key("log"), _key("witness"), _key("other")
LOG_VKEY = format_vkey(ORIGIN, LOG_KEY.public_key())
WITNESS_VKEY = format_vkey(_WITNESS, _WITNESS_KEY.public_key(), KeyKind.COSIGNER)
OTHER_VKEY = format_vkey(ORIGIN, _OTHER_KEY.public_key())

LEAVES = [b"\x01" + bytes([number]) * 64 for number in range(11)]
TREE = Tree(hash_leaf(leaf) for leaf in LEAVES)
_TEXT = format_checkpoint(ORIGIN, TREE.size, TREE.root())
NOTE = sign_note(_TEXT, ORIGIN, LOG_KEY).decode()
COSIGNED = cosign(NOTE.encode(), _WITNESS, _WITNESS_KEY, _TIME).decode()


def build_note_vectors() -> Iterator[tuple[str, VectorFile]]:
    """Yield (path below tests/vectors, file) of ``checkpoint``."""
    yield "checkpoint/sound-checkpoints.json", _checkpoints("Checkpoints that open.", *_sound_notes())
    for name, what, cases in _broken_notes():
        yield f"checkpoint/{name}.json", _broken_checkpoints(what, *cases)
    for name, what, reason, cases in _lax_notes():
        lax: VectorFile = {"go": "accepts", "go_reason": reason}
        yield f"checkpoint/{name}.json", {**_broken_checkpoints(what, *cases), **lax}


def _signed(text: str, key: Ed25519PrivateKey = LOG_KEY, name: str = ORIGIN) -> str:
    """A note over any text at all, even one ``sign_note`` would refuse; the signature is sound."""
    line = sign_note("x\n", name, key).decode().split("\n")[2]
    key_id = decode_base64(line.rsplit(" ", 1)[1], "line")[:4]
    return f"{text}\n{_EM_DASH} {name} {encode_base64(key_id + key.sign(text.encode()))}\n"


def _case(note: str, *vkeys: str) -> Case:
    return {"note": note, "vkeys": list(vkeys or (LOG_VKEY,))}


def _checkpoints(what: str, *cases: Case) -> VectorFile:
    opened: list[JsonValue] = []
    for case in cases:
        checkpoint = open_checkpoint(_note_bytes(case), list_vkeys(case))
        size, root = int(checkpoint.size), checkpoint.root.hex()
        opened.append({**case, "origin": checkpoint.origin, "size": size, "root": root})
    return {"what": what, "valid": True, "cases": opened}


def _broken_checkpoints(what: str, *cases: Case) -> VectorFile:
    for case in cases:
        try:
            open_checkpoint(_note_bytes(case), list_vkeys(case))
        except NotaryError:
            continue
        raise AssertionError(f"opens: {what}")
    return {"what": what, "valid": False, "cases": list(cases)}


def _note_bytes(case: Case) -> bytes:
    return bytes.fromhex(str(case["note_hex"])) if "note_hex" in case else str(case["note"]).encode()


def list_vkeys(case: Case) -> list[str]:
    """The keys a case's verifier has."""
    vkeys = case["vkeys"]
    return [str(vkey) for vkey in vkeys] if isinstance(vkeys, list) else []


def _sound_notes() -> Iterator[Case]:
    yield _case(NOTE)
    yield _case(NOTE, OTHER_VKEY, LOG_VKEY)
    yield _case(COSIGNED)
    yield _case(COSIGNED, LOG_VKEY, WITNESS_VKEY)
    yield _case(sign_note(format_checkpoint(ORIGIN, 0, TREE.root(0)), ORIGIN, LOG_KEY).decode())
    yield _case(sign_note(format_checkpoint(ORIGIN, 2**53 - 1, bytes(32)), ORIGIN, LOG_KEY).decode())
    many = "".join(
        cosignature_line(_TEXT, f"witness.vectors.example/{number}", _OTHER_KEY, _TIME)
        for number in range(16)
    )
    yield _case(NOTE + many)
    # A signature of an unknown type under the known name is an unknown key.
    yield _case(NOTE + f"{_EM_DASH} {ORIGIN} {encode_base64(bytes(200))}\n")


def _text(origin: str, size: str, root: str) -> str:
    return f"{origin}\n{size}\n{root}\n"


def _broken_notes() -> Iterator[tuple[str, str, list[Case]]]:
    size, root = str(TREE.size), encode_base64(TREE.root())
    body, _, lines = NOTE.rpartition("\n\n")
    encoded = lines.rstrip("\n").rsplit(" ", 1)[1]
    raw = decode_base64(encoded, "line")
    yield "unknown-key", "No known key signed it.", [_case(NOTE, OTHER_VKEY), _case(NOTE, WITNESS_VKEY)]
    yield (
        "changed-text",
        "The text is not the one that was signed.",
        [_case(NOTE.replace(f"\n{size}\n", f"\n{number}\n", 1)) for number in (10, 12, 0)]
        + [_case(NOTE.replace(ORIGIN, ORIGIN + "1", 1)), _case(" " + NOTE)],
    )
    flipped = [raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :] for place in (4, 20, 36, 60, 67)]
    yield (
        "changed-signature",
        "One bit of the known key's signature is flipped.",
        [_case(NOTE.replace(encoded, encode_base64(item))) for item in flipped],
    )
    yield (
        "changed-key-id",
        "The signature names another key id.",
        [_case(NOTE.replace(encoded, encode_base64(bytes([raw[0] ^ 1]) + raw[1:])))],
    )
    yield (
        "wrong-length-signature",
        "The signature is not 64 bytes.",
        [_case(NOTE.replace(encoded, encode_base64(item))) for item in (raw[:-1], raw + b"\0", raw[:5])],
    )
    yield (
        "false-cosignature",
        "A known witness's cosignature does not hold.",
        [
            _case(NOTE + cosignature_line(other, _WITNESS, _WITNESS_KEY, _TIME), LOG_VKEY, WITNESS_VKEY)
            for other in (
                format_checkpoint(ORIGIN, 10, TREE.root(10)),
                format_checkpoint("b", 1, bytes(32)),
            )
        ]
        + [_case(_retimed(), LOG_VKEY, WITNESS_VKEY)],
    )
    yield (
        "only-a-witness",
        "Only a witness signed, not the log.",
        [_case(_only_witness(), LOG_VKEY, WITNESS_VKEY)],
    )
    yield (
        "other-origin",
        "The key that signed is not its origin's.",
        [_case(_signed(_text(name, size, root))) for name in ("log.vectors.example/3102", "x", ORIGIN + "/")],
    )
    yield (
        "malformed-size",
        "The size is not a plain decimal.",
        [
            _case(_signed(_text(ORIGIN, wrong, root)))
            for wrong in ("", "011", "+11", "-1", "11 ", "1e1", "0x0b", "11.0", "9223372036854775808", "１１")
        ],
    )
    short, long = encode_base64(bytes(31)), encode_base64(bytes(33))
    yield (
        "malformed-root",
        "The root is not canonical base64 of 32 bytes.",
        [
            _case(_signed(_text(ORIGIN, size, wrong)))
            for wrong in (
                "",
                short,
                long,
                root[:-1],
                root + "=",
                TREE.root().hex(),
                root.replace(root[0], "-", 1),
            )
        ],
    )
    yield (
        "wrong-lines",
        "The text is not exactly three lines.",
        [
            _case(_signed(wrong))
            for wrong in (
                f"{ORIGIN}\n{size}\n",
                f"{ORIGIN}\n",
                f"\n{_TEXT}",
                f"{_TEXT}\n",
                f"{_TEXT}extension\n",
                f"{ORIGIN}\n\n{size}\n{root}\n",
            )
        ],
    )
    yield (
        "malformed-note",
        "The note's own form is broken.",
        [
            _case(wrong)
            for wrong in (
                "",
                "\n",
                _TEXT,
                _TEXT + "\n",
                NOTE[:-1],
                NOTE.replace(f"\n\n{_EM_DASH}", f"\n{_EM_DASH}"),
                NOTE.replace(_EM_DASH, "-"),
                NOTE.replace(f"{_EM_DASH} ", _EM_DASH),
                body + "\n\n" + lines + "\n",
                NOTE + "trailing\n",
                NOTE.replace(" " + encoded, ""),
                NOTE.replace(" " + encoded, "  " + encoded),
                NOTE.replace("\n", "\r\n"),
                NOTE.replace(f"{_EM_DASH} {ORIGIN}", f"{_EM_DASH} a+b"),
            )
        ]
        + [
            _case(_signed("a\tb\n")),
            _case(_signed("a\0b\n")),
            {"note_hex": "ff" + NOTE.encode().hex(), "vkeys": [LOG_VKEY]},
        ],
    )
    crowd = f"{_EM_DASH} a {encode_base64(bytes(70))}\n" * 101
    yield "too-many-signatures", "More than 100 signature lines.", [_case(NOTE + crowd)]
    wrong_id = LOG_VKEY.replace("+", "+0", 1).replace(LOG_VKEY.split("+")[1], LOG_VKEY.split("+")[1][:-1], 1)
    yield (
        "malformed-vkey",
        "A known key's own text is broken.",
        [
            _case(NOTE, wrong)
            for wrong in (
                "",
                "a",
                "a+b",
                wrong_id,
                LOG_VKEY[:-4],
                LOG_VKEY + "AAAA",
                LOG_VKEY.replace("+", "-"),
            )
        ],
    )


def _retimed() -> str:
    """The witness's signature under another time than the one it covers."""
    line = cosignature_line(_TEXT, _WITNESS, _WITNESS_KEY, _TIME)
    raw = decode_base64(line.rstrip("\n").rsplit(" ", 1)[1], "line")
    moved = raw[:4] + (_TIME + 1).to_bytes(8, "big") + raw[12:]
    return f"{NOTE}{_EM_DASH} {_WITNESS} {encode_base64(moved)}\n"


def _only_witness() -> str:
    return f"{_TEXT}\n{cosignature_line(_TEXT, _WITNESS, _WITNESS_KEY, _TIME)}"


def _lax_notes() -> Iterator[tuple[str, str, str, list[Case]]]:
    line = NOTE.rpartition("\n\n")[2]
    encoded = line.rstrip("\n").rsplit(" ", 1)[1]
    # 68 bytes leave one padding character and two unused bits in the last letter.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    untidy = encoded[:-2] + alphabet[alphabet.index(encoded[-2]) | 1] + "="
    yield (
        "untidy-base64",
        "Unused bits of the signature's base64 are set.",
        "sumdb/note decodes base64 without its strict mode",
        [_case(NOTE.replace(encoded, untidy))],
    )
    raw = bytearray(decode_base64(encoded, "line"))
    raw[40] ^= 1
    yield (
        "second-signature-false",
        "A known key signed twice and its second signature does not hold.",
        "sumdb/note looks at a key's first signature only",
        [_case(NOTE + line.replace(encoded, encode_base64(bytes(raw))))],
    )
