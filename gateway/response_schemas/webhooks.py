"""Answers about webhooks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.response_schemas.base import Answer, Count, Time
from gateway.schemas import ChapterName, Code

WebhookName = Annotated[str, StringConstraints(pattern=r"^whk_[0-9a-f]{16}$")]
Secret = Annotated[str, StringConstraints(pattern=r"^whsec_[A-Za-z0-9+/]{43}=$")]
Seq = Annotated[int, Field(ge=1)]


class Webhook(Answer):
    """One subscription: where it is in its stream, and how its last attempt went.

    ``chapter`` null is every chapter. ``reason`` says why it is disabled (``gone``: the receiver answered
    410; ``key_ended``). Events up to ``delivered_seq`` were acknowledged; ``next_seq`` is sent next.
    ``failure`` names what went wrong at the last attempt, null while all goes well.
    """

    id: WebhookName
    url: str
    chapter: ChapterName | None
    stream: str
    created_at: Time
    state: Literal["active", "disabled"]
    reason: Literal["gone", "key_ended"] | None
    next_seq: Seq
    delivered_seq: Count
    attempts: Count
    next_attempt_at: Time | None
    failure: Code | None
    failure_status: Count | None
    dead_letters: Count


class WebhookMade(Webhook):
    """A new subscription; its secret is shown this once."""

    secret: Secret


class WebhookList(Answer):
    """The subscriptions this key sees."""

    webhooks: list[Webhook]


class SecretMade(Answer):
    """A new secret, shown this once; the one before it signs as well for a day."""

    id: WebhookName
    secret: Secret


class DeadLetter(Answer):
    """An event the receiver did not take in all attempts; ``replaying`` while it is sent again."""

    seq: Seq
    state: Literal["dead", "replaying"]
    failure: Code
    failure_status: Count | None
    attempts: Count
    at: Time


class DeadLetterPage(Answer):
    """Dead letters by sequence; ``next`` is the cursor of the next page, null at the end."""

    dead_letters: list[DeadLetter]
    next: Count | None
