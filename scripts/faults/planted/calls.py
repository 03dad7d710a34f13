"""What a gateway asked of the system, in order, as strace saw it: was all flushed that was promised?

No power is cut: an acknowledgement needs a flush of the database's log since the one before, when requests
come one at a time, and a file of the log's needs a flush of its bytes before it gets its name.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TRACED = "fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto,sendmsg"
_ATTACHED_WITHIN = 10.0
_FLUSHED = re.compile(r"f(?:data)?sync\((\d+)<(?P<path>[^>]*)>")
_NAMED = re.compile(r'rename(?:at2?)?\([^"]*"(?P<old>[^"]*)"')
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_ACKNOWLEDGED = re.compile(r'(?:write|writev|sendto|sendmsg)\(.*"HTTP/1\.1 201 ')


@contextmanager
def traced(pid: int, record: Path) -> Iterator[None]:
    """Have the calls of a process and its threads written to a file while the block runs."""
    command = ["strace", "-f", "-y", "-s", "64", "-e", f"trace={_TRACED}", "-o", str(record), "-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None  # noqa: S101
        said = tracer.stderr.readline()
        if "attached" not in said:
            raise OSError(f"strace: {said.strip()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        try:
            tracer.wait(_ATTACHED_WITHIN)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.wait()
        # What was traced last is written as the tracer ends.
        time.sleep(0.05)


def read_calls(text: str) -> Iterator[str]:
    """Return calls in the order in which they ended; one that began on another line is put together."""
    begun: dict[str, str] = {}
    for line in text.splitlines():
        thread, _, call = line.strip().partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>")
            if _ACKNOWLEDGED.search(call):
                # Its bytes may be on their way as soon as it begins.
                yield begun[thread]
        elif _RESUMED.match(call):
            whole = begun.pop(thread, "")
            if not _ACKNOWLEDGED.search(whole):
                yield whole + call
        else:
            yield call


def judge_calls(text: str, database: str, log: str) -> tuple[list[str], int, int]:
    """Return what was promised before it was on disk; how many answers and how many files were seen.

    ``database`` is its write-ahead log's path, ``log`` the folder of the log's files.
    """
    failures: list[str] = []
    flushed: set[str] = set()
    is_flushed, answers, files = True, 0, 0
    for call in read_calls(text):
        if (found := _FLUSHED.search(call)) is not None and call.rstrip().endswith("= 0"):
            flushed.add(found["path"])
            is_flushed = is_flushed or found["path"] == database
        elif (named := _NAMED.search(call)) is not None and named["old"].startswith(log):
            files += 1
            if named["old"] not in flushed:
                failures.append(f"O9 flushed: {Path(named['old']).name} got its name before its bytes")
            flushed.discard(named["old"])
        elif _ACKNOWLEDGED.search(call):
            answers += 1
            if not is_flushed and answers > 1:
                failures.append(f"O1 flushed: answer {answers} was given before its commit was on disk")
            is_flushed = False
    return failures, answers, files
