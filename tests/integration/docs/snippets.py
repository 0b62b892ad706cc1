"""The pages of the documentation, and every snippet in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[3]
PAGES = sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)
_MARKDOWN = MarkdownIt("commonmark").enable("table")
# Sphinx's own, such as {toctree}: what they include is looked at where it is.
_DIRECTIVE = re.compile(r"\{[\w-]+\}")
_DAG = re.compile(r"^@dag.*?^def (\w+)", re.MULTILINE | re.DOTALL)
_TASK = re.compile(r"^\w+(Operator|Sensor)\(", re.MULTILINE)


@dataclass(frozen=True)
class Snippet:
    """A block of code in a page."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @cached_property
    def dag_id(self) -> str | None:
        """The DAG that it is, or makes a part of: a task by itself is put into a DAG."""
        if self.language != "python":
            return None
        if named := _DAG.search(self.code):
            return named[1]
        return f"{self.page.stem}_{self.line}" if _TASK.search(self.code) else None

    @property
    def is_test(self) -> bool:
        return "def test_" in self.code


def tokens(page: Path) -> list[Token]:
    return _MARKDOWN.parse(page.read_text())


def snippets() -> Iterator[Snippet]:
    for page in (ROOT / "README.md", *PAGES):
        for token in tokens(page):
            # An indented block is one too, without a language: it has no runner, and fails.
            if token.type in {"fence", "code_block"} and not _DIRECTIVE.match(token.info):
                yield Snippet(page, token.map[0] + 1, token.info.strip(), token.content)


def inline_code(page: Path) -> list[str]:
    """Code within the sentences and tables of a page."""
    return [child.content for token in tokens(page) for child in token.children or () if child.type == "code_inline"]


ALL = list(snippets())
