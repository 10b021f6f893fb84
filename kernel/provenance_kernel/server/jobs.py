"""Verifications under way: each in a process of its own, with its progress and its end."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from provenance_kernel.errors import SettingError
from provenance_kernel.records import new_id, utc_now

# So many run at a time, and of so many that have ended the reports are kept.
MOST = 2
_KEPT = 50
# How long one that is cancelled has to put away its kernel and say what it knows.
_GRACE_SECONDS = 30.0
_LONGEST_LINE = 2**28


class Job:
    """A verification: `state` is `running`, then `finished`, `cancelled` or `failed`."""

    def __init__(self, path: Path, trial: str, options: dict[str, Any]) -> None:
        self.path = path
        self.told: dict[str, Any] = {
            "id": new_id(),
            "trial": trial,
            "options": options,
            "started_at": utc_now().isoformat(),
            "state": "running",
            "progress": None,
            "report": None,
            "message": None,
        }
        self._process: Process | None = None
        self._cancelled = False
        self._changed = asyncio.Event()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return bool(self.told["state"] == "running")

    async def run(self) -> None:
        """Verify in another process, and take what it tells."""
        try:
            words = [str(self.path), self.told["trial"], json.dumps(self.told["options"])]
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "provenance_kernel.server.verifying", *words),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                limit=_LONGEST_LINE,
                start_new_session=True,
            )
            if self._cancelled:
                self._interrupt()
            assert self._process.stdout is not None
            async for line in self._process.stdout:
                self._tell(json.loads(line))
            await self._process.wait()
        except (OSError, ValueError) as error:
            self._tell({"message": f"it could not be verified: {error}"})
        finally:
            self._end()

    def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        ended = "finished" if self.told["report"] else "failed"
        state = "cancelled" if self._cancelled else ended
        if state == "failed" and not self.told["message"]:
            self.told["message"] = "it ended without a report"
        self._tell({"state": state, "progress": None})

    def _tell(self, news: dict[str, Any]) -> None:
        self.told |= news
        # Who waits on the former event wakes, and those who come wait on the next.
        self._changed.set()
        self._changed = asyncio.Event()

    async def cancel(self) -> None:
        """Interrupt it, and wait until it has put away what it made; else kill it."""
        self._cancelled = True
        self._interrupt()
        await self._wait(_GRACE_SECONDS)
        if self.running and self._process is not None:
            self._process.kill()
            await self._wait(_GRACE_SECONDS)

    async def _wait(self, seconds: float) -> None:
        """Wait until it has ended, but no longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for _ in self.news():
                    pass

    def _interrupt(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def news(self) -> AsyncIterator[dict[str, Any]]:
        """Give what is known, now and each time it changes, until it has ended."""
        while True:
            changed = self._changed
            yield dict(self.told)
            if not self.running:
                return
            await changed.wait()


class Jobs:
    """The server's verifications, by their ids."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, path: Path, trial: str, options: dict[str, Any]) -> Job:
        """Start one; raise `SettingError` where as many run as may."""
        running = [each for each in self._jobs.values() if each.running]
        if len(running) >= MOST:
            raise SettingError(f"{len(running)} verifications are under way: wait, or cancel one")
        for each in [each for each in self._jobs.values() if not each.running][: -_KEPT or None]:
            del self._jobs[each.told["id"]]
        job = Job(path, trial, options)
        self._jobs[job.told["id"]] = job
        task = asyncio.get_running_loop().create_task(job.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def of(self, path: Path) -> list[Job]:
        """Return those of a database, the latest first."""
        return [each for each in reversed(self._jobs.values()) if each.path == path]

    def find(self, path: Path, id: str) -> Job:
        """Return one of a database; raise `LookupError`."""
        job = self._jobs[id]
        if job.path != path:
            raise LookupError(id)
        return job
