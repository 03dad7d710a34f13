"""The demo from end to end, small: every step, its checks, and what it says when one fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import demo
from scripts.retail.offline import VerifierFailure
from scripts.retail.service import ServiceError

CHECKS = {
    *("odd cases", "baskets", "balances are the supply", "an unapproved reversal", "proof files verify"),
    *("flipped bits are refused", "mirror rebuilds equal"),
}


def test_a_small_story_holds_from_end_to_end(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "scripts.demo", "--data", str(tmp_path / "demo"), "--json"]
    done = subprocess.run(
        [*argv, "--baskets", "300", "--sample", "5"],
        cwd=demo.ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["ok"], result["failure"]) == (True, "")
    assert result["checks"] == dict.fromkeys(CHECKS, True)


@pytest.mark.parametrize(
    "error",
    [
        demo.StoryFailed("balances are the supply: 1 is not 2"),
        VerifierFailure("the verifier ended with 9"),
        ServiceError("the gateway did not start", Path("nowhere.log")),
        RuntimeError("tongyi import printed no totals"),
    ],
)
def test_a_step_that_fails_ends_the_story_with_one_sentence(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(demo, "tell_story", fail)
    assert demo.main(["--data", str(tmp_path / "demo"), "--json"]) == 1
    shown = capsys.readouterr()
    result = json.loads(shown.out.splitlines()[-1])
    assert (result["ok"], result["failure"]) == (False, str(error))
    assert "Traceback" not in shown.out + shown.err and str(error).splitlines()[0] in shown.out
