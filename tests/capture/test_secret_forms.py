"""Each documented form of a provider's key is hidden, whatever the key and wherever it stands."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from provenance_kernel.capture.secrets.forms import INSIDE, KEPT, LOOSE, STEADY, Form
from provenance_kernel.capture.secrets.known import Known
from provenance_kernel.capture.secrets.source import redact_source
from provenance_kernel.capture.secrets.text import redact_text

ALNUM = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF" * 3
# What these are known by stands in the middle, or behind what is no secret.
INNER = {
    "AZDO": ALNUM[:76] + "AZ" + "DO" + ALNUM[:4],
    "Q~": "abc8" + "Q~" + ALNUM[:34],
    ":AA": "1234567890" + ":A" + "A" + ALNUM[:33],
}
AFTER = {
    "AccountKey=": "AccountKey=" + ALNUM[:86] + "==",
    "SharedAccessKey=": "SharedAccessKey=" + ALNUM[:43] + "=",
    "sig=": "https://a.example.org/c?sv=2022&sig=" + ALNUM[:43] + "%3D",
    "hooks.slack.com/services/": "https://hooks.slack.com/services/T000/B000/" + ALNUM[:24],
    "discord.com/api/webhooks/": "https://discord.com/api/webhooks/1234567890/" + ALNUM[:60],
}


def keys(form: Form) -> st.SearchStrategy[str]:
    """Generate keys of a form, by its pattern without what stands around a key."""
    body = re.sub(r"\(\?(?:=|!|<=|<!)(?:[^()])*\)", "", form.body)
    body = body.replace("\\w", "A-Za-z0-9_").replace("}+", "}").replace("++", "+")
    body = re.sub(r"\{(\d+),\}", lambda found: f"{{{found[1]},{int(found[1]) + 9}}}", body)
    return st.from_regex(re.compile(re.escape(form.prefix) + body, re.ASCII), fullmatch=True)


@pytest.mark.parametrize("form", [*STEADY, *LOOSE], ids=lambda form: f"{form.name} {form.prefix}")
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_key(form: Form, data: st.DataObject) -> None:
    assert form.source
    key = data.draw(keys(form))
    # The sixteen after a separator that are letters and digits nearly always.
    if form in STEADY:
        assume(key[len(form.prefix) :][:16].isalnum())
        assume(form.name != "OpenAI" or re.search("[0-9]", key))
    for text in (key, f"'{key}'", f"refused {key}, again", f"[1, '{key}']", f"x={key}\n"):
        assert key[len(form.prefix) + 4 :] not in redact_text(text)
    assert key[len(form.prefix) + 4 :] not in redact_source(f"x = f('{key}')")


@pytest.mark.parametrize("form", INSIDE, ids=lambda form: form.name)
def test_a_key_that_is_known_by_its_inside(form: Form) -> None:
    assert redact_text(f"a '{INNER[form.prefix]}' b") in ("a 'redacted' b", "a '12redacted' b")


@pytest.mark.parametrize("form", KEPT, ids=lambda form: form.prefix)
def test_what_follows_a_text_that_stays(form: Form) -> None:
    text = AFTER[form.prefix]
    stored = redact_text(f"a '{text}' b")
    assert stored.startswith("a '" + text[: text.index(form.prefix) + len(form.prefix)])
    assert ALNUM[:20] not in stored


def test_a_key_that_was_cut_where_it_is_shown() -> None:
    assert redact_text("['a', 'gh" + "p_aB3dE6g…") == "['a', 'redacted"
    assert redact_text("'postgresql://ann:hunt…") == "'postgresqlredacted"


KNOWN_AS = [
    ("hunter2", "hunter2", "x hunter2 y"),
    ("a whole sentence of it", "sentence", "x a whole sentence of it y"),
    ('it\'s "mine"', "mine", repr(['it\'s "mine"'])),
    ("pä ß/&?", "pä", "x pä ß/&? y"),
    ("pä ß/&?", "%C3%A4", "https://h/?a=p%C3%A4%20%C3%9F%2F%26%3F"),
    ("swordfish", "YW5uOnN3b3JkZmlzaA", "Authorization: YW5uOnN3b3JkZmlzaA=="),
    ("swordfish99", "swordf", "'swordf…"),
    ("x" + ALNUM, ALNUM[:30], f"'x{ALNUM[:60]}…"),
]


@pytest.mark.parametrize(("secret", "gone", "text"), KNOWN_AS)
def test_a_known_text_is_hidden_however_it_is_written(secret: str, gone: str, text: str) -> None:
    known = Known()
    known.learn(secret, "password")
    assert gone in text
    assert gone not in redact_text(text, known)


@pytest.mark.parametrize(
    ("name", "secret", "text"),
    [
        ("password", "a", "a plain text"),
        ("password", "localhost", "localhost"),
        ("password", "monkey", "monkeys"),
        ("password", "1234", "0.12345 and 12345"),
        ("token", "machine", "machine learning"),
        ("credentials", "key.json", "key.json"),
        ("api_key", "OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("password", "<your password>", "<your password>"),
    ],
)
def test_what_is_too_ordinary_to_be_known_is_left(name: str, secret: str, text: str) -> None:
    known = Known()
    known.learn(secret, name)
    assert redact_text(text, known) == text


def test_what_code_gives_to_a_secret_name_is_known_from_then_on() -> None:
    known = Known()
    redact_source("connect(password='hunter2')\nx = 'swordfish'\nlogin('ann', x)", known)
    assert redact_source("print('hunter2', 'swordfish')", known) == "print('redacted', 'redacted')"


def test_a_signature_of_the_session_says_which_argument_is_secret() -> None:
    names = {"m.enter": ("user", "password")}
    stored = redact_source("m.enter('ann', 'hunter2')", signatures=lambda name: names.get(name, ()))
    assert stored == "m.enter('ann', 'redacted')"


def test_many_known_texts_are_each_found() -> None:
    known = Known()
    texts = [f"s3cr3t-{i}-Zq{i * 7919}" for i in range(150)]
    for text in texts:
        known.learn(text)
    assert redact_text(" ".join(texts), known) == " ".join(["redacted"] * len(texts))
