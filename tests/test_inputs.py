"""Form input, read by the names of a model's fields."""

from types import SimpleNamespace

from campaigns.inputs import FormInput


class Typed(FormInput):
    name: str = "a name"
    count: str = "0"
    is_on: bool = True


def test_a_form_is_read_as_typed() -> None:
    typed = Typed.read({"name": " Ann ", "is_on": "1", "unknown": "x"})
    assert (typed.name, typed.count, typed.is_on) == (" Ann ", "", True)
    assert not Typed.read({"count": "7"}).is_on, "an unticked checkbox is not submitted"


def test_a_form_shows_what_is_stored() -> None:
    shown = Typed.of(SimpleNamespace(name="Ann", count=7, is_on=False, other="x"))
    assert shown == Typed(name="Ann", count="7", is_on=False)
