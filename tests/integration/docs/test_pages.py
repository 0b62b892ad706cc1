"""What the pages name is there: runners for every language, messages, tests, links."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import airflow_provider_voiceinfra
from airflow_provider_voiceinfra.store.models import CallState
from tests.integration.docs.snippets import ALL, PAGES, ROOT, inline_code, tokens

# Each has its tests in this folder.
LANGUAGES = {"python", "bash", "sql", "ini", "json", "yaml"}
_NO_MESSAGE = re.compile(r"[\[(`=]|^(airflow|pip|GET|make) |^/")


@pytest.mark.parametrize("snippet", ALL, ids=str)
def test_no_snippet_escapes(snippet):
    # A diagram is not code.
    assert snippet.language == "mermaid" or snippet.language in LANGUAGES, (
        "a language that nothing runs: add a runner, or do without"
    )


def messages() -> str:
    """Return every text in the package's code, without what is filled in."""
    texts = []
    for file in Path(airflow_provider_voiceinfra.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text())
        texts += [
            each.value for each in ast.walk(tree) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
    return "\n".join(texts)


def test_messages_that_pages_name_are_in_the_code():
    known = messages()
    pages = ("troubleshooting.md", "reference/messages.md")
    named = [code for page in pages for code in inline_code(ROOT / "docs" / page) if " " in code]
    said = [code for code in named if not _NO_MESSAGE.search(code)]
    assert len(said) > 40
    assert [code for code in said if code not in known] == []


PROMISES = ROOT / "docs" / "developers" / "promises.md"


def test_the_tests_that_the_promises_name_exist():
    files = list((ROOT / "tests").rglob("test_*.py"))
    known = "\n".join(file.read_text() for file in files)
    code = [word for word in inline_code(PROMISES) if re.search(r"(^|/)test_", word)]
    named = [word for word in code if not word.endswith(".py")]
    assert len(named) > 150
    assert [name for name in named if f"def {name}(" not in known] == []
    paths = [word for word in code if word.endswith(".py")]
    assert len(paths) > 30
    assert [path for path in paths if not any(str(file).endswith(f"/{path}") for file in files)] == []


def test_no_page_for_users_names_a_test():
    pages = [page for page in PAGES if page.parent.name != "developers"]
    named = [(page.name, code) for page in pages for code in inline_code(page) if re.search(r"(^|/)test_", code)]
    assert named == []


def test_the_diagram_of_states_shows_each_state():
    [diagram] = [each.code for each in ALL if each.code.startswith("stateDiagram")]
    assert set(re.findall(r"--> (\w+)", diagram)) == {state.value for state in CallState}


def links() -> list[tuple[str, str]]:
    return [
        (str(page.relative_to(ROOT)), str(child.attrs["href"]).partition("#")[0])
        for page in (ROOT / "README.md", *PAGES)
        for token in tokens(page)
        for child in token.children or ()
        if child.type == "link_open"
    ]


@pytest.mark.parametrize(("page", "link"), sorted(set(links())))
def test_links_lead_to_files_for_whoever_reads_pages_as_files(page, link):
    assert "://" in link or ((ROOT / page).parent / link).exists()


def test_every_example_is_on_their_page():
    page = (ROOT / "docs" / "examples.md").read_text()
    examples = sorted(file.name for file in (ROOT / "example_dags").glob("example_*.py"))
    assert [name for name in examples if f"(../example_dags/{name})" not in page] == []
