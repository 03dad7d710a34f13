"""An operator who owns database, log key, tiles and one validator: what catches him, and what does not.

Each attack is made with real parts, and what was seen is compared with the table in README.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.malicious.attacks import ATTACKS
from tests.malicious.forgery import sealed_root
from tests.malicious.scene import SEALED, Scene, running_scene
from tests.malicious.table import NOBODY, format_rows, read_table


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with running_scene(tmp_path_factory.mktemp("malicious")) as played:
        (played.kept / SEALED).write_bytes(sealed_root(played))
        yield played


@pytest.mark.parametrize("attack", list(ATTACKS))
def test_an_attack_is_caught_as_the_table_says(scene: Scene, attack: str) -> None:
    seen = ATTACKS[attack](scene)
    assert seen == read_table().get(attack), f"\n{format_rows(attack, seen)}"


def test_the_table_is_of_these_attacks_and_somebody_catches_each() -> None:
    table = read_table()
    assert list(table) == list(ATTACKS)
    for attack, rows in table.items():
        assert any(row.by != NOBODY for row in rows), attack
