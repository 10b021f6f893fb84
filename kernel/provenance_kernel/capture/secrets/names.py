"""Recognises names that hold secrets, by their last words.

`db_password` and `githubToken` count as secret, `token_count` and `password_field_id` do not.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache


def words(text: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(text.split())


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# A name is secret when, qualifiers at its end aside, it ends in one of these.
_LAST_WORD = words(
    "password passwords passwd passwort passphrase passcode pwd secret secrets token credential "
    "credentials creds bearer jwt apikey apikeys authorization authtoken accesskey secretkey "
    "privatekey accountkey sessionkey dsn"
)
# Or in one of these before one of those, where the last alone says little.
_KINDS_OF_KEY = words(
    "api access private secret account signing encryption master ssh deploy license session openai "
    "anthropic aws azure gcp stripe storage subscription shared service server client consumer "
    "host auth pgp gpg"
)
_LAST_PAIR = frozenset(
    {(kind, word) for kind in _KINDS_OF_KEY for word in ("key", "keys")}
    | {("connection", word) for word in ("string", "url", "uri")}
    | {(kind, "cookie") for kind in ("session", "auth")}
    | {(kind, "auth") for kind in ("basic", "http")}
    | {(kind, "pass") for kind in ("db", "database", "user", "smtp", "mail")}
    | {("pass", "word"), ("auth", "header"), ("connect", "string"), ("conn", "str")}
    | {("conn", "string"), ("webhook", "url"), ("sas", "url")}
)
_WHOLE = frozenset({"auth", "cookie", "cookies", "pass", "pw", "bearer", "set-cookie"})
_QUALIFIERS = words(
    "value str string text raw bytes prod production dev development test staging old new default "
    "plain plaintext env b64 base64 encoded here literal"
)
# Ends that say the word before them is about secrets, not one: `secret_name`, `is_token`.
_INNOCENT_FIRST = words("is has num n max min use no len count total per next prev bos eos")
_INNOCENT_TOKEN = words(
    "pad eos bos unk mask cls sep special stop start end first last current next prev word sub "
    "oov begin vocab"
)


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Tell whether a variable, argument or key of this name holds a secret."""
    if len(name) > 200:
        return False
    name = name.rpartition(".")[2]
    if name.lower().strip("_") in _WHOLE:
        return True
    found = [word.lower() for word in _WORDS.findall(name)]
    while tuple(found[-2:]) not in _LAST_PAIR and (
        len(found) > 1 and (found[-1] in _QUALIFIERS or found[-1].isdigit())
    ):
        found.pop()
    if not found:
        return False
    if len(found) > 1 and tuple(found[-2:]) in _LAST_PAIR:
        return True
    last = found[-1]
    if last not in _LAST_WORD or (len(found) > 1 and found[0] in _INNOCENT_FIRST):
        return False
    return not (last == "token" and len(found) > 1 and found[-2] in _INNOCENT_TOKEN)


# A prompt asks for one person's answer, so that any of these words will do.
_ASKED = _LAST_WORD | {"pin", "otp"}


def asks_for_secret(prompt: str) -> bool:
    """Tell whether a prompt asks for a secret, as `Password for ann: ` does."""
    found = [word.lower() for word in _WORDS.findall(prompt[:200])]
    pairs = itertools.pairwise(found)
    return not _ASKED.isdisjoint(found) or not _LAST_PAIR.isdisjoint(pairs)
