"""The witness policy a gateway runs under: read once from its file, and what is built from it."""

from __future__ import annotations

from pathlib import Path

from chain.checkpoint import parse_vkey
from chain.errors import FormatError
from chain.witness_policy import WitnessPolicy, parse_policy
from gateway.witness.client import WitnessClient
from gateway.witness.collector import Collector, build_clients

SETTING = "TONGYI_WITNESS_POLICY"
DEADLINE_SECONDS = 3.0
"""How long one answer of a witness may take."""


def read_policy(path: Path | None, vkey: str) -> WitnessPolicy | None:
    """Return the policy for the log with this vkey, None where none is set.

    Raises FormatError where the file cannot be read, is malformed, lists logs and not this one, or does not
    say where each witness is asked.
    """
    if path is None:
        return None
    policy = load_policy(path)
    if policy.logs and vkey not in (log.vkey for log in policy.logs):
        raise FormatError("policy", "lists logs, and not this one by its key")
    return policy


def load_policy(path: Path) -> WitnessPolicy:
    """Return the policy of a file, for whichever log.

    Raises FormatError where the file cannot be read, is malformed, or does not say where each witness is
    asked.
    """
    try:
        policy = parse_policy(path.read_bytes())
    except OSError as error:
        raise FormatError(SETTING, f"cannot be read: {error.strerror}") from None
    names = [parse_vkey(witness.vkey).name for witness in policy.witnesses]
    if len(set(names)) != len(names):
        # A trust root counts witnesses by these names.
        raise FormatError("policy", "two witnesses' keys have one name")
    for client in _clients(policy):
        client.close()
    return policy


def witness_clients(policy: WitnessPolicy) -> list[WitnessClient]:
    """Return a new client of each witness of a policy that `read_policy` took."""
    return _clients(policy)


def build_collector(policy: WitnessPolicy | None) -> Collector | None:
    """Return the collector of cosignatures, not started; None without a policy."""
    return None if policy is None else Collector(policy, _clients(policy))


def _clients(policy: WitnessPolicy) -> list[WitnessClient]:
    return build_clients(policy, DEADLINE_SECONDS)
