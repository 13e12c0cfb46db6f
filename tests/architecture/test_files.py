"""Licences, icons, no external files, and settings that match the README."""

import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from campaigns.config import Settings
from campaigns.web.static_files import tree
from tests.architecture.source import ROOT

TEMPLATES, STATIC = ROOT / "templates", ROOT / "static"
OWN_TEMPLATES = sorted(
    path
    for path in TEMPLATES.rglob("*.html")
    if path.relative_to(TEMPLATES).parts[0] not in {"mail", "newsletter"}
)
OWN_STATIC = sorted(
    path
    for path in STATIC.rglob("*")
    if path.suffix in {".js", ".css", ".svg"} and "vendor" not in path.parts
)


def test_third_party_files_have_their_licence() -> None:
    folders = [path for path in (STATIC / "vendor").iterdir() if path.is_dir()]
    assert folders
    bare = [folder.name for folder in folders if not list(folder.glob("LICENSE*"))]
    assert bare == []
    loose = [path.name for path in (STATIC / "vendor").iterdir() if path.is_file()]
    assert loose == ["README.md"]
    assert (STATIC / "img" / "icons.LICENSE").is_file()


def test_every_third_party_folder_is_listed_with_its_version() -> None:
    text = (STATIC / "vendor" / "README.md").read_text("utf-8").lower()
    for folder in (STATIC / "vendor").iterdir():
        if folder.is_dir():
            assert folder.name in text
    assert re.search(r"\d+\.\d+\.\d+", text)


def test_templates_use_existing_icons() -> None:
    sprite = (STATIC / "img" / "icons.svg").read_text("utf-8")
    there = set(re.findall(r'id="([a-z0-9-]+)"', sprite))
    missing = {}
    for path in OWN_TEMPLATES:
        text = path.read_text("utf-8")
        asked = set(re.findall(r"""icon\(\s*["']([a-z0-9-]+)["']""", text))
        asked |= set(re.findall(r"""empty\(\s*["']([a-z0-9-]+)["']""", text))
        if asked - there:
            missing[path.name] = asked - there
    assert missing == {}


def test_templates_use_existing_static_files() -> None:
    missing = [
        f"{path.name}: {name}"
        for path in OWN_TEMPLATES
        for name in re.findall(
            r"""(?:asset|module_scripts)\(\s*["']([^"']+)["']""", path.read_text("utf-8")
        )
        if name not in tree().files
    ]
    assert missing == []


LOADS = re.compile(
    r"<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*\b(?:src|href|srcset|data)"
    r"\s*=\s*[\"']?\s*(?:https?:)?//",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", OWN_TEMPLATES, ids=lambda path: path.name)
def test_no_page_loads_anything_from_other_sites(path: Path) -> None:
    assert LOADS.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", OWN_STATIC, ids=lambda path: path.name)
def test_no_static_file_names_another_site(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://www.w3.org/", "")
    assert re.findall(r"https?://[^\s\"')]+|@import|url\(\s*[\"']?//", text) == []


def _settings_table() -> ModuleType:
    path = str(ROOT / "bin" / "settings-table")
    loader = importlib.machinery.SourceFileLoader("settings_table", path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_every_setting_has_one_sentence() -> None:
    for name, field in Settings.model_fields.items():
        sentence = field.description or ""
        assert sentence[:1].isupper(), name
        assert sentence.endswith("."), name
        assert "|" not in sentence, name


def test_the_readme_contains_the_table_of_settings() -> None:
    """If this fails, run `bin/settings-table README.md`."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert _settings_table().with_table(readme) == readme


def test_a_document_without_the_markers_is_unchanged() -> None:
    with pytest.raises(ValueError, match="marks"):
        _settings_table().with_table("# Campaigns\n")
