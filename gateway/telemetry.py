"""What an operator sees: structured logs and Prometheus metrics. Neither ever holds a value a person gave.

Labels are route templates, codes and states, never ids (bounded label sets). One registry per application,
so that several can live in one process.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

GAUGES = {
    "mirror_lag_blocks": "Blocks between the chain's head and the mirror's",
    "outbox_oldest_seconds": "Age of the oldest transaction that is not final",
    "outbox_waiting": "Transactions that are not mined yet",
    "nonce_gap": "Nonces given out that no transaction of ours has, before others that wait for them",
    "anchor_age_seconds": "Time since the last mined anchor while newer entries wait, else 0",
    "ledger_entries": "Entries committed",
    "checkpoint_size": "Size of the published checkpoint",
    "log_witnesses_behind": "Signed entries that no quorum of witnesses has cosigned yet",
    "log_witnesses_behind_seconds": "For how long the oldest of them has waited, else 0",
    "anchored_size": "Size of the last mined anchor",
    "settled_index": "Leaves the contract has consumed",
    "mirror_unproven_blocks": "Mirrored blocks whose logs are still to be proven by their receipts",
    "settle_wait_seconds": "Time settlement has waited for an earlier entry's call by another key, else 0",
    "calls_wait_seconds": "Age of the first call that waits for operations before its entry, else 0",
    "due_recorded": "Due steps of cases this gateway's loop has recorded since it began",
    "due_refused": "Due steps the loop's last round could not record; they are tried again",
    "due_oldest_seconds": "For how long the oldest step that is not recorded has been due, else 0",
    "delivery_oldest_seconds": "Age of the oldest event an active webhook has not acknowledged, else 0",
    "delivery_failed": "Active webhooks whose last attempt failed",
    "delivery_dead_letters": "Events given up after all attempts and not taken since",
    "scrub_age_seconds": "Time since all that is signed was compared whole, -1 where another process does",
    "scrub_position": "Entries compared in the scrub's present cycle",
    "reconcile_mismatch": "Accounts whose mirrored balance differs from the chain's (must be 0)",
}
"""Domain gauges, read when scraped: name to help."""


def configure_logging(level: str) -> None:
    """Write JSON lines to standard error; exceptions carry their type and place, never their message."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def fault_place(error: BaseException) -> str:
    """Return ``module:line`` where an exception arose: enough to find the fault, without any value of it."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else "unknown"


class Telemetry:
    """One application's metrics. ``readings`` gives the domain gauges when scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._log = structlog.get_logger("gateway")
        self._seconds = Histogram(
            "tongyi_http_request_seconds",
            "Time to answer by route template, method and status",
            ("route", "method", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._refusals = Counter(
            "tongyi_refusals", "Requests refused by code", ("code",), registry=self.registry
        )
        self._faults = Counter("tongyi_faults", "Unexpected failures", registry=self.registry)
        self._gauges = {
            name: Gauge(f"tongyi_{name}", text, registry=self.registry) for name, text in GAUGES.items()
        }

    @contextmanager
    def request(self, scope: Scope, status: Callable[[], int]) -> Iterator[None]:
        """Time one request; the label is the matched route's template."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            template = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._seconds.labels(template, method, str(status())).observe(time.perf_counter() - begun)

    def refused(self, code: str) -> None:
        """Count one refusal."""
        self._refusals.labels(code).inc()

    def failed(self, trace_id: str, error: BaseException) -> None:
        """Count and log one unexpected failure under its trace id."""
        self._faults.inc()
        self._log.error("fault", trace_id=trace_id, error=type(error).__name__, place=fault_place(error))

    def database_away(self, trace_id: str, error: BaseException) -> None:
        """Log that a request got no answer from the database, which passes: no failure of the gateway."""
        self._log.warning(
            "no answer", trace_id=trace_id, error=type(error).__name__, place=fault_place(error)
        )

    def render(self, readings: dict[str, float]) -> bytes:
        """Return the exposition text with the domain gauges set to ``readings``."""
        for name, value in readings.items():
            self._gauges[name].set(value)
        return generate_latest(self.registry)


_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})
