"""The ledger names the last run that bound or mutated what a run read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from provenance_kernel.dataflow import Ledger


def test_last_writer_wins() -> None:
    ledger = Ledger()
    assert ledger.observe("one", reads=(), writes=("x",)) == ()
    ledger.observe("two", reads=(), writes=("x",))
    assert ledger.observe("three", reads=("x",), writes=()) == (("two", "x"),)


def test_a_run_that_reads_and_writes_depends_on_the_one_before_not_on_itself() -> None:
    ledger = Ledger()
    ledger.observe("one", reads=(), writes=("x",))
    assert ledger.observe("two", reads=("x",), writes=("x",)) == (("one", "x"),)
    assert ledger.observe("three", reads=("x",), writes=("x",)) == (("two", "x"),)


def test_deleted_names_have_no_source() -> None:
    ledger = Ledger()
    ledger.observe("one", reads=(), writes=("x",))
    ledger.observe("two", reads=(), writes=(), deletes=("x",))
    assert ledger.writer("x") is None
    assert ledger.observe("three", reads=("x",), writes=()) == ()


def test_mutation_reads_what_it_changes() -> None:
    ledger = Ledger()
    ledger.observe("one", reads=(), writes=("x",))
    assert ledger.observe("two", reads=(), writes=(), mutates=("x",)) == (("one", "x"),)
    assert ledger.observe("three", reads=("x",), writes=()) == (("two", "x"),)


def test_pairs_are_sorted_by_variable() -> None:
    ledger = Ledger()
    ledger.observe("one", reads=(), writes=("c", "a", "b"))
    pairs = ledger.observe("two", reads=("b", "c", "a"), writes=())
    assert pairs == (("one", "a"), ("one", "b"), ("one", "c"))


def test_history_of_outputs() -> None:
    ledger = Ledger()
    ledger.observe("one", reads=(), writes=(), execution_count=1, has_output=True)
    ledger.observe("two", reads=(), writes=(), execution_count=2)
    ledger.observe("three", reads=(), writes=(), execution_count=3, has_output=True)
    ledger.observe("silent", reads=(), writes=())
    pairs = ledger.observe(
        "four", reads=("_", "__", "___", "_1", "_2", "Out[3]", "_oh[1]", "Out[-1]"), writes=()
    )
    assert {name: run for run, name in pairs if name != "Out[-1]"} == {
        "_": "three",
        "__": "one",
        "_1": "one",
        "Out[3]": "three",
        "_oh[1]": "one",
    }
    assert [run for run, name in pairs if name == "Out[-1]"] == ["one", "three"]


def test_history_of_inputs() -> None:
    ledger = Ledger()
    for count, run in enumerate(("one", "two", "three", "four"), start=1):
        ledger.observe(run, reads=(), writes=(), execution_count=count)
    pairs = ledger.observe("five", reads=("_i", "_iii", "_i1", "In[2]", "_ih[9]"), writes=())
    assert {name: run for run, name in pairs} == {
        "_i": "four",
        "_iii": "two",
        "_i1": "one",
        "In[2]": "two",
    }
    assert len(ledger.observe("six", reads=("In",), writes=())) == 4


def test_a_name_that_the_user_bound_is_not_the_shells() -> None:
    ledger = Ledger()
    ledger.observe("one", reads=(), writes=(), execution_count=1, has_output=True)
    ledger.observe("two", reads=(), writes=("_", "_1"), execution_count=2)
    assert ledger.observe("three", reads=("_", "_1"), writes=()) == (("two", "_"), ("two", "_1"))
    ledger.observe("four", reads=(), writes=(), deletes=("_",))
    assert ledger.observe("five", reads=("_",), writes=()) == (("one", "_"),)


def test_unknown_names_have_no_source() -> None:
    assert (
        Ledger().observe("one", reads=("x", "_", "__", "_7", "In[3]", "_x", "O"), writes=()) == ()
    )


def test_subshells_may_end_at_the_same_time() -> None:
    ledger = Ledger()
    ledger.observe("start", reads=(), writes=[f"x{thread}" for thread in range(4)])

    def chain(thread: int) -> list[str]:
        name = f"x{thread}"
        found = []
        for turn in range(500):
            ((source, _),) = ledger.observe(f"{thread}.{turn}", reads=(name,), writes=(name,))
            found.append(source)
        return found

    with ThreadPoolExecutor(4) as pool:
        for thread, found in enumerate(pool.map(chain, range(4))):
            assert found == ["start", *(f"{thread}.{turn}" for turn in range(499))]


def test_what_may_have_changed_unseen_is_supposed_until_the_value_is_another() -> None:
    ledger = Ledger()
    assert ledger.suppose("one", reads=("x",), ends=("x",), changes=()) == ()
    assert ledger.suppose("two", reads=("x",), ends=(), changes=("x",)) == ()
    assert ledger.suppose("three", reads=("y", "x"), ends=(), changes=("x",)) == (("two", "x"),)
    assert ledger.suppose("four", reads=("x",), ends=("x",), changes=()) == (("three", "x"),)
    assert ledger.suppose("five", reads=("x",), ends=(), changes=()) == ()
