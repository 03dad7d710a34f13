"""Companions that ask the gateway for something beside the load: subscriptions with a receiver, proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scripts.faults.asker import Answer, Asker, Question
from scripts.faults.client import Target
from scripts.faults.drives import Companion, wait_for
from scripts.faults.failpoint_cases import Point
from scripts.faults.receiver import Receiver, find_unsent
from scripts.faults.world import Case

ANSWERED_WITHIN = 30.0


def _webhook(answers: Sequence[Answer]) -> str:
    """Return the path of the webhook that the first answer is about."""
    made = answers[0]
    return f"/v1/webhooks/{made.get('id') or made['webhook']}"


class Subscribed(Companion):
    """A webhook hears of all events from the first on; each must come, in order, or again as the same."""

    def __init__(self, case: Case, point: Point) -> None:
        super().__init__(case, point)
        self._receiver = Receiver(refused=int(point.name == "delivery.failed"))
        case.settings["TONGYI_WEBHOOK_PORTS"] = f"443,http:{self._receiver.port}"
        case.settings["TONGYI_WEBHOOK_EGRESS"] = "127.0.0.1/32"
        self._asker: Asker | None = None

    def questions(self) -> list[Question]:
        """Return what is asked, the subscription first."""
        body = {"url": self._receiver.url, "from": 1}
        made = frozenset({"webhook.made_already"})
        start = {"from": 1}
        more: Mapping[str, Question] = {
            "webhook.delete": Question("DELETE", _webhook, ends=frozenset({"webhook.unknown"})),
            "webhook.rotate": Question("POST", lambda all_: _webhook(all_) + "/secret", lambda _: {}),
            "webhook.replay": Question("POST", lambda all_: _webhook(all_) + "/replay", lambda _: start),
        }
        first = Question("POST", lambda _: "/v1/webhooks", lambda _: body, made)
        return [first, more[self.point.name]] if self.point.name in more else [first]

    def start(self, target: object) -> None:
        """Listen and ask."""
        assert isinstance(target, Target)  # noqa: S101
        self._receiver.start()
        self._asker = Asker(target, f"{self.point.seed}-asked", self.questions())
        self._asker.start()

    def finish(self) -> list[str]:
        """Wait until all is asked and all is delivered."""
        assert self._asker is not None  # noqa: S101
        return self._asker.join(ANSWERED_WITHIN) or wait_for(self._is_over, "is not delivered")

    def _is_over(self) -> bool:
        rows = self.stored.rows("SELECT state, next_seq FROM webhooks")
        return len(rows) > 0 and all(
            state == "deleted" or (state == "active" and following == self._last() + 1)
            for state, following in rows
        )

    def _last(self) -> int:
        return int(self.stored.one("SELECT count(*) FROM told_events"))

    def verify(self) -> list[str]:
        """One subscription, all events, and as many secrets as were given."""
        states = [state for (state,) in self.stored.rows("SELECT state FROM webhooks")]
        want = ["deleted" if self.point.name == "webhook.delete" else "active"]
        failures = [] if states == want else [f"O2 webhooks: {states}, not {want}"]
        if want == ["active"]:
            failures += [
                f"O3 delivery: {what}" for what in find_unsent(self._receiver.messages, 1, self._last())
            ]
        given = {"webhook.rotate": 2 + self.point.is_done}.get(self.point.name, 1)
        if (count := self.stored.one("SELECT count(*) FROM webhook_secrets")) != given:
            failures.append(f"O2 secrets: {count}, not {given}")
        return failures

    def close(self) -> None:
        """Ask and listen no more."""
        if self._asker is not None:
            self._asker.close()
        self._receiver.close()


class KeyEnded(Subscribed):
    """The key of a webhook is revoked: the subscription ends with it."""

    def questions(self) -> list[Question]:
        """Make a key, subscribe by it, end it, and have something happen."""
        accounts = self.case.state.accounts
        key = {"name": "listener", "scopes": ["events:read"]}
        issue = {"chapter": accounts.chapter, "to": accounts.pool, "amount": "10"}
        return [
            Question("POST", lambda _: "/v1/keys", lambda _: key),
            Question("POST", lambda _: "/v1/webhooks", lambda _: {"url": self._receiver.url}, by=0),
            Question("DELETE", lambda all_: f"/v1/keys/{all_[0]['id']}"),
            Question("POST", lambda _: "/v1/credits/issue", lambda _: issue),
        ]

    def _is_over(self) -> bool:
        return self.stored.rows("SELECT state, reason FROM webhooks") == [("disabled", "key_ended")]

    def verify(self) -> list[str]:
        """It is there, and ended."""
        return [] if self._is_over() else ["O8 webhook: does not end with its key"]


class Proposed(Companion):
    """A reversal is proposed for officers to approve: one proposal a key, the same each time it is asked."""

    _asker: Asker | None = None

    def start(self, target: object) -> None:
        """Transfer, and propose to take it back."""
        assert isinstance(target, Target)  # noqa: S101
        accounts = self.case.state.accounts
        one, other = accounts.members[:2]
        gift = {"chapter": accounts.chapter, "amount": "10", "from": one, "to": other}
        back = {"chapter": accounts.chapter, "amount": "10", "from": other, "to": one}
        questions = [
            Question("POST", lambda _: "/v1/credits/transfer", lambda _: gift),
            Question(
                "POST",
                lambda _: "/v1/credits/reverse/proposals",
                lambda answers: {**back, "ref": answers[0]["leaf_hash"]},
            ),
        ]
        self._asker = Asker(target, f"{self.point.seed}-asked", questions)
        self._asker.start()

    def finish(self) -> list[str]:
        """Wait for the answers."""
        assert self._asker is not None  # noqa: S101
        return self._asker.join(ANSWERED_WITHIN)

    def verify(self) -> list[str]:
        """What was answered is what is stored, once."""
        assert self._asker is not None  # noqa: S101
        told = [(answer["id"],) for answer in self._asker.answers[1:]]
        stored = self.stored.rows("SELECT id FROM credit_proposals")
        return [] if stored == told else [f"O2 proposals: {stored} are stored, told was {told}"]

    def close(self) -> None:
        """Ask no more."""
        if self._asker is not None:
            self._asker.close()
