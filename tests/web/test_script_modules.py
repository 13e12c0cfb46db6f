"""Pages name every module that their scripts import, and no other."""

import re
from pathlib import Path

import pytest

from campaigns.web.content.edit import EDITOR_SCRIPTS
from campaigns.web.script_modules import imports_of, module_scripts, preloads
from campaigns.web.static_files import asset, tree

OWN = sorted(name for name in tree().files if name.startswith("js/"))
PATH = re.compile(r"""["'](\.{1,2}/[^"']+)["']""")
LATER = re.compile(r"""\bimport\(\s*["']([^"']+)["']""")
STATIC = Path("static").resolve()


def named_in(name: str) -> set[str]:
    """Every file that a module names, except those that it loads later."""
    text = (STATIC / name).read_text("utf-8")
    folder = (STATIC / name).parent
    paths = set(PATH.findall(text)) - set(LATER.findall(text))
    return {(folder / path).resolve().relative_to(STATIC).as_posix() for path in paths}


def reachable(entry: str) -> set[str]:
    found, new = set[str](), {entry}
    while new:
        found |= new
        new = {one for name in new if name in OWN for one in named_in(name)} - found
    return found


@pytest.mark.parametrize("name", OWN)
def test_the_imports_of_a_module_are_found_in_its_text(name: str) -> None:
    assert set(imports_of(name)) == named_in(name)
    assert named_in(name) <= set(tree().files)


@pytest.mark.parametrize("scripts", sorted(set(EDITOR_SCRIPTS.values())))
def test_a_content_page_preloads_exactly_what_its_scripts_import(scripts: tuple[str, ...]) -> None:
    entries = ("js/content/editor.js", *scripts)
    wanted = set[str]().union(*(reachable(entry) for entry in entries)) - set(entries)
    assert {asset(name) for name in wanted} == set(preloads(entries))
    assert len(preloads(entries)) == len(wanted)


def test_the_bundles_of_others_import_nothing() -> None:
    for name, file in tree().files.items():
        if name.startswith("vendor/") and name.endswith(".js"):
            assert re.search(rb'(?:^|[;}])import\s*[\w{*"\']', file.identity) is None, name


def test_a_script_is_preceded_by_what_it_imports() -> None:
    tags = str(module_scripts("js/blocks/clipboard.js"))
    loads = re.findall(r'<link rel="modulepreload" href="([^"]+)">', tags)
    assert asset("js/blocks/document.js") in loads
    assert tags.endswith(f'<script type="module" src="{asset("js/blocks/clipboard.js")}"></script>')


def test_a_script_without_imports_has_no_preloads() -> None:
    assert "modulepreload" not in module_scripts("js/theme.js")


def test_an_unknown_script_in_a_template_is_an_error() -> None:
    with pytest.raises(KeyError):
        module_scripts("js/none.js")
