"""Every choice that the domain knows has a label, and the other way round."""

from campaigns.audience import suppressions
from campaigns.audience.imports import mapping, statuses
from campaigns.web import audience_labels


def test_every_choice_has_a_label() -> None:
    # A field is offered by its own name.
    assert {*audience_labels.ROLES, "field"} == {*mapping.ROLES}
    assert tuple(audience_labels.MEANINGS) == statuses.MEANINGS
    assert tuple(audience_labels.SUPPRESSION_REASONS) == suppressions.REASONS
