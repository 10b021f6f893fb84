"""The forms that providers document for their keys and tokens, and where a text holds one.

Each form begins with a fixed text. A text is searched for what the forms of a kind have in common,
at the speed of a search for a letter, and the rest is looked at only where that is found; no part
of a text is read more than a fixed number of times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

Place = tuple[int, int]


class Form(NamedTuple):
    """A kind of key: whose it is, what it begins with, what follows, and where that is said."""

    name: str
    prefix: str
    body: str
    source: str


_HEX32 = "[0-9a-f]{32}(?![0-9A-Za-z])"

# At least sixteen letters and digits follow the prefix, whose last character is a separator.
STEADY = (
    Form("GitHub", "ghp_", "[A-Za-z0-9]{30,}+", "docs.github.com, token formats"),
    Form("GitHub", "gho_", "[A-Za-z0-9]{30,}+", "docs.github.com, token formats"),
    Form("GitHub", "ghu_", "[A-Za-z0-9]{30,}+", "docs.github.com, token formats"),
    Form("GitHub", "ghs_", "[A-Za-z0-9]{30,}+", "docs.github.com, token formats"),
    Form("GitHub", "ghr_", "[A-Za-z0-9]{30,}+", "docs.github.com, token formats"),
    Form("GitHub", "github_pat_", "[A-Za-z0-9_]{22,}+", "docs.github.com, token formats"),
    Form("Hugging Face", "hf_", "[A-Za-z0-9]{30,}+", "huggingface.co/docs, tokens"),
    Form("Hugging Face", "api_org_", "[A-Za-z0-9]{30,}+", "huggingface.co/docs, tokens"),
    Form("Stripe", "sk_live_", "[A-Za-z0-9]{16,}+", "docs.stripe.com/keys"),
    Form("Stripe", "rk_live_", "[A-Za-z0-9]{16,}+", "docs.stripe.com/keys"),
    Form("Stripe", "sk_test_", "[A-Za-z0-9]{16,}+", "docs.stripe.com/keys"),
    Form("Stripe", "rk_test_", "[A-Za-z0-9]{16,}+", "docs.stripe.com/keys"),
    Form("Stripe", "whsec_", "[A-Za-z0-9+/]{24,}+", "docs.stripe.com/webhooks"),
    Form("npm", "npm_", "[A-Za-z0-9]{36}", "docs.npmjs.com, access tokens"),
    Form("DigitalOcean", "dop_v1_", "[0-9a-f]{60,}+", "docs.digitalocean.com, token prefixes"),
    Form("DigitalOcean", "doo_v1_", "[0-9a-f]{60,}+", "docs.digitalocean.com, token prefixes"),
    Form("DigitalOcean", "dor_v1_", "[0-9a-f]{60,}+", "docs.digitalocean.com, token prefixes"),
    Form("Shopify", "shpat_", "[0-9a-fA-F]{32}", "shopify.dev, access tokens"),
    Form("Shopify", "shpss_", "[0-9a-fA-F]{32}", "shopify.dev, access tokens"),
    Form("Replicate", "r8_", "[A-Za-z0-9]{37}", "replicate.com/docs, API tokens"),
    Form("Groq", "gsk_", "[A-Za-z0-9]{40,}+", "console.groq.com/docs"),
    Form("Notion", "ntn_", "[A-Za-z0-9]{40,}+", "developers.notion.com, authorization"),
    Form("Linear", "lin_api_", "[A-Za-z0-9]{32,}+", "linear.app/developers"),
    Form("Grafana", "glsa_", "[A-Za-z0-9]{32}_[0-9a-fA-F]{8}", "grafana.com/docs"),
    Form("Grafana", "glc_", "[A-Za-z0-9+/]{32,}+={0,2}", "grafana.com/docs"),
    Form("Supabase", "sbp_", "[0-9a-f]{40}", "supabase.com/docs, management API"),
    Form("Pinecone", "pcsk_", "[A-Za-z0-9_]{40,}+", "docs.pinecone.io"),
    Form("LangSmith", "lsv2_pt_", "[0-9a-f]{32}_[0-9a-f]{10}", "docs.smith.langchain.com"),
    Form("LangSmith", "lsv2_sk_", "[0-9a-f]{32}_[0-9a-f]{10}", "docs.smith.langchain.com"),
    Form("OpenAI", "sk-", "(?=[A-Za-z]*+[0-9])[A-Za-z0-9]{32,}+(?![\\w-])",
         "platform.openai.com/docs"),
    Form("Slack", "xoxa-", "[A-Za-z0-9-]{20,}+", "api.slack.com, token types"),
    Form("Slack", "xoxe-", "[A-Za-z0-9-]{20,}+", "api.slack.com, token types"),
    Form("PyPI", "pypi-", "AgE[A-Za-z0-9_-]{30,}+", "its help pages, API tokens"),
    Form("Mailgun", "key-", _HEX32, "documentation.mailgun.com"),
    Form("Postman", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}", "learning.postman.com, API keys"),
    Form("New Relic", "NRAK-", "[A-Z0-9]{27}", "docs.newrelic.com, API keys"),
    Form("Perplexity", "pplx-", "[A-Za-z0-9]{40,}+", "docs.perplexity.ai"),
    Form("xAI", "xai-", "[A-Za-z0-9]{60,}+", "docs.x.ai"),
    Form("Brevo", "xkeysib-", "[0-9a-f]{64}-[A-Za-z0-9]{16}", "developers.brevo.com"),
    Form("age", "AGE-SECRET-KEY-", "1[A-Z0-9]{58}", "age-encryption.org/v1"),
)  # fmt: skip

# Others, each by a pass of its own.
LOOSE = (
    Form("AWS", "AKIA", "[A-Z2-7]{16}(?![A-Z0-9])", "docs.aws.amazon.com, IAM identifiers"),
    Form("AWS", "ASIA", "[A-Z2-7]{16}(?![A-Z0-9])", "docs.aws.amazon.com, IAM identifiers"),
    Form("AWS", "ABIA", "[A-Z2-7]{16}(?![A-Z0-9])", "docs.aws.amazon.com, IAM identifiers"),
    Form("AWS", "ACCA", "[A-Z2-7]{16}(?![A-Z0-9])", "docs.aws.amazon.com, IAM identifiers"),
    Form("Google", "AIza", "[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])", "cloud.google.com/docs, API keys"),
    Form("Google", "ya29.", "[0-9A-Za-z_-]{20,}+", "cloud.google.com/docs, access tokens"),
    Form("Google", "GOCSPX-", "[0-9A-Za-z_-]{20,}+", "developers.google.com, OAuth clients"),
    Form("GitLab", "gl", "(?:pat|dt|rt|ptt|cbt|ft|soat|imt|agent|ffct|oas)-[A-Za-z0-9_-]{20,}+",
         "docs.gitlab.com, token prefixes"),
    Form("Slack", "xox", "[bprs](?:-[A-Za-z0-9]{10,}+)++", "api.slack.com, token types"),
    Form("Slack", "xapp-", "[0-9]-[A-Za-z0-9-]{10,}+", "api.slack.com, token types"),
    Form("Anthropic", "sk-", "ant-[A-Za-z0-9_-]{20,}+", "docs.anthropic.com, API keys"),
    Form("OpenAI", "sk-", "(?:proj|svcacct|admin)-[\\w-]{20,}+", "platform.openai.com/docs"),
    Form("OpenRouter", "sk-", "or-v1-[0-9a-f]{40,}+", "openrouter.ai/docs"),
    Form("SendGrid", "SG.", "[\\w-]{16,64}+\\.[\\w-]{30,}+", "docs.sendgrid.com, API keys"),
    Form("Twilio", "SK", _HEX32, "twilio.com/docs, API keys"),
    Form("Databricks", "dapi", _HEX32, "docs.databricks.com, access tokens"),
    Form("Vault", "hvs.", "[A-Za-z0-9_-]{24,}+", "developer.hashicorp.com/vault/docs, tokens"),
    Form("Doppler", "dp.pt.", "[A-Za-z0-9]{40,}+", "docs.doppler.com"),
    Form("Tailscale", "tskey-", "[a-z]{3,}+-[A-Za-z0-9-]{20,}+", "tailscale.com/kb, auth keys"),
    Form("NVIDIA", "nvapi-", "[A-Za-z0-9_-]{50,}+", "docs.nvidia.com/ngc"),
    Form("Docker", "dckr_pat_", "[A-Za-z0-9_-]{20,}+", "docs.docker.com, access tokens"),
    Form("Figma", "figd_", "[A-Za-z0-9_-]{36,}+", "figma.com/developers"),
    Form("Atlassian", "ATATT3", "[A-Za-z0-9_=-]{40,}+", "support.atlassian.com, API tokens"),
)  # fmt: skip

# What follows a fixed text, which itself is no secret and stays.
KEPT = (
    Form("Azure", "AccountKey=", "[A-Za-z0-9+/]{40,}+={0,2}", "learn.microsoft.com, storage"),
    Form("Azure", "SharedAccessKey=", "[A-Za-z0-9+/]{40,}+={0,2}", "learn.microsoft.com"),
    Form("Azure", "sig=", "(?<=[?&]sig=)[A-Za-z0-9%+/=]{30,}+", "learn.microsoft.com, SAS"),
    Form("Slack", "hooks.slack.com/services/", "[A-Za-z0-9/]{20,}+", "api.slack.com, webhooks"),
    Form("Discord", "discord.com/api/webhooks/", "[0-9]{10,20}+/[\\w-]{40,}+", "discord.com"),
)  # fmt: skip

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
# A URL's password; RFC 3986, 3.2.1. A template's placeholder is none.
_IN_URL = re.compile(
    r"""://(?P<secret>(?:[^\s/:@'"<>]{0,256}+)
        :(?!\{|\$\{|<|%\(|\*\*\*|redacted)[^\s/'"<>]{1,256})(?=@[^\s/@'"])""",
    re.VERBOSE,
)
# Known by what stands inside of them, so many characters after their beginning.
INSIDE = (
    Form("Azure DevOps", "AZDO", "(?<=[A-Za-z0-9]{76}AZDO)[A-Za-z0-9]{4}",
         "learn.microsoft.com, Azure DevOps access tokens"),
    Form("Azure", "Q~", "(?<=[\\w~.]{3}[0-9]Q~)[\\w~.-]{31,34}(?![\\w~.-])",
         "learn.microsoft.com, Entra client secrets"),
    Form("Telegram", ":AA", "(?<=[0-9]{8}:AA)[A-Za-z0-9_-]{33}(?![\\w-])",
         "core.telegram.org/bots/api"),
)  # fmt: skip
_BEFORE = {"AZDO": 76, "Q~": 4, ":AA": 8}
# RFC 7519. The second part's `eyJ` is looked for, and then the first part's, before it.
_JWT = re.compile(r"\.eyJ(?<=[\w-]{13}\.eyJ)[\w-]{10,}+\.[\w-]*+")
_RUN_BEFORE = re.compile(r"[\w-]*+")
_LONGEST_HEADER = 2000
# RFC 6750 and RFC 7617, on text in lower case.
_AUTHORIZED = re.compile(
    r"""authorization\\{0,3}["']?\s{0,8}+[:=]\s{0,8}+\\{0,3}["']?
        (?:bearer|basic|token|digest)\s{1,8}+(?P<secret>[a-z0-9._~+/=-]{6,}+)""",
    re.VERBOSE,
)
_SCHEMES = {
    word: re.compile(
        word + r"\s{1,4}+(?=[a-z._~+/=-]{0,80}+[0-9])(?P<secret>[a-z0-9._~+/=-]{16,}+)"
    )
    for word in ("bearer", "basic")
}


def _border(prefix: str) -> str:
    """Say that a prefix does not stand inside a word."""
    return f"(?<![A-Za-z0-9]{re.escape(prefix)})" if prefix[0].isalnum() else ""


def _steady(separator: str) -> tuple[re.Pattern[str], tuple[int, ...]]:
    forms = [form for form in STEADY if form.prefix[-1] == separator]
    either = "|".join(
        f"((?<={re.escape(form.prefix)}){_border(form.prefix)}{form.body})" for form in forms
    )
    pattern = re.compile(f"{re.escape(separator)}(?=[A-Za-z0-9]{{16}})(?:{either})")
    return pattern, tuple(len(form.prefix) - 1 for form in forms)


_STEADY = {separator: _steady(separator) for separator in "_-"}
_LOOSE = {
    prefix: re.compile(
        re.escape(prefix)
        + _border(prefix)
        + "(?:"
        + "|".join(form.body for form in LOOSE if form.prefix == prefix)
        + ")"
    )
    for prefix in dict.fromkeys(form.prefix for form in LOOSE)
}
_INSIDE = [
    (form.prefix, _BEFORE[form.prefix], re.compile(re.escape(form.prefix) + form.body))
    for form in INSIDE
]
_KEPT = [
    (form.prefix, re.compile(f"{re.escape(form.prefix)}(?P<secret>{form.body})")) for form in KEPT
]
# What was cut while a key was being shown: its beginning is enough to know it by.
_CUT = re.compile(
    "(?:"
    + "|".join(
        rf"(?<![A-Za-z0-9]){re.escape(form.prefix)}"
        for form in (*STEADY, *LOOSE)
        if len(form.prefix) > 3
    )
    + r"|sk-|hf_|xox[abeprs]-|gl[a-z]{2,5}-)[\w-]*+$"
    r"|://[^\s/:@'\"<>]{0,256}+:[^\s/@'\"<>{}$]+$|-----BEGIN [A-Z ]*$|eyJ[\w-]{4,}+\.?[\w.-]*+$"
)  # fmt: skip


def holds(text: str, part: str) -> bool:
    """Tell whether a text holds a part, a search that in a long text is put off.

    A single letter is found many times faster, and one that is missing says enough.
    """
    if len(text) > 10_000:
        for letter in part:
            if letter not in text:
                return False
    return part in text


def places(text: str, lowered: str) -> Iterator[Place]:
    """Yield where a text holds a key; `lowered` is the text in lower case, of the same length."""
    for separator, (pattern, back) in _STEADY.items():
        if separator in text:
            for found in pattern.finditer(text):
                yield found.start() - back[found.lastindex - 1], found.end()  # type: ignore[operator]
    for anchor, pattern in _LOOSE.items():
        if holds(text, anchor):
            yield from (found.span() for found in pattern.finditer(text))
    for anchor, pattern in _KEPT:
        if holds(text, anchor):
            yield from (found.span("secret") for found in pattern.finditer(text))
    if holds(text, "PRIVATE KEY"):
        yield from (found.span() for found in _PRIVATE_KEY.finditer(text))
    if "@" in text and holds(text, "://"):
        yield from (found.span("secret") for found in _IN_URL.finditer(text))
    for anchor, back_by, pattern in _INSIDE:
        if holds(text, anchor):
            yield from ((at.start() - back_by, at.end()) for at in pattern.finditer(text))
    if holds(text, ".eyJ"):
        yield from _signed(text)
    if holds(lowered, "authorization"):
        yield from (found.span("secret") for found in _AUTHORIZED.finditer(lowered))
    for scheme, pattern in _SCHEMES.items():
        if holds(lowered, scheme):
            yield from (found.span("secret") for found in pattern.finditer(lowered))


def _signed(text: str) -> Iterator[Place]:
    for found in _JWT.finditer(text):
        dot = found.start()
        near = text[max(0, dot - _LONGEST_HEADER) : dot]
        run = len(_RUN_BEFORE.match(near[::-1]).group())  # type: ignore[union-attr]
        first = near.find("eyJ", len(near) - run)
        if first >= 0:
            yield dot - len(near) + first, found.end()


def cut_short(text: str) -> int | None:
    """Return where a key begins that was cut at the text's end, if there is one."""
    start = max(0, len(text) - 300)
    found = _CUT.search(text, start)
    return found.start() if found is not None else None
