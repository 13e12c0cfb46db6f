"""StarterDesign designs are valid documents, and every one is registered."""

import pytest

from campaigns.content.library import starters
from campaigns.content.library.starters import StarterDesign
from campaigns.content.sources.blocks.document import Document, FooterRow
from campaigns.paths import resource_root


@pytest.mark.parametrize("starter", starters.all(), ids=lambda one: one.name)
def test_a_starter_is_a_document_that_ends_with_the_legal_footer(starter: StarterDesign) -> None:
    document = Document.model_validate_json(starter.document)
    assert len(document.rows) > 1
    assert isinstance(document.rows[-1], FooterRow)
    assert starters.find(starter.name) == starter


def test_every_document_is_registered_once() -> None:
    files = {path.stem for path in (resource_root() / "templates/newsletter").glob("*.json")}
    names = [one.name for one in starters.all()]
    assert sorted(names) == sorted(files)
    assert starters.find("nothing") is None
