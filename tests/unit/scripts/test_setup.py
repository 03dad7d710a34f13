"""scripts/setup.py: stamps, environments and failures, without any network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts import setup


def make_step(paths: setup.Paths, ran: list[str], name: str = "node") -> setup.Step:
    product = paths.root / f"{name}.product"

    def run(log: setup.StepLog) -> None:
        ran.append(log.step)
        product.write_text("there")

    lock = paths.root / f"{name}.lock"
    if not lock.exists():
        lock.write_text("version 1")
    return setup.Step(name, "fix it so", (lock,), product, run)


@pytest.fixture
def paths(tmp_path: Path) -> setup.Paths:
    made = setup.Paths(tmp_path)
    made.state.mkdir(parents=True)
    return made


def test_a_step_runs_once_while_its_lock_file_is_unchanged(paths: setup.Paths) -> None:
    ran: list[str] = []
    step = make_step(paths, ran)
    assert [setup.run_step(paths, step, "1/1") for _ in range(3)] == [True, False, False]
    assert ran == ["node"]


def test_a_changed_lock_file_runs_the_step_again(paths: setup.Paths) -> None:
    ran: list[str] = []
    step = make_step(paths, ran)
    setup.run_step(paths, step, "1/1")
    step.needs[0].write_text("version 2")
    assert setup.run_step(paths, step, "1/1") is True
    assert ran == ["node", "node"]


def test_a_removed_product_runs_the_step_again(paths: setup.Paths) -> None:
    ran: list[str] = []
    step = make_step(paths, ran)
    setup.run_step(paths, step, "1/1")
    step.proof.unlink()
    assert setup.run_step(paths, step, "1/1") is True


def test_a_failed_step_leaves_no_stamp(paths: setup.Paths) -> None:
    def run(log: setup.StepLog) -> None:
        log.command("sh", "-c", "echo before; echo wrong >&2; exit 7")

    lock = paths.root / "go.lock"
    lock.write_text("1")
    step = setup.Step("go modules", "reach the proxy", (lock,), lock, run)
    with pytest.raises(setup.SetupError) as caught:
        setup.run_step(paths, step, "1/1")
    assert (caught.value.step, caught.value.reason) == ("go modules", "sh ended with exit code 7")
    assert caught.value.fix == "reach the proxy"
    assert caught.value.log is not None
    assert caught.value.log.read_text().splitlines()[-2:] == ["before", "wrong"]
    assert setup.is_current(paths, step) is False


def test_a_missing_program_is_named(paths: setup.Paths) -> None:
    log = setup.StepLog("contract tools", "install it", paths)
    with pytest.raises(setup.SetupError) as caught:
        log.command("./no-such-program")
    assert caught.value.reason == "./no-such-program: No such file or directory"


def test_explain_shows_step_tail_and_fix(paths: setup.Paths, capsys: pytest.CaptureFixture[str]) -> None:
    log = paths.root / "log"
    log.write_text("\n".join(f"line {n}" for n in range(40)))
    setup.explain(setup.SetupError("uv", "pip ended with exit code 1", "check the proxy", log))
    shown = capsys.readouterr().err
    assert "✗ set-up failed at: uv" in shown
    assert "what to do: check the proxy" in shown
    assert "line 39" in shown and "line 14" not in shown


def test_the_fingerprint_depends_on_name_content_and_place(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("x")
    second.write_text("x")
    prints = {
        setup.fingerprint((first,), tmp_path),
        setup.fingerprint((second,), tmp_path),
        setup.fingerprint((first, second), tmp_path),
        setup.fingerprint((first,), tmp_path.parent),
        setup.fingerprint((tmp_path / "absent",), tmp_path),
    }
    assert len(prints) == 5


def test_children_find_the_clones_tools_first(paths: setup.Paths, tmp_path: Path) -> None:
    env = setup.tool_environment(paths, {"PATH": "/usr/bin", "HOME": str(tmp_path), "PYTHONPATH": "/x"})
    assert env["PATH"] == f"{paths.venv / 'bin'}{os.pathsep}/usr/bin"
    assert env["HOME"] == str(tmp_path)
    assert "PYTHONPATH" not in env


@pytest.mark.parametrize("home", [{}, {"HOME": ""}, {"HOME": "/no/such/folder"}])
def test_without_a_home_caches_go_into_the_clone(paths: setup.Paths, home: dict[str, str]) -> None:
    env = setup.tool_environment(paths, {"PATH": "/usr/bin", **home})
    assert env["HOME"] == str(paths.root / ".tongyi" / "cache")
    assert Path(env["HOME"]).is_dir()


def test_all_profiles_install_from_lock_files_that_have_hashes() -> None:
    locks = {
        path
        for profile in setup.PROFILES
        for step in setup.list_steps(setup.Paths(setup.ROOT), profile)
        for path in step.needs
        if path.name.startswith("requirements")
    }
    assert {path.name for path in locks} == {
        "requirements-uv.txt",
        "requirements-demo.txt",
        "requirements-dev.txt",
        "requirements-go.txt",
    }
    for path in locks:
        blocks = [block for block in path.read_text().replace("\\\n", "").splitlines() if "==" in block]
        assert blocks and all("--hash=sha256:" in block for block in blocks), path.name


def test_a_demo_leaves_a_current_test_environment_alone(paths: setup.Paths) -> None:
    steps = {step.name: step for step in setup.list_steps(paths, "test")}
    packages = steps["test packages"]
    packages.proof.parent.mkdir(parents=True)
    packages.proof.write_text("home = /usr/bin")
    packages.needs[0].write_text("uv==1")
    demo = next(step for step in setup.list_steps(paths, "demo") if step.name == "demo packages")
    assert setup.covered_by_tests(paths, demo) is False
    setup.stamp_path(paths, packages).write_text(setup.fingerprint(packages.needs, paths.root))
    assert setup.covered_by_tests(paths, demo) is True


def test_a_moved_environment_is_made_again(paths: setup.Paths) -> None:
    step = setup.list_steps(paths, "demo")[0]
    assert setup.is_current(paths, step) is False
    (paths.venv / "bin").mkdir(parents=True)
    paths.tool("python").symlink_to("/usr/bin/env")
    paths.tool("pip").write_text("#!/elsewhere/.venv/bin/python\n")
    assert setup.is_current(paths, step) is False
