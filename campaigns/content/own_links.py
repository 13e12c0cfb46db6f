"""The addresses of ours in a message: unsubscribe, view, open pixel, counted links.

Each is a constant beginning, a signed token and a constant end, so its encoded form is put
together from three parts as well.
"""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from campaigns.content.quoted import SOFT, encode
from campaigns.tokens import ClickLink, DeliveryRef, Signer, click_path, open_token

_PIXEL_END = (
    '.gif" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
)


class _Address:
    """Text around a token of URL-safe base64, ready in both forms."""

    __slots__ = ("_after", "_before", "_encoded_after", "_encoded_before")

    def __init__(self, before: str, after: str = "") -> None:
        self._before, self._after = before, after
        self._encoded_before, self._encoded_after = encode(before), SOFT + encode(after)

    def fill(self, token: str, encoded: dict[str, bytes]) -> str:
        """The text with this token in it; its encoded form goes to `encoded`."""
        text = f"{self._before}{token}{self._after}"
        encoded[text] = self._encoded_before + token.encode("ascii") + self._encoded_after
        return text


class OwnLinks:
    """`fixed` are the counted links: the template variable, the number, the target of each."""

    def __init__(self, base: str, signer: Signer, fixed: Iterable[tuple[str, int, str]]) -> None:
        self._base, self._signer = base, signer
        self._unsubscribe, self._view = _Address(f"{base}/u/"), _Address(f"{base}/v/")
        self._pixel = _Address(f'<img src="{base}/o/', _PIXEL_END)
        self._clicks: list[tuple[str, ClickLink, _Address]] = []
        for variable, number, target in fixed:
            link = ClickLink(signer, number, target)
            address = _Address(f"{base}/c/", f"/{link.encoded_target}")
            self._clicks.append((variable, link, address))

    def add_ways_out(
        self, ref: DeliveryRef, values: dict[str, Any], encoded: dict[str, bytes]
    ) -> None:
        """What every message has: the ways to unsubscribe and to the browser."""
        packed, sign = ref.pack(), self._signer.sign
        unsubscribe, view = sign("unsubscribe", packed), sign("view", packed)
        values["unsubscribe_url"] = self._unsubscribe.fill(unsubscribe, encoded)
        values["view_url"] = self._view.fill(view, encoded)

    def add_pixel(
        self, delivery_id: int, values: dict[str, Any], encoded: dict[str, bytes]
    ) -> None:
        pixel = self._pixel.fill(open_token(self._signer, delivery_id), encoded)
        values["_pixel"] = Markup(pixel)  # noqa: S704 - a token of ours

    def add_clicks(
        self, delivery_id: int, values: dict[str, Any], encoded: dict[str, bytes]
    ) -> None:
        for variable, link, address in self._clicks:
            values[variable] = address.fill(link.token(delivery_id), encoded)

    def tracked(self, delivery_id: int, number: int, target: str) -> str:
        """A counted link whose target is another one for everybody."""
        return f"{self._base}/c/{click_path(self._signer, delivery_id, number, target)}"
