from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from provenance_kernel.trials.answer import Answer, plain


@dataclass(frozen=True)
class Reply(Answer):
    when: datetime
    names: tuple[str, ...]


def test_plain_is_what_json_has():
    assert plain(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01T12:00:00Z"
    assert [plain(each) for each in (None, 1, "a")] == [None, 1, "a"]
    assert plain({"a": (1, {"b": frozenset({2})})}) == {"a": [1, {"b": [2]}]}


def test_an_answer_becomes_a_dict():
    reply = Reply(datetime(2026, 3, 1, tzinfo=UTC), ("a", "b"))
    assert reply.to_dict() == {"when": "2026-03-01T00:00:00Z", "names": ["a", "b"]}


def test_without_the_display_an_answer_shows_its_fields(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Answer, "renderer", None)
    reply = Reply(datetime(2026, 3, 1), ("a",))
    assert repr(reply) == "Reply(when=datetime.datetime(2026, 3, 1, 0, 0), names=('a',))"
    assert reply._repr_mimebundle_() == {"text/plain": repr(reply)}


def test_what_is_no_record_is_no_answer():
    with pytest.raises(TypeError, match="Answer is no record"):
        Answer().to_dict()
