"""From the words of a person to a verification that is kept: what to run, where, and the record."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from peewee import Database

from provenance_kernel.errors import DatabaseUnavailable, NotebookError
from provenance_kernel.headless import notebook as files
from provenance_kernel.records import Finding, Verification, new_id, utc_now
from provenance_kernel.store import reruns
from provenance_kernel.store.database import locate, sqlite_path
from provenance_kernel.store.store import Store
from provenance_kernel.trials.query.naming import find_trial, open_database
from provenance_kernel.verify.notebook import verify_file
from provenance_kernel.verify.report import Report
from provenance_kernel.verify.reruns.folder import Scratch
from provenance_kernel.verify.reruns.rerun import Place, beside
from provenance_kernel.verify.trial import verify_trial
from provenance_kernel.verify.work import Options, Progress, Work


def silent(*_: object) -> None:
    """Tell nothing of progress."""


def verify(
    named: str,
    target: str | None,
    folder: Path,
    options: Options,
    progress: Progress = silent,
    write: Path | None = None,
) -> Report:
    """Run a trial, or a notebook, again; keep and return what came of it.

    `named` is a trial or the path of a notebook, whose last trial is meant if it has one. `target`
    is the path or URL of the record, or None where it is to be looked for, from `folder` or the
    notebook upward; what is found of a notebook that has none is not kept. `write` is where to
    write a notebook in the order that gave its outputs, if that is not its own.
    Raises `NotebookError` where nothing can be run, and `TrialNotFound`.
    """
    path = Path(named)
    if path.suffix != ".ipynb":
        database = open_database(target, folder)
        try:
            return _of_trial(database, named, target or str(locate(folder)), options, progress)
        finally:
            database.close()
    if not path.exists():
        raise NotebookError(f"{named}: there is no such notebook")
    where = target or str(locate(path.absolute().parent))
    try:
        database = open_database(where, path.absolute().parent)
    except DatabaseUnavailable:
        return _of_file(path.absolute(), None, options, progress, write)
    try:
        trial = reruns.latest_of(database, str(path.absolute()))
        if trial is not None:
            return _of_trial(database, trial.id, where, options, progress)
    finally:
        database.close()
    return _of_file(path.absolute(), where, options, progress, write)


def _of_trial(
    database: Database, named: str, target: str, options: Options, progress: Progress
) -> Report:
    trial = find_trial(database, named)
    report, records = verify_trial(database, trial, options, progress)
    _keep(target, report, trial.id, records, options)
    return report


def _of_file(
    path: Path, target: str | None, options: Options, progress: Progress, write: Path | None
) -> Report:
    document = files.read(path)
    project = locate(path.parent).parent.parent
    record = None if target is None else sqlite_path(target)
    place = Place(
        project, path, None, beside(project), options.network, options.timeout, record=record
    )
    with Scratch() as scratch:
        work = Work(options, scratch, place, progress)
        order = None
        try:
            order = verify_file(work, document, path)
        except KeyboardInterrupt:
            work.interrupted()
        report = work.report(None, str(path))
    if order is not None and write is not None:
        by_id = {cell.get("id"): cell for cell in document.cells}
        cells = [by_id[step.cell_id] for step in order.steps if step.cell_id in by_id]
        prose = [cell for cell in document.cells if cell not in cells]
        document.cells = [*prose, *cells]
        files.write(document, write)
    if target is not None and work.reruns:
        records = [each for made in work.reruns for each in made.records]
        _keep(target, report, work.reruns[0].history.trial.id, records, options)
    return report


def _keep(target: str, report: Report, trial: str, records: list[object], options: Options) -> None:
    verification = Verification(new_id(), trial, report.verdict, asdict(options), utc_now())
    findings = [
        Finding(
            id=new_id(),
            verification_id=verification.id,
            cell_run_id=each.cell_run_id,
            stage=each.stage,
            name=each.name,
            verdict=each.verdict,
            cause=each.cause,
            evidence=each.evidence,
            detail=each.detail,
        )
        for each in report.findings
    ]
    try:
        store = Store(target)
        try:
            store.put([*records, verification, *findings])
        finally:
            store.close()
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(f"verified ({report.verdict}), but not kept: {error}") from error
