"""A gateway as one process, or as a process for each role, for parts that kill or fail one of them."""

from __future__ import annotations

import signal
import time

from scripts.faults.client import Target
from scripts.faults.running import GatewayProcess
from scripts.faults.world import Case

SERVE = "serve"
ROLES = ("sequencer", "outbox", "anchor", "mirror", "delivery", "api")
"""Every process role, in the order in which they are started."""
LEADING_WITHIN = 40.0


class NotReady(Exception):
    """A process did not get ready."""


class Fleet:
    """Processes of one gateway on a case's data, one of which, the ``victim``, is to be killed or failed."""

    def __init__(self, case: Case, victim: str) -> None:
        """``victim`` is `SERVE` for a gateway of one process, else one of `ROLES`."""
        self._case = case
        self._names = (SERVE,) if victim == SERVE else ROLES
        self._processes: dict[str, GatewayProcess] = {}
        self.victim_name = victim
        self.fired = 0
        self.ended: list[str] = []
        """Victims that ended before they were killed, and their last words."""

    @property
    def victim(self) -> GatewayProcess:
        """The process to be killed or failed. Requires `start_victim`."""
        return self._processes[self.victim_name]

    def start(self, target: Target) -> None:
        """Start all and wait until they are ready. Raises NotReady."""
        self.start_victim()
        self.start_others()
        self.wait(target)
        self.wait_others(target)

    def start_victim(self, failpoint: str | None = None) -> None:
        """Start the victim, with a step armed where one is named; does not wait."""
        self._start(self.victim_name, failpoint)

    def start_others(self) -> None:
        """Start all but the victim; does not wait."""
        for name in self._names:
            if name != self.victim_name:
                self._start(name)

    def _start(self, name: str, failpoint: str | None = None) -> None:
        process = self._processes[name] = self._case.process(name, failpoint=failpoint, name=name)
        process.start()

    def wait(self, target: Target) -> None:
        """Wait until the victim serves or leads. Raises NotReady."""
        self._wait(self.victim_name, target)

    def wait_others(self, target: Target) -> None:
        """Wait until the others serve or lead. Raises NotReady."""
        for name in self._processes:
            if name != self.victim_name:
                self._wait(name, target)

    def _wait(self, name: str, target: Target) -> None:
        process = self._processes[name]
        deadline = time.monotonic() + LEADING_WITHIN
        while process.wait_ready() and process.exit_code is None:
            if name in (SERVE, "api"):
                target.port = process.port
                return
            if process.ready["state"] == "leading":
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        raise NotReady(f"{name} ended with {process.exit_code}: {process.log()[-600:]}")

    def note_down(self, target: Target) -> None:
        """Tell clients that nobody answers, where the victim is who answers."""
        if self.victim_name in (SERVE, "api"):
            target.port = None

    def kill_one(self, target: Target) -> None:
        """Kill the victim, and start it again without waiting."""
        self.note_down(target)
        code = self.victim.exit_code
        running = code is None
        if not running:
            self.ended.append(f"O10 {self.victim_name} had ended with {code}: {self.victim.log()[-600:]}")
        self.victim.kill()
        self.fired += running and self.victim.exit_code == -signal.SIGKILL
        self.start_victim()

    def stop(self) -> list[str]:
        """Ask all to end; return what did not end as it should."""
        order = sorted(self._processes, key=self._names.index, reverse=True)
        codes = {name: self._processes[name].stop() for name in order}
        return [f"O10 stop: {name} ended with {code}" for name, code in codes.items() if code != 0]

    def last_words(self) -> str:
        """Return the end of what each process wrote, for a failure nobody can look at any more."""
        logs = {name: process.log()[-400:] for name, process in self._processes.items()}
        return "; ".join(f"{name}: {log}" for name, log in logs.items() if log)

    def kill_all(self) -> None:
        """End whatever still runs."""
        for process in self._processes.values():
            if process.exit_code is None:
                process.kill()
