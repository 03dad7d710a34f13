"""Whether settings that have a form of their own are of that form, before anything is made by them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from chain.entry_fields import ORIGIN
from chain.errors import FormatError
from gateway.delivery.targets import parse_rules
from gateway.failpoints import parse_order
from gateway.keys import ROLES
from gateway.signer_places import parse_places
from gateway.validators import parse_validators
from gateway.witness.setup import SETTING, load_policy


def check_forms(
    *,
    chain_url: str | None,
    origin: str | None,
    signers: str,
    validators: str,
    witness_policy: Path | None,
    failpoint: str | None,
    webhook_ports: str,
    webhook_egress: str,
) -> None:
    """Pass where every one of these settings can be used; the policy's file is read, nobody is asked.

    Raises FormatError whose ``where`` is the setting's variable and whose reason never quotes the value.
    """
    if chain_url is not None and not _is_address(chain_url):
        raise FormatError("TONGYI_CHAIN_URL", "not an address such as http://host:port")
    if origin is not None:
        try:
            # By the rule of the genesis entry, which will hold it.
            ORIGIN.check(origin, "TONGYI_ORIGIN")
        except FormatError:
            raise FormatError("TONGYI_ORIGIN", "not 1 to 255 letters, digits and . _ : / -") from None
    parse_places(signers, ROLES)
    parse_validators(validators)
    parse_rules(webhook_ports, webhook_egress)
    if failpoint is not None:
        parse_order(failpoint)
    if witness_policy is not None:
        try:
            load_policy(witness_policy)
        except FormatError as error:
            reason = error.reason if error.where == SETTING else f"{error.where}: {error.reason}"
            raise FormatError(SETTING, reason) from None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
