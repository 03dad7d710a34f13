"""Who may ask for which route: the whole policy, said once more by hand.

A route that is not here fails the tests, and so does one whose answers differ.
"""

from __future__ import annotations

from gateway.auth import Scope

PUBLIC = None
SCOPES: dict[str, Scope | None] = {
    "page": PUBLIC,
    "livez": PUBLIC,
    "readyz": PUBLIC,
    "metrics": PUBLIC,
    "log_checkpoint": PUBLIC,
    "log_tile": PUBLIC,
    "log_vkey": PUBLIC,
    "problems_list": PUBLIC,
    "problems_get": PUBLIC,
    "anchors_list": PUBLIC,
    "status_get": PUBLIC,
    "trust_root_get": PUBLIC,
    "verify_bundle": PUBLIC,
    "accounts_balance": Scope.ACCOUNTS_READ,
    "accounts_proof": Scope.ACCOUNTS_READ,
    "accounts_statement": Scope.ACCOUNTS_READ,
    "cases_list": Scope.ENTRIES_READ,
    "cases_get": Scope.ENTRIES_READ,
    "cases_due": Scope.CASES_DECIDE,
    "seats_list": Scope.ENTRIES_READ,
    "notices_list": Scope.ENTRIES_READ,
    "awards_list": Scope.ENTRIES_READ,
    "equity_get": Scope.ENTRIES_READ,
    "gates_get": Scope.ENTRIES_READ,
    "figures_get": Scope.ENTRIES_READ,
    "complaints_overdue": Scope.ENTRIES_READ,
    "parameters_list": Scope.ENTRIES_READ,
    "referrals_meter": Scope.ENTRIES_READ,
    "referrals_tree": Scope.REGULATOR_READ,
    "core_credits": Scope.ACCOUNTS_READ,
    "core_pay": Scope.ENTRIES_WRITE,
    "core_referral": Scope.ENTRIES_WRITE,
    "services_matches": Scope.ENTRIES_READ,
    "chapters_list": Scope.MEMBERS_READ,
    "chapters_get": Scope.MEMBERS_READ,
    "chapters_open": Scope.CHAPTERS_WRITE,
    "chapters_set_cap": Scope.CHAPTERS_WRITE,
    "chapters_set_quota": Scope.CHAPTERS_WRITE,
    "proposals_get": Scope.CREDITS_APPROVE,
    "proposals_create": Scope.CREDITS_WRITE,
    "credits_create": Scope.CREDITS_WRITE,
    "entries_list": Scope.ENTRIES_READ,
    "entries_get": Scope.ENTRIES_READ,
    "entries_proof": Scope.ENTRIES_READ,
    "entries_create": Scope.ENTRIES_WRITE,
    "entries_create_batch": Scope.ENTRIES_WRITE,
    "events_list": Scope.EVENTS_READ,
    "events_stream": Scope.EVENTS_READ,
    "keys_create": Scope.ADMIN,
    "keys_list": Scope.ADMIN,
    "keys_revoke": Scope.ADMIN,
    "keys_rotate": Scope.ADMIN,
    "webhooks_create": Scope.EVENTS_READ,
    "webhooks_list": Scope.EVENTS_READ,
    "webhooks_get": Scope.EVENTS_READ,
    "webhooks_delete": Scope.EVENTS_READ,
    "webhooks_secret": Scope.EVENTS_READ,
    "webhooks_replay": Scope.EVENTS_READ,
    "webhooks_dead_letters": Scope.EVENTS_READ,
    "members_join": Scope.MEMBERS_WRITE,
    "members_list": Scope.MEMBERS_READ,
    "members_get": Scope.MEMBERS_READ,
    "members_recover": Scope.MEMBERS_WRITE,
    "members_set_rights": Scope.MEMBERS_WRITE,
    "simulation_clock": Scope.ADMIN,
}
"""Scope that each operation asks for."""

ALSO = {"proposals_get": Scope.CREDITS_WRITE}
"""A second scope that is enough."""
