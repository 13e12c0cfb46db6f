"""Our own URLs in a message: unsubscribe, view, open pixel, tracked links.

Each is a constant beginning, a signed token and a constant end, so its encoded form is joined from
three parts as well.
"""

from collections.abc import Iterable
from typing import Any

from markupsafe import escape

from campaigns.content.mime.quoted_printable import SOFT, Ready, encode
from campaigns.tokens import ClickLink, Signer, click_path, open_token

_PIXEL_END = (
    '.gif" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
)


class _Address:
    """Text around a token of URL-safe base64, ready in both forms."""

    __slots__ = ("_after", "_before", "_encoded_after", "_encoded_before", "_is_safe")

    def __init__(self, before: str, after: str = "", *, is_html: bool = False) -> None:
        self._before, self._after = before, after
        self._encoded_before, self._encoded_after = encode(before), SOFT + encode(after)
        self._is_safe = is_html or escape(before + after) == before + after

    def fill(self, token: str) -> str:
        text = f"{self._before}{token}{self._after}"
        if not self._is_safe:
            return text
        ready = Ready(text)
        ready.encoded = self._encoded_before + token.encode("ascii") + self._encoded_after
        return ready


class OwnLinks:
    """The URLs of a campaign.

    `fixed`: template variable, number and target of each tracked link.
    """

    def __init__(self, base: str, signer: Signer, fixed: Iterable[tuple[str, int, str]]) -> None:
        self._base, self._signer = base, signer
        self._unsubscribe, self._view = _Address(f"{base}/u/"), _Address(f"{base}/v/")
        self._pixel = _Address(f'<img src="{escape(base)}/o/', _PIXEL_END, is_html=True)
        self._clicks: list[tuple[str, ClickLink, _Address]] = []
        for variable, number, target in fixed:
            link = ClickLink(signer, number, target)
            address = _Address(f"{base}/c/", f"/{link.encoded_target}")
            self._clicks.append((variable, link, address))

    def add_system_links(self, packed: bytes, values: dict[str, Any]) -> None:
        """Add the unsubscribe and view URLs, which every message has.

        `packed` is a DeliveryRef.
        """
        sign = self._signer.sign
        values["unsubscribe_url"] = self._unsubscribe.fill(sign("unsubscribe", packed))
        values["view_url"] = self._view.fill(sign("view", packed))

    def add_pixel(self, delivery_id: int, values: dict[str, Any]) -> None:
        """Add the URL of the open pixel to the values of a message."""
        values["_pixel"] = self._pixel.fill(open_token(self._signer, delivery_id))

    def add_clicks(self, delivery_id: int, values: dict[str, Any]) -> None:
        """Add the URLs of tracked links to the values of a message."""
        for variable, link, address in self._clicks:
            values[variable] = address.fill(link.token(delivery_id))

    def tracked(self, delivery_id: int, number: int, target: str) -> str:
        """Return a tracked link with a personal target."""
        return f"{self._base}/c/{click_path(self._signer, delivery_id, number, target)}"
