"""One spelling for every byte string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.base64_text import decode_base64, decode_base64url, encode_base64, encode_base64url
from chain.errors import FormatError


@given(st.binary(max_size=70))
def test_round_trips(data: bytes) -> None:
    assert decode_base64(encode_base64(data), "x") == data
    assert decode_base64url(encode_base64url(data), "x") == data


# RFC 4648 section 10.
@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foobar", "Zm9vYmFy")]
)
def test_published_values(data: bytes, text: str) -> None:
    assert (encode_base64(data), encode_base64url(data)) == (text, text.rstrip("="))


@pytest.mark.parametrize(
    "text", ["Zg", "Zg=", "Zh==", "Zg==\n", " Zg==", "Zg==Zg==", "Z_==", "é", "====", "Zg===="]
)
def test_other_spellings(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode_base64(text, "here")
    assert caught.value.where == "here"


@pytest.mark.parametrize("text", ["Zg==", "Zh", "Zg\n", "+/", "é", "Z", "=", "A==="])
def test_other_url_safe_spellings(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode_base64url(text, "here")
    assert caught.value.where == "here"
