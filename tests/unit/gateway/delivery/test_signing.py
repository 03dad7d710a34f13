"""Signatures by the standard's own example and by another hand's library; the pauses between attempts."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from gateway.delivery.schedule import PAUSES, pause_after
from gateway.delivery.signing import format_secret, message_id, sign_message

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'


def test_the_standards_own_example() -> None:
    secret = base64.b64decode(SECRET.removeprefix("whsec_"))
    headers = sign_message([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, BODY)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("count", [1, 2])
def test_every_secret_signs(count: int) -> None:
    secrets = [bytes([number]) * 32 for number in range(count)]
    now = datetime.now(UTC)
    headers = sign_message(secrets, "m", int(now.timestamp()), BODY)
    for secret in secrets:
        assert Webhook(format_secret(secret)).verify(BODY, headers) == {"test": 2432232314}
    assert len(headers["webhook-signature"].split(" ")) == count


def test_a_message_is_named_by_subscription_and_number() -> None:
    assert message_id("whk_0011223344556677", 12) == "msg_0011223344556677_12"


def test_pauses_grow_as_the_standard_suggests_and_are_shaken_by_a_fifth() -> None:
    assert [pause_after(attempt, 0.5) for attempt in range(1, 12)] == pytest.approx(
        [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400, 86_400]
    )
    for attempt, pause in enumerate(PAUSES, 1):
        assert pause_after(attempt, 0.0) == pytest.approx(0.8 * pause)
        assert pause_after(attempt, 0.999) < 1.2 * pause
