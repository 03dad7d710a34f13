"""The table of who finds what: every table of the schema is in it, and says what its row needs."""

from __future__ import annotations

from gateway.schema import full_metadata
from scripts.faults.parts import Campaign
from scripts.faults.tamper_sql import Change
from scripts.faults.tamper_table import TABLES, Guard
from scripts.faults.tampers import list_jobs
from scripts.faults.world import DATABASES


def test_every_table_has_a_row_and_every_row_a_table() -> None:
    assert set(TABLES) == set(full_metadata().tables)


def test_a_table_that_nobody_guards_says_why_that_is_harmless() -> None:
    assert [name for name, one in TABLES.items() if (one.guard is Guard.NONE) != bool(one.why)] == []


def test_columns_that_nobody_looks_at_are_columns_and_say_why() -> None:
    tables = full_metadata().tables
    for name, watched in TABLES.items():
        assert set(watched.free) <= {column.name for column in tables[name].columns}, name
        assert all(watched.free.values())


def test_the_long_form_does_everything_to_every_guarded_table_on_both_databases() -> None:
    seeds = {job.seed for job in list_jobs(Campaign("s", short=False, cycles=1))}
    for name, watched in TABLES.items():
        for change in Change:
            for kind in DATABASES:
                seed = f"s-tamper-{name}-{change}-{kind}"
                want = {
                    Guard.NONE: set[str](),
                    Guard.FSCK: {seed},
                }.get(watched.guard, {f"{seed}-running", f"{seed}-stopped"})
                assert want <= seeds and {one for one in seeds if one.startswith(seed)} == want
    assert len(seeds) == len(list_jobs(Campaign("s", short=False, cycles=1)))


def test_the_short_form_does_one_thing_to_each_of_them() -> None:
    jobs = list_jobs(Campaign("s", short=True, cycles=1))
    for name, watched in TABLES.items():
        count = len(
            [job for job in jobs if any(f"-tamper-{name}-{change}-" in job.seed for change in Change)]
        )
        assert count == {Guard.NONE: 0, Guard.FSCK: 1}.get(watched.guard, 2), name
