"""Pages load every module that their scripts import, and no other."""

import posixpath
import re
from pathlib import Path

import pytest

from campaigns.web.content.edit import SCRIPTS
from campaigns.web.script_modules import (
    BUNDLES,
    ModuleError,
    bundle,
    graph,
    imports_of,
)
from campaigns.web.script_tags import module_scripts, preloads
from campaigns.web.static_files import asset, tree

OWN = sorted(name for name in tree().files if name.startswith("js/") and name not in BUNDLES)
PATH = re.compile(r"""["'](\.{1,2}/[^"']+)["']""")
LATER = re.compile(r"""\bimport\(\s*["']([^"']+)["']""")
STATIC = Path("static").resolve()


def named_in(name: str) -> set[str]:
    """Every file that a module names, except those that it loads later."""
    text = (STATIC / name).read_text("utf-8")
    folder = (STATIC / name).parent
    paths = set(PATH.findall(text)) - set(LATER.findall(text))
    return {(folder / path).resolve().relative_to(STATIC).as_posix() for path in paths}


def loaded_later(name: str) -> set[str]:
    paths = LATER.findall(tree().texts[name])
    return {posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in paths}


def reachable(entry: str) -> set[str]:
    found, new = set[str](), {entry}
    while new:
        found |= new
        new = {one for name in new if name in OWN for one in named_in(name)} - found
    return found


@pytest.mark.parametrize("name", OWN)
def test_the_imports_of_a_module_are_found_in_its_text(name: str) -> None:
    assert set(imports_of(name, tree().texts[name])) == named_in(name)
    assert named_in(name) <= set(tree().files)


@pytest.mark.parametrize("name", sorted(BUNDLES))
def test_a_bundle_holds_exactly_what_its_scripts_import(name: str) -> None:
    wanted = set[str]().union(*(reachable(entry) for entry in BUNDLES[name]))
    text = tree().texts[name]
    held = re.findall(r"^// (js/\S+)\nconst m\d+ = ", text, re.MULTILINE)
    assert len(held) == len(set(held))
    assert set(held) == {one for one in wanted if one in OWN}
    assert {asset(one) for one in wanted - set(OWN)} == set(preloads((name,)))


@pytest.mark.parametrize("name", sorted(BUNDLES))
def test_what_a_bundle_loads_later_shares_no_module_with_it(name: str) -> None:
    """A module that runs twice would have two states."""
    held = set(graph(BUNDLES[name], tree().texts))
    later = set[str]().union(*(loaded_later(one) for one in held if one in OWN))
    assert "js/media_picker.js" in later
    assert later == loaded_later(name)
    assert held.isdisjoint(graph(later, tree().texts))


def test_a_content_page_runs_all_its_scripts_as_one_bundle() -> None:
    assert set(SCRIPTS.values()) == set(BUNDLES)


def test_a_module_of_a_bundle_runs_once_after_what_it_imports() -> None:
    sources = {
        "js/a.js": 'import { b as c } from "./deep/b.js";\nimport "./d.js";\nc();\n',
        "js/d.js": 'import { b } from "./deep/b.js";\nb();\n',
        "js/deep/b.js": 'import E from "../../vendor/e.js";\n'
        'export function b() {\n  return import("../later.js");\n}\nexport const f = E;\n',
        "vendor/e.js": "export{x as default};",
    }
    assert bundle("js/page/all.js", ["js/a.js", "js/d.js"], sources) == (
        'import * as m0 from "../../vendor/e.js";\n'
        "// js/deep/b.js\nconst m1 = (() => {\nconst { default: E } = m0;\n"
        'function b() {\n  return import("../later.js");\n}\n'
        "const f = E;\n\nreturn { b, f };\n})();\n"
        "// js/d.js\nconst m2 = (() => {\nconst { b } = m1;\nb();\n\n})();\n"
        "// js/a.js\nconst m3 = (() => {\nconst { b: c } = m1;\n\nc();\n\n})();\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "export default 1;",
        "export let a = 1;",
        "const a = 1;\nexport { a };",
        'export * from "./b.js";',
        'import * as b from "./b.js";',
        "import b from './b.js';",
        "const here = import.meta.url;",
        "await 1;",
    ],
)
def test_a_module_that_a_bundle_would_change_is_refused(text: str) -> None:
    with pytest.raises(ModuleError):
        bundle("js/all.js", ["js/a.js"], {"js/a.js": text, "js/b.js": ""})


def test_modules_that_import_each_other_are_refused() -> None:
    sources = {"a.js": 'import "./b.js";', "b.js": 'import "./a.js";'}
    with pytest.raises(ModuleError, match="imports itself"):
        graph(["a.js"], sources)


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
