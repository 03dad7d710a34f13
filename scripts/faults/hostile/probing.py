"""Two chapters: what one has, and what a caller of the other is told when it asks for it.

Each probe is a pair of requests that differ in one name alone: one that the other chapter has, one that
nobody
has. Status, headers and body must be the same, but for the name itself.
"""

from __future__ import annotations

import json
import random
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.faults.hostile.exchange import Answer
from scripts.faults.hostile.stage import Caller, compose

OURS, THEIRS = "3101-0007", "3102-0044"
SCOPES = (
    "entries:write", "entries:read", "credits:write", "credits:approve", "members:write", "members:read",
    "chapters:write", "accounts:read", "events:read", "cases:decide", "regulator:read", "admin",
)  # fmt: skip
MEMBERS = 8
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Things:
    """What a chapter has, by kind of name; and a caller with every scope of it."""

    chapter: str
    names: Mapping[str, Sequence[str]]
    secret: str


def furnish(platform: Caller, chapter: str, pool: str, port: int) -> Things:
    """Give a chapter of a filled pool members, a sale, keys and a webhook. Raises NoAnswer where refused."""
    key = platform.made("/v1/keys", {"name": "all", "scopes": SCOPES, "chapter": chapter})
    caller = Caller(port, key["secret"])
    accounts = [platform.made("/v1/members", {"chapter": chapter})["account"] for _ in range(MEMBERS)]
    merchant = platform.made("/v1/members", {"chapter": chapter, "kind": "merchant"})["account"]
    entries, sales = [], []
    for number, account in enumerate(accounts):
        gift = {"kind": "transfer", "from": pool, "to": account, "amount": str(100 + number)}
        body: dict[str, object] = {"type": "credit.transferred", "chapter": chapter, "op": gift}
        entries.append(caller.made("/v1/entries", body)["id"])
        sale = {"merchant": merchant, "amount": "1000", "receipt": secrets.token_hex(32)}
        body = {"type": "sale.recorded", "chapter": chapter, "subjects": [account], "public": sale}
        sales.append(caller.made("/v1/entries", body)["id"])
    other = caller.made("/v1/keys", {"name": "other", "scopes": ["events:read"], "chapter": chapter})
    hooks = [caller.made("/v1/webhooks", {"url": "https://receiver.example/"})["id"]]
    caller.close()
    return Things(
        chapter,
        {
            "account": [*accounts, merchant, pool],
            "entry": [*entries, *sales],
            "sale": sales,
            "chapter": [chapter],
            "key": [key["id"], other["id"]],
            "webhook": hooks,
        },
        key["secret"],
    )


def draw_absent(kind: str, chance: random.Random) -> str:
    """Return a name of a kind that nothing has."""
    if kind == "account":
        return f"acct_{chance.getrandbits(160):040x}"
    if kind == "chapter":
        return f"{chance.randint(4000, 9999)}-{chance.randint(0, 9999):04d}"
    if kind in ("key", "webhook"):
        return f"{'key' if kind == 'key' else 'whk'}_{chance.getrandbits(64):016x}"
    return "01K" + "".join(chance.choices(_BASE32, k=23))


@dataclass(frozen=True, slots=True)
class Form:
    """One way to ask for a name: method, path and body with ``$name`` in the name's place."""

    kind: str
    method: str
    path: str
    body: str | None = None
    media: str = "application/json"

    def write(self, name: str, secret: str) -> bytes:
        """Return the request's bytes."""
        path = string.Template(self.path).substitute(name=name)
        if self.body is None:
            return compose(self.method, path, secret=secret)
        body = string.Template(self.body).substitute(name=name, fresh=secrets.token_hex(8)).encode()
        headers = {"idempotency-key": f'"p-{secrets.token_hex(8)}"', "content-type": self.media}
        return compose(self.method, path, body, headers, secret=secret)


def _about(kind: str, name: str, more: str = "") -> str:
    """Return the body of an entry of our own chapter that speaks of a name."""
    return json.dumps({"type": kind, "chapter": OURS}).replace("}", f", {more}" + "}").replace("@", name)


_GIFT = '"op": {"kind": "transfer", "from": "@", "to": "acct_' + "7f" * 20 + '", "amount": "1"}'
_RIGHTS = '{"may_send": true, "may_receive": true, "order": "' + "ab" * 32 + '"}'
LISTS = (
    "seats", "gates", "notices", "parameters", "referrals/meter", "referrals/tree", "complaints/overdue",
    "services/matches",
)  # fmt: skip
MONTHLY = ("awards", "equity", "figures")
FORMS: tuple[Form, ...] = (
    Form("account", "GET", "/v1/members/$name"),
    Form("account", "GET", "/v1/accounts/$name/balance"),
    Form("account", "GET", "/v1/accounts/$name/statement"),
    Form("account", "GET", "/v1/accounts/$name/proof"),
    Form("account", "GET", "/v1/core/credits/$name"),
    Form("account", "POST", "/v1/members/$name/rights", _RIGHTS),
    Form("account", "POST", "/v1/members/$name/recovery", '{"order": "' + "ab" * 32 + '"}'),
    Form("account", "POST", "/v1/entries", _about("gift.sent", "$name", _GIFT + ', "actor": "@"')),
    Form("account", "POST", "/v1/entries", _about("credit.transferred", "$name", _GIFT)),
    Form(
        "account",
        "POST",
        "/v1/credits/issue",
        '{"chapter": "' + OURS + '", "from": "$name", "to": "$name", "amount": "1"}',
    ),
    Form(
        "account",
        "POST",
        "/v1/entries",
        _about("membership.opened", "$name", '"subjects": ["@"], "public": {"kind": "ordinary"}'),
    ),
    Form("entry", "GET", "/v1/entries/$name"),
    Form("entry", "GET", "/v1/entries/$name/proof"),
    Form("entry", "GET", "/v1/entries/$name/proof?form=cose&disclose=*"),
    Form("entry", "HEAD", "/v1/entries/$name"),
    Form("entry", "POST", "/v1/entries", _about("gift.sent", "$name", '"refs": ["@"], ' + _GIFT)),
    Form(
        "entry",
        "POST",
        "/v1/entries/batch",
        _about("gift.sent", "$name", '"refs": ["@"], "idempotency_key": "$fresh"'),
        "application/x-ndjson",
    ),
    Form("entry", "GET", "/v1/credits/proposals/$name"),
    Form(
        "entry",
        "POST",
        "/v1/credits/reverse",
        '{"chapter": "' + OURS + '", "proposal": "$name", "amount": "1"}',
    ),
    Form("sale", "GET", "/v1/cases/sale/$name"),
    Form("chapter", "GET", "/v1/chapters/$name"),
    Form("chapter", "GET", "/v1/members?chapter=$name"),
    Form("chapter", "GET", "/v1/cases?kind=sale&chapter=$name"),
    Form("account", "GET", "/v1/cases?kind=sale&holder=$name"),
    *(Form("chapter", "GET", f"/v1/{name}?chapter=$name") for name in LISTS),
    *(Form("chapter", "GET", f"/v1/{name}?month=2026-11&chapter=$name") for name in MONTHLY),
    Form("chapter", "POST", "/v1/chapters/$name/caps", '{"daily": "5"}'),
    Form("chapter", "POST", "/v1/chapters/$name/quotas", '{"period": 202611, "amount": "1"}'),
    Form("chapter", "POST", "/v1/members", '{"chapter": "$name"}'),
    Form("chapter", "POST", "/v1/entries", '{"type": "gift.sent", "chapter": "$name"}'),
    Form("chapter", "POST", "/v1/keys", '{"name": "n", "scopes": ["admin"], "chapter": "$name"}'),
    Form("key", "DELETE", "/v1/keys/$name?reason=retired"),
    Form("key", "POST", "/v1/keys/$name/rotate", "{}"),
    Form("webhook", "GET", "/v1/webhooks/$name"),
    Form("webhook", "DELETE", "/v1/webhooks/$name"),
    Form("webhook", "GET", "/v1/webhooks/$name/dead-letters"),
    Form("webhook", "POST", "/v1/webhooks/$name/secret", "{}"),
    Form("webhook", "POST", "/v1/webhooks/$name/replay", "{}"),
)
"""Every way to name a thing of another chapter: in the path, the query, a body, a line of a batch."""
_OWN_HEADERS = {"x-trace-id", "date"}


def told(answer: Answer, name: str) -> tuple[int, dict[str, str], str]:
    """Return what an answer says, without the name that was asked for and what no two answers share."""
    headers = {key: value.replace(name, "$name") for key, value in answer.headers.items()}
    lines = [_told_line(line) for line in answer.body.splitlines()]
    return (
        answer.status,
        {key: value for key, value in headers.items() if key not in _OWN_HEADERS},
        "\n".join(lines).replace(name, "$name"),
    )


def _told_line(line: bytes) -> str:
    try:
        document = json.loads(line)
    except ValueError:
        return line.decode("utf-8", "replace")
    if isinstance(document, dict):
        document.pop("trace_id", None)
    return json.dumps(document, sort_keys=True, ensure_ascii=False)
