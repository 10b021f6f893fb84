"""The notebooks that another program's arguments name."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance_kernel.capture.parent import notebooks_in


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("python /bin/jupyter-nbconvert --to notebook --execute a.ipynb", "a.ipynb"),
        ("jupyter nbconvert --to notebook --execute a.ipynb --output b.ipynb", "a.ipynb"),
        ("jupyter nbconvert --execute --inplace a.ipynb sub/c.ipynb", "a.ipynb sub/c.ipynb"),
        ("/bin/python3 /bin/papermill a.ipynb b.ipynb -p lr 0.7", "a.ipynb"),
        ("python -m papermill sub/c.ipynb out.ipynb", "sub/c.ipynb"),
        ("python /bin/jupyter-execute a.ipynb", "a.ipynb"),
        ("python /bin/jupyter-execute a.ipynb b.ipynb a.ipynb", "a.ipynb b.ipynb"),
        ("python /bin/jupyter-execute a.ipynb gone.ipynb", "a.ipynb"),
        ("python /bin/papermill gone.ipynb b.ipynb", ""),
        ("python /bin/jupyter-lab a.ipynb", ""),
        ("pytest tests/a.ipynb", ""),
        ("", ""),
    ],
)
def test_the_notebooks_that_are_run(tmp_path: Path, arguments: str, names: str) -> None:
    (tmp_path / "sub").mkdir()
    for each in ("a.ipynb", "b.ipynb", "sub/c.ipynb"):
        (tmp_path / each).touch()
    found = notebooks_in(arguments.split(), str(tmp_path))
    assert found == tuple(str(tmp_path / name) for name in names.split())
