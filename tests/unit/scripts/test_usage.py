"""``--help`` of the entry points answers on a machine where nothing is installed, and names every option."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.bench import GROUPS
from scripts.checks import list_checks

SCRIPTS = Path(__file__).parents[3] / "scripts"
ENTRY_POINTS = {
    "demo": "demo.py",
    "test": "checks.py",
    "bench": "bench.py",
    "chapter_year": "chapter_year.py",
    "consortium": "consortium.py",
    "torture": "faults/torture.py",
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the shell files of the entry points and nothing else."""
    folder = tmp_path / "clone" / "scripts"
    folder.mkdir(parents=True)
    for name in (*ENTRY_POINTS, "usage.sh", "find_python.sh"):
        shutil.copy(SCRIPTS / name, folder)
    return folder.parent


def run(clone: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run an entry point where no Python can be found."""
    tools = clone.parent / "bin"
    tools.mkdir(exist_ok=True)
    for tool in ("bash", "dirname", "cat", "env"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).unlink(missing_ok=True)
        (tools / tool).symlink_to(found)
    return subprocess.run(
        [str(clone / "scripts" / name), *options],
        env={"PATH": str(tools), "HOME": str(clone.parent / "home")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("name", ENTRY_POINTS)
@pytest.mark.parametrize("options", [["--help"], ["-h"], ["--json", "--help"]])
def test_help_is_given_without_installing_anything(clone: Path, name: str, options: list[str]) -> None:
    before = sorted(clone.parent.rglob("*"))
    done = run(clone, name, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: ./scripts/{name} ")
    assert len(CHINESE.findall(done.stdout)) > 40
    assert [path for path in sorted(clone.parent.rglob("*")) if "bin" not in path.parts] == before


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_help_names_the_options_there_are(clone: Path, name: str) -> None:
    text = run(clone, name, "--help").stdout
    source = (SCRIPTS / ENTRY_POINTS[name]).read_text()
    wanted = set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', source))
    assert wanted and set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", text, re.MULTILINE)) == wanted | {"--help"}
    assert max(len(line) for line in text.splitlines()) <= 118


@pytest.mark.parametrize(
    ("name", "choices"), [("test", [check.name for check in list_checks()]), ("bench", list(GROUPS))]
)
def test_help_names_what_can_be_chosen(clone: Path, name: str, choices: list[str]) -> None:
    text = run(clone, name, "--help").stdout
    shown = re.search(r"--only.*\n +\(([^)]*)\)", text)
    assert shown is not None
    assert [one.strip(' "\n') for one in re.sub(r"\s+", " ", shown[1]).split(",")] == choices


def test_without_help_it_goes_on_to_look_for_python(clone: Path) -> None:
    done = run(clone, "demo")
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr and "Usage" not in done.stdout
