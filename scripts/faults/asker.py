"""Asks a gateway a few things in turn, each until it is answered, for steps that few requests reach."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.faults.client import PAUSE, Connection, Target

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One request: ``path`` and ``body`` from the answers so far; ``ends`` are codes that answer it, too.

    ``by`` names the earlier answer whose ``secret`` is the caller's, the campaign's own key where None.
    """

    method: str
    path: Callable[[Sequence[Answer]], str]
    body: Callable[[Sequence[Answer]], Mapping[str, object]] | None = None
    ends: frozenset[str] = frozenset()
    by: int | None = None


class Asker:
    """A thread that asks; `join` gives what is wrong. Each question has an idempotency key of its own."""

    def __init__(self, target: Target, name: str, questions: Sequence[Question]) -> None:
        self._target = target
        self._name = name
        self._questions = questions
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: list[Answer] = []
        """Of each question answered, with its ``status``."""
        self.failures: list[str] = []

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def join(self, timeout: float) -> list[str]:
        """Wait until all is answered; return what no client should have been answered."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            return [*self.failures, f"O10 question {len(self.answers)} has no answer"]
        return self.failures

    def close(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _run(self) -> None:
        for number, question in enumerate(self._questions):
            while not self._ended.is_set() and not self._ask(question, f"{self._name}-{number}"):
                time.sleep(PAUSE)
            if self._ended.is_set() or self.failures:
                return

    def _ask(self, question: Question, key: str) -> bool:
        """Ask once; return whether that was the answer."""
        target = self._target
        if question.by is not None:
            target = Target(str(self.answers[question.by]["secret"]), target.port)
        connection = Connection(target)
        body = None if question.body is None else question.body(self.answers)
        try:
            status, content = connection.ask(question.method, question.path(self.answers), body, key)
            answer: Answer = json.loads(content) if content else {}
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        code = str(answer.get("code"))
        if status < 300 or code in question.ends:
            self.answers.append({**answer, "status": status})
            return True
        if status >= 500 and (status not in (503, 507) or not answer.get("code")):
            self.failures.append(f"O10 answer: {status} {code}")
            return True
        if status >= 500 or status == 429 or answer.get("retryable"):
            return False
        self.failures.append(f"O10 answer: {question.method} {question.path(self.answers)}: {status} {code}")
        return True
