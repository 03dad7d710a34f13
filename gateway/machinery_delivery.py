"""The parts of delivery built on a ground, as `machinery` builds the others: nothing here starts anything."""

from __future__ import annotations

import secrets
import time

from gateway.delivery.courier import Courier
from gateway.delivery.egress import Egress, SystemResolver
from gateway.delivery.event_log import EventLog, Subject
from gateway.delivery.queue import DeliveryQueue
from gateway.delivery.secrets_store import SecretsStore
from gateway.delivery.subscriptions import Subscriptions
from gateway.delivery.targets import parse_rules
from gateway.delivery.teller import Teller
from gateway.ground import Ground, clock_text
from gateway.ledger.vault import Vault


def told_subject(ground: Ground) -> Subject:
    """Return whose outcomes are told."""
    return Subject(ground.identity.origin, ground.log_id, ground.chain_id, ground.depth)


def build_teller(ground: Ground) -> Teller:
    """Return what numbers outcomes as they become final."""
    return Teller(ground.database, told_subject(ground), clock_text)


def build_subscriptions(ground: Ground, vault: Vault) -> Subscriptions:
    """Return the webhooks of this gateway."""
    settings = ground.settings
    return Subscriptions(
        ground.database, EventLog(ground.database, told_subject(ground)),
        SecretsStore(vault, secrets.token_bytes),
        parse_rules(settings.webhook_ports, settings.webhook_egress),
        limit=settings.webhooks_per_key, entropy=secrets.token_bytes, now=time.time,
    )  # fmt: skip


def build_delivery_queue(ground: Ground, vault: Vault) -> DeliveryQueue:
    """Return what is to be delivered, and where it is stored what became of it."""
    return DeliveryQueue(
        ground.database, EventLog(ground.database, told_subject(ground)),
        SecretsStore(vault, secrets.token_bytes),
        chain_id=ground.chain_id, attempts=ground.settings.webhook_attempts,
        now=time.time, chance=secrets.SystemRandom().random,
    )  # fmt: skip


def build_courier(ground: Ground, vault: Vault) -> Courier:
    """Return what sends to receivers."""
    settings = ground.settings
    rules = parse_rules(settings.webhook_ports, settings.webhook_egress)

    resolver = SystemResolver()

    def open_way() -> Egress:
        return Egress(rules, resolver, timeout=settings.webhook_timeout)

    return Courier(build_delivery_queue(ground, vault), open_way, time.time)
