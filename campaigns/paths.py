"""Find the templates, static files and migrations.

They are at the top of a checkout, and inside the package of an installed wheel. A checkout takes
precedence: an editable install may leave stale copies next to the package.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_root() -> Path:
    """Return the folder with `templates/`, `static/` and `migrations/`."""
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "migrations").is_dir():
        return checkout
    return _PACKAGE / "_resources"
