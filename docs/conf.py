"""Sphinx's settings. `make docs` builds the site into out/docs."""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import generate  # noqa: E402

from depth_ros import __version__  # noqa: E402

generate.write(DOCS / "_generated")

project = "depth_ros"
author = "the depth_ros maintainers"
project_copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Included by pages of reference/.
exclude_patterns = ["_generated"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# `words` in docstrings are code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"depth_ros {release}"
html_static_path = ["_static"]
html_css_files = ["wide_tables.css"]
html_show_sphinx = False
