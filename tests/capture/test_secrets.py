"""Secrets by name and by form are taken out of what is stored; what only looks alike is left."""

from __future__ import annotations

import ast
import string
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance_kernel.capture.secrets.names import looks_secret
from provenance_kernel.capture.secrets.source import redact_source
from provenance_kernel.capture.secrets.text import redact_text, redact_value
from support.growth import is_linear

# Keys are put together from parts, so that no scanner takes this table for a leak.
ALNUM = (string.ascii_uppercase + string.digits + string.ascii_lowercase) * 3
UPPER = "ABCDEFGHIJKLMNOP234567"
HEX = "0123456789abcdef" * 4
DASHES = "-" * 5


def words(text: str) -> list[str]:
    return text.split()


KEYS = {
    "aws access key": "AK" + "IA" + UPPER[:16],
    "aws session key": "AS" + "IA" + UPPER[:16],
    "gcp api key": "AI" + "za" + ALNUM[:35],
    "gcp oauth token": "ya" + "29." + ALNUM[:40],
    "gcp client": "GOC" + "SPX-" + ALNUM[:28],
    "azure storage": "DefaultEndpointsProtocol=https;AccountName=a;Account"
    + "Key="
    + ALNUM[:86]
    + "==",
    "azure sas": "https://a.blob.core.windows.net/c?sv=2022&si" + "g=" + ALNUM[:43] + "%3D",
    "azure client": "abc8" + "Q~" + ALNUM[:34],
    "github classic": "gh" + "p_" + ALNUM[:36],
    "github oauth": "gh" + "o_" + ALNUM[:36],
    "github fine-grained": "github" + "_pat_" + ALNUM[:22] + "_" + ALNUM[:59],
    "gitlab": "gl" + "pat-" + ALNUM[:20],
    "slack bot": "xo" + "xb-" + "123456789012-" + ALNUM[:24],
    "slack app": "xa" + "pp-1-" + ALNUM[:30],
    "slack hook": "https://hooks.slack.com/ser" + "vices/T000/B000/" + ALNUM[:24],
    "openai": "s" + "k-" + ALNUM[:48],
    "openai project": "s" + "k-proj-" + ALNUM[:48],
    "anthropic": "s" + "k-ant-api03-" + ALNUM[:60],
    "hugging face": "h" + "f_" + ALNUM[10:44],
    "stripe live": "s" + "k_li" + "ve_" + ALNUM[:24],
    "stripe restricted": "r" + "k_te" + "st_" + ALNUM[:24],
    "sendgrid": "S" + "G." + ALNUM[:22] + "." + ALNUM[:43],
    "twilio": "S" + "K" + HEX[:32],
    "npm": "np" + "m_" + ALNUM[:36],
    "pypi": "py" + "pi-Ag" + "EIcHlwaS5vcmc" + ALNUM[:50],
    "databricks": "da" + "pi" + HEX[:32],
    "jwt": "ey" + "J" + ALNUM[:20] + ".ey" + "J" + ALNUM[:30] + "." + ALNUM[:43],
    "pem": f"{DASHES}BEGIN RSA PRIVATE" + f" KEY{DASHES}\n{ALNUM[:64]}\n{ALNUM[:64]}\n"
    f"{DASHES}END RSA PRIVATE" + f" KEY{DASHES}",
    "openssh": f"{DASHES}BEGIN OPENSSH PRIVATE" + f" KEY{DASHES}\n{ALNUM[:64]}\n{DASHES}END OPENSSH"
    " PRIVATE" + f" KEY{DASHES}",
    "url": "postgresql://ann:" + "hunter2" + "@db.example.org:5432/trials",
    "redis url": "redis://:" + "hunter2" + "@localhost:6379/0",
    "bearer": "Authorization: Bearer " + ALNUM[:30],
    "basic": "authorization: Basic " + ALNUM[:20] + "==",
    "odbc": "Driver=x;Server=y;Uid=ann;" + "Pwd=hunter2;",
}

# Sources with the text that must be gone.
SOURCES = [
    ('password = "hunter2"', "hunter2"),
    ("PASSWORD = 'hunter2'", "hunter2"),
    ("db_passwd: str = 'hunter2'", "hunter2"),
    ("self.api_key = 'hunter2'", "hunter2"),
    ("apiKey = 'hunter2'", "hunter2"),
    ("OPENAI_API_KEY = 'hunter2'", "hunter2"),
    ("os.environ['DB_PASSWORD'] = 'hunter2'", "hunter2"),
    ("os.environ.setdefault('AWS_SECRET_ACCESS_KEY', 'hunter2')", "hunter2"),
    ("key = os.getenv('API_TOKEN', 'hunter2')", "hunter2"),
    ("token = os.environ.get('X') or 'hunter2'", "hunter2"),
    ("connect(user='ann', password='hunter2')", "hunter2"),
    ("requests.get(url, auth=('ann', 'hunter2'))", "hunter2"),
    ("c = {'user': 'ann', 'password': 'hunter2'}", "hunter2"),
    ("headers = {'Authorization': 'hunter2'}", "hunter2"),
    ("c = dict(client_secret='hunter2')", "hunter2"),
    ("user, password = 'ann', 'hunter2'", "hunter2"),
    ("def login(user, password='hunter2'): pass", "hunter2"),
    ("f = lambda *, token='hunter2': token", "hunter2"),
    ("if (password := 'hunter2'): pass", "hunter2"),
    ("ok = password == 'hunter2'", "hunter2"),
    ("secret = b'hunter2'", "hunter2"),
    ("secret = 'hunter2' + tail", "hunter2"),
    ("secret = head + (tail + 'hunter2')", "hunter2"),
    ("secret = f'{prefix}-hunter2'", "hunter2"),
    ("secret = ('hun'\n  'ter2')\nprint(1)", "ter2"),
    ('private_key = """\nhunter2\n"""\nprint(1)', "hunter2"),
    ("passwords = ['hunter2', 'swordfish']", "swordfish"),
    ("credentials = {'ann': 'hunter2'}", "hunter2"),
    ("password = 'hunter2' if local else ask()", "hunter2"),
    ("password = 'hunter2'.encode()", "hunter2"),
    ("password = SecretStr('hunter2')", "hunter2"),
    ("é = 1; password = 'hunter2'; ü = 'keep'", "hunter2"),
    ("pin = 1; password = 123456", "123456"),
    ("session_cookie = 'hunter2'", "hunter2"),
    ("connection_string = 'Server=x;User=hunter2'", "hunter2"),
    ("setattr(client, 'token', 'hunter2')", "hunter2"),
    ("x = 1  # password: hunter2", "hunter2"),
    ("# password = 'hunter2'", "hunter2"),
    ("%env API_KEY=hunter2", "hunter2"),
    ("%env API_KEY hunter2", "hunter2"),
    ("!export API_KEY=hunter2; run", "hunter2"),
    ("!mysql --user ann --password=hunter2 db", "hunter2"),
    ("!tool --token hunter2 list", "hunter2"),
    ("out = !tool --token hunter2 list", "hunter2"),
    ("%%bash\nexport DB_PASSWORD='hunter2'\npsql", "hunter2"),
    ("%%time\npassword = 'hunter2'", "hunter2"),
    ("password = 'hunter2'\n!ls", "hunter2"),
    ("password = 'hunter2'\nthis does not parse", "hunter2"),
    ("connect(password='hunter2'", "hunter2"),
    ("if x:\n    %load_ext foo\npassword = 'hunter2'", "hunter2"),
]

INNOCENT_SOURCES = [
    "token_count = 5",
    "max_tokens=100",
    "max_tokens = '100'",
    "tokenizer = 'bert-base-uncased'",
    "tokens = ['a', 'b']",
    "n_tokens = '12'",
    "pad_token = '[PAD]'",
    "eos_token = '</s>'",
    "next_token = 'the'",
    "secret_santa = ['Ann']",
    "password_field_id = 'field-3'",
    "password_length = '12'",
    "is_token = 'yes'",
    "has_password = 'no'",
    "author = 'Ann'",
    "authors = ['Ann', 'Bob']",
    "key = 'value'",
    "keys = ['a', 'b']",
    "df.sort_values(key='a')",
    "primary_key = 'id'",
    "keyboard = 'qwerty'",
    "monkey = 'abu'",
    "sort_key = 'age'",
    "foreign_key = 'user_id'",
    "compass = 'north'",
    "passenger_class = '3rd'",
    "passed = 'yes'",
    "bypass = 'valve'",
    "secretary = 'Ann'",
    "cookie_count = '3'",
    "password = None",
    "password = ''",
    "password = getpass.getpass('Password: ')",
    "password = os.environ['DB_PASSWORD']",
    "token = os.getenv('API_TOKEN')",
    "token = load('token.txt')",
    "api_key = config['api_key']",
    "connect(password=password)",
    "print('enter your password')",
    "# the password is asked for below",
    "# token: the first word of a sentence",
    "commit = '" + HEX[:40] + "'",
    "sha = '" + HEX[:64] + "'",
    "md5 = '" + HEX[:32] + "'",
    "run = '0190c2a4-7b6e-7c3d-9f00-0123456789ab'",
    "image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk'",
    "url = 'https://example.org:8080/a?b=c'",
    "url = 'https://ann@example.org/a'",
    "url = f'https://{user}:{password}@example.org'",
    "mail = 'ann@example.org'",
    "sk = 'sk-learn'",
    "from sklearn.feature_extraction.text import TfidfVectorizer as key",
    "skip = 'task-1'",
    "risk_level = 'risk-assessment-of-the-second-quarter'",
    "basic = 'Basic regression with two features'",
    "bearer_plate = 'the bearer of good news'",
    "df['token'].value_counts()",
    "df.groupby('password_strength').size()",
    "df[df.token == df.other]",
    "model.fit(X, y, sample_weight=w)",
    "hf_home = 'hf_transfer'",
    "npm_config = 'npm_modules'",
    "sg = 'SG.txt'",
    "%env OMP_NUM_THREADS=4",
    "!pip install tokenizers",
    "!git log --author Ann",
    "%load_ext secrets",
    "!export PASSWORD=$SECRET",
    "%env PASSWORD={secret}",
    "if f(x) == 'text': pass",
    "print('-----BEGIN PUBLIC KEY-----')",
    "x = 'sid'",
    "webhook = 'on'",
]


@pytest.mark.parametrize("form", KEYS)
def test_a_form_is_redacted_wherever_it_stands(form: str) -> None:
    key = KEYS[form]
    part = (
        "hunter2"
        if "hunter2" in key
        else next(p for p in (ALNUM, UPPER, HEX) if p[2:14] in key)[2:14]
    )
    if form == "hugging face":
        part = ALNUM[12:24]
    sources = [
        f"x = {key!r}",
        f'x = """{key}"""',
        f"f({key!r}, y={key!r})",
        f"x = f'a{{b}}' + {key!r}",
    ]
    for source in sources:
        stored = redact_source(source)
        assert part not in stored
        assert "redacted" in stored
        ast.parse(stored)
    value = redact_value("x", repr(key))
    assert value is not None
    assert part not in value
    assert "redacted" in value
    assert part not in redact_text(f"Error: {key} was refused")
    assert part not in redact_source(f"!curl -H '{key}' example.org")


@pytest.mark.parametrize(("source", "gone"), SOURCES)
def test_source_by_name(source: str, gone: str) -> None:
    stored = redact_source(source)
    assert gone not in stored
    assert "redacted" in stored
    assert stored.count("\n") == source.count("\n"), "line numbers of activations must stay right"
    try:
        ast.parse(source)
    except SyntaxError:
        return
    ast.parse(stored)


@pytest.mark.parametrize("source", INNOCENT_SOURCES)
def test_innocent_source_is_left(source: str) -> None:
    assert redact_source(source) == source
    assert (
        redact_source(f"import os\n{source}\npassword = None\n")
        == f"import os\n{source}\npassword = None\n"
    )


def test_the_rest_of_the_source_is_intact() -> None:
    source = (
        "é = 'ü'\nconnect(host='h', password='hunter2', port=1)  # keep\n"
        "x = {\n 'token': 'hunter2',\n}\n"
    )
    assert redact_source(source) == source.replace("hunter2", "redacted")


def test_a_key_split_over_literals_is_gone_and_the_source_parses() -> None:
    begin = f"{DASHES}BEGIN RSA PRIVATE" + f" KEY{DASHES}\\n"
    source = f'x = ("{begin}"\n     "{ALNUM[:64]}\\n"\n     "rest")\ny = "keep"\n'
    stored = redact_source(source)
    ast.parse(stored)
    assert ALNUM[:20] not in stored
    assert 'y = "keep"' in stored
    assert stored.count("\n") == source.count("\n")


@pytest.mark.parametrize(
    ("name", "text", "stored"),
    [
        ("password", "'hunter2'", "redacted"),
        ("password", "None", "None"),
        ("password", "''", "''"),
        ("get_token", "<function get_token at 0x7f>", "<function get_token at 0x7f>"),
        (
            "config",
            "{'user': 'ann', 'password': 'hunter2'}",
            "{'user': 'ann', 'password': 'redacted'}",
        ),
        ("config", "Config(host='h', api_key='hunter2')", "Config(host='h', api_key='redacted')"),
        ("x", "'a plain text'", "'a plain text'"),
        ("frame", "   token  count\n0  the    3", "   token  count\n0  the    3"),
        ("db", "'postgresql://ann:hunter2@h/d'", "'postgresql://redacted@h/d'"),
    ],
)
def test_value(name: str, text: str, stored: str) -> None:
    assert redact_value(name, text) == stored


def test_no_value_stays_no_value() -> None:
    assert redact_value("password", None) is None


@pytest.mark.parametrize(
    "name",
    words(
        "password passwd DB_PASSWORD userPassword secret client_secret api_key apikey APIKey "
        "apiKey github_token  token token2 password_prod credentials private_key "
        "aws_secret_access_key auth bearer_token  session_cookie connection_string dbPwd "
        "x.password passphrase SECRET_KEY jwt set-cookie"
    ),
)
def test_secret_names(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    words(
        "x df token_count tokenizer max_tokens password_field_id author authority keys key "
        "key_error secretary secret_santa is_secret pad_token tokens passing cookie_jar_size "
        f"primary_key hotkey turkey dsname session_id client_id {'a_' * 100}password"
    ),
)
def test_innocent_names(name: str) -> None:
    assert not looks_secret(name)


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    redact_value("x", text)
    redact_source(text)
    looks_secret(text)


@given(st.text(alphabet="password='\"\n #%![]{}():,sk-\\ ftoken1", max_size=80))
def test_what_parsed_still_parses(text: str) -> None:
    stored = redact_source(text)
    assert stored.count("\n") == text.count("\n")
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return
    ast.parse(stored)


# Texts that made patterns go back over what they had read, again and again.
REPEATED = [
    *(
        "eyJ-",
        "a=",
        "a =",
        "a: ",
        "a:",
        "a.b.",
        "a.",
        "a-",
        "a_b_",
        "0a",
        "deadbeef",
        " ",
        "\t",
        "\n",
    ),
    *("sk-", "key-", "xox", "SG.", "ghp_", "AKIA", "://", "://a:", "@", "sig=", "pwd=", "pwd=x;"),
    *("password=", "password= ", "token: ", "connection string ", "Bearer ", "authorization: "),
    *("='", '="', "'", "\\", "#", "[", "]", "%", "!", "x = 'a' ", "--password ", "%env A "),
    DASHES + "BEGIN ",
]


WAYS_IN: dict[str, Callable[[str], object]] = {
    "value": lambda text: redact_value("x", repr(text)),
    "text": redact_text,
    "source": redact_source,
}


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("unit", REPEATED)
def test_time_grows_with_the_length_of_the_text(way: str, unit: str) -> None:
    # A hint of a secret, or the text would not be looked at.
    assert is_linear(WAYS_IN[way], lambda size: "password " + unit * (size // len(unit)), 600_000)


@pytest.mark.slow
@pytest.mark.parametrize("unit", REPEATED)
def test_eight_megabytes_of_it(unit: str) -> None:
    text = "password " + unit * (8_000_000 // len(unit))
    began = time.process_time()
    redact_text(text)
    # A few tenths of a second where the machine does nothing else; with squares it would be hours.
    assert time.process_time() - began < 5


def test_a_password_after_a_colon_that_no_name_comes_before() -> None:
    assert "hunter2" not in redact_text("if x(): password = 'hunter2'")


def test_a_signed_token_behind_a_border() -> None:
    token = "ey" + "Jhbcde12345." + "ey" + "Jhbcde12345.abc"
    assert redact_text(f"token-{token}") == "token-redacted"
    assert redact_text(f"x={token}, y") == "x=redacted, y"
    assert redact_text(f"x.{token}") == "x.redacted"
