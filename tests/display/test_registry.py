"""Each type of answer has its line in the registry."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from provenance_kernel.display.registry import VIEWS
from provenance_kernel.trials import answer


def test_each_type_of_answer_has_its_line() -> None:
    # By its name, as the package has a function that is called so.
    verify = import_module("provenance_kernel.verify")
    packages = (str(answer.__package__), str(verify.__package__))
    for package, path in zip(packages, (answer.__file__, verify.__file__), strict=True):
        for module in walk_packages([str(Path(str(path)).parent)], f"{package}."):
            import_module(module.name)
    types = [
        each for each in answer.Answer.__subclasses__() if each.__module__.startswith(packages)
    ]
    assert sorted(VIEWS) == sorted(each.__name__ for each in types)
