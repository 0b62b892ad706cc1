"""Sphinx configuration: `make docs` builds the documentation."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

from airflow_provider_voiceinfra import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Set before autodoc imports Airflow: a separate home, so that the user's configuration has no effect.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="voiceinfra-docs-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
logging.getLogger("airflow").setLevel(logging.WARNING)
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "airflow-provider-voiceinfra"
author = "airflow-provider-voiceinfra"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_argparse_cli",
    "sphinx_copybutton",
    "provider_info",
]
exclude_patterns = ["_build"]

# Pages are also read as files, on GitHub, so their links point to files.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
python_use_unqualified_type_names = True

# Every reference in a page or docstring must resolve, except those to Airflow and Python.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(airflow\.|collections|contextlib|datetime|typing|pytest|starlette).*")]

html_theme = "furo"
html_title = f"VoiceInfra for Apache Airflow {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}

_ROOT = re.compile(r"\]\(((?:\.\./)*)\.\./(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md")


def _lead_to_pages(_: Sphinx, __: str, source: list[str]) -> None:
    """Point links to files outside `docs` at the pages that are built from these files."""
    source[0] = _ROOT.sub(lambda link: f"]({link[1]}{link[2].replace('README', 'index')}.md", source[0])


def setup(app: Sphinx) -> None:
    """Connect the handlers to Sphinx."""
    app.connect("source-read", _lead_to_pages)
    # GitHub draws these diagrams; here they are shown as text.
    app.add_lexer("mermaid", TextLexer)
