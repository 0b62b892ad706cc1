"""Check the language of pages, docstrings and messages: ``make lint`` runs it.

It covers this project's own rules: words that have a better one, long sentences and long paragraphs. Proselint covers
the rest.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/**/*.md", ".github/**/*.md")
CODE = ("airflow_provider_voiceinfra/**/*.py", "example_dags/**/*.py")
SENTENCE, PARAGRAPH = 30, 80

# What to write instead of words, in any case.
INSTEAD = {
    "mend(s|ed|ing)?": "fix",
    "s?he|her|hers|him|his": "they, the callee",
    "(?<!there )is no (argument|call|connection|field|list|number|string|time zone|value)": "is not a …",
    "who (was|were) not": "name the thing, such as 'unanswered calls'",
    "must be a text": "must be a string",
    "(was|were) phoned": "was called",
    "told|said": "name what it says, or write 'reported', 'the conversation'",
    "(tell|say|give) whether": "return whether, check whether",
    "became of": "how it ended, its state",
    "by the clock where": "in the callee's local time",
    "no use any more": "expired, unused",
    "hardly any cost": "almost no cost",
    "some hundreds?": "a few hundred",
    "reckon(s|ed|ing)?": "estimate",
}
_ADVICE = {f"_{number}": advice for number, advice in enumerate(INSTEAD.values())}
_WORDS = re.compile("|".join(rf"\b(?P<_{number}>{words})\b" for number, words in enumerate(INSTEAD)), re.IGNORECASE)
_CODE = re.compile("``.*?``|`.*?`", re.DOTALL)
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_WORD = re.compile(r"\w\S*")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?:;])\s+")


def main() -> int:
    """Print each fault with its place, and return whether there is any."""
    faults = 0
    for file, line, text, is_page in _texts():
        for fault in _faults(text, is_page=is_page):
            print(f"{file.relative_to(ROOT)}:{line}: {fault}")
            faults += 1
    return min(faults, 1)


def _texts() -> Iterator[tuple[Path, int, str, bool]]:
    """Yield what people read: each paragraph and cell of a page, each docstring and message."""
    for file in _files(PAGES):
        for token in _MARKDOWN.parse(file.read_text()):
            if token.type == "inline" and token.map:
                yield file, token.map[0] + 1, _prose(token.children or []), True
    for file in _files(CODE):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield file, node.lineno, _CODE.sub("code", node.value), False


def _files(patterns: tuple[str, ...]) -> list[Path]:
    return [file for pattern in patterns for file in sorted(ROOT.glob(pattern)) if "_build" not in file.parts]


def _prose(tokens: Sequence[Token]) -> str:
    """Return the words of a paragraph; a piece of code counts as one."""
    words = ("code" if each.type == "code_inline" else each.content for each in tokens if each.type != "softbreak")
    return " ".join(words)


def _faults(text: str, *, is_page: bool) -> Iterator[str]:
    for found in _WORDS.finditer(text):
        yield f"'{found[0]}': {_ADVICE[str(found.lastgroup)]}"
    if not is_page:
        return
    for sentence in _SENTENCE_ENDS.split(text):
        if (words := len(_WORD.findall(sentence))) > SENTENCE:
            yield f"a sentence of {words} words, of {SENTENCE} at most: {sentence[:60]}…"
    if (words := len(_WORD.findall(text))) > PARAGRAPH:
        yield f"a paragraph of {words} words, of {PARAGRAPH} at most: {text[:60]}…"


if __name__ == "__main__":
    sys.exit(main())
