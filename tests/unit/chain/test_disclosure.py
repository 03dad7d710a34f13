"""Selective disclosure as RFC 9901 has it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.base64_text import encode_base64url
from chain.disclosure import disclosure_digest, make_disclosure, verify_disclosures
from chain.errors import FormatError, VerificationError

SALT = bytes(range(16))
NAME, ITEM = make_disclosure(SALT, "name", "Li"), make_disclosure(SALT[::-1], "items", [{"n": 1}, None])
ENTRY = {"_sd": sorted([disclosure_digest(NAME), disclosure_digest(ITEM)])}


def test_published_digest() -> None:
    # RFC 9901 section 4.2.3.
    disclosure = "WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    assert disclosure_digest(disclosure) == "uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY"


def test_bytes_of_a_disclosure() -> None:
    assert NAME == encode_base64url(b'["AAECAwQFBgcICQoLDA0ODw","name","Li"]')


values = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.lists(st.text())


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), values, max_size=4))
def test_any_subset_is_disclosed_and_nothing_else(fields: dict[str, Any]) -> None:
    made = [make_disclosure(bytes([n]) * 16, name, value) for n, (name, value) in enumerate(fields.items())]
    entry = {"_sd": [disclosure_digest(one) for one in made]}
    assert verify_disclosures(entry, made) == fields
    shown = dict(list(fields.items())[::2])
    assert verify_disclosures(entry, made[::2]) == shown


def test_what_the_entry_does_not_commit_to() -> None:
    other = make_disclosure(SALT, "name", "Han")
    for disclosures, where, reason in (
        ([other], "disclosure 0", "the entry does not commit to it"),
        ([NAME, NAME + "A"], "disclosure 1", "the entry does not commit to it"),
        ([NAME, ITEM, NAME], "disclosure 2", "given twice"),
    ):
        with pytest.raises(VerificationError) as caught:
            verify_disclosures(ENTRY, disclosures)
        assert (caught.value.step, caught.value.reason) == (where, reason)
    again = make_disclosure(bytes(16), "name", "Han")
    with pytest.raises(VerificationError) as caught:
        verify_disclosures({"_sd": [disclosure_digest(NAME), disclosure_digest(again)]}, [NAME, again])
    assert (caught.value.step, caught.value.reason) == ("disclosure 1", "its field was already disclosed")


SALT_TEXT = encode_base64url(SALT)


@pytest.mark.parametrize(
    ("disclosure", "reason"),
    [
        (NAME + "=", "base64url is not canonical"),
        (NAME + "!", "not base64url"),
        (NAME[:-1] + "\u00e9", "not base64url"),
        (5, "not base64url"),
        (encode_base64url(b"{}"), "not salt, name and value"),
        (encode_base64url(f'["{SALT_TEXT}","name"]'.encode()), "not salt, name and value"),
        (encode_base64url(b'["AAAA","name",1]'), "salt is not 16 bytes"),
        (encode_base64url(b'[1,"name",1]'), "salt is not 16 bytes"),
        (encode_base64url(f'["{SALT_TEXT}","_sd",1]'.encode()), "not a field name"),
        (encode_base64url(f'["{SALT_TEXT}","...",1]'.encode()), "not a field name"),
        (encode_base64url(f'["{SALT_TEXT}",1,1]'.encode()), "not a field name"),
        (encode_base64url(f'["{SALT_TEXT}","a",{{"secret":1,"secret":2}}]'.encode()), "not strict JSON"),
    ],
)
def test_malformed_disclosures_name_their_position_only(disclosure: Any, reason: str) -> None:
    committed = disclosure_digest(disclosure) if isinstance(disclosure, str) and disclosure.isascii() else ""
    with pytest.raises(FormatError) as caught:
        verify_disclosures({"_sd": [committed]}, [disclosure])
    assert (caught.value.where, caught.value.reason) == ("disclosure 0", reason)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("salt", "name", "where"),
    [
        (bytes(15), "a", "salt"),
        (SALT, "", "private field"),
        (SALT, "姓名", "private field"),
        (SALT, "_sd", "private field"),
    ],
)
def test_fields_that_cannot_be(salt: bytes, name: str, where: str) -> None:
    with pytest.raises(FormatError) as caught:
        make_disclosure(salt, name, 1)
    assert caught.value.where == where


def test_an_entry_without_digests() -> None:
    assert verify_disclosures({"_sd": []}, []) == {}
    with pytest.raises(FormatError) as caught:
        verify_disclosures({}, [NAME])
    assert caught.value.where == "_sd"
