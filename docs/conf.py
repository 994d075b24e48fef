"""Sphinx: Markdown pages and the Furo theme. The reference lists what the code says, so the code is loaded."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402

django.setup()

import loyalty_oscar  # noqa: E402

project = "loyalty_oscar"
author = "loyalty_oscar contributors"
copyright = f"2026, {author}"
version = release = loyalty_oscar.__version__

extensions = ["myst_parser", "loyalty_reference"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"loyalty_oscar {release}"
html_copy_source = False
