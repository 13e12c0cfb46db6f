"""The headers of a message: constant lines and personal ones.

Constant lines are the same objects in every message, so that a signer recognizes them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from campaigns import addresses
from campaigns.content.mime import message
from campaigns.messages import Recipient
from campaigns.tokens import Signer, delivery_token

_EPOCH = datetime.fromtimestamp(0, UTC)
_SECOND = timedelta(seconds=1)


def _wire_address(address: str) -> tuple[str, str]:
    """Return (address with A-labels, its domain).

    Accepts anything, as drafts may have no sender.
    """
    address = message.clean_address(address)
    try:
        parsed = addresses.parse(address)
    except addresses.InvalidAddressError:
        domain = address.rpartition("@")[2].encode("ascii", "ignore").decode().lower()
        return address, domain or "localhost"
    return parsed.text, parsed.domain


class Head:
    """Builds the headers.

    `echoed_header` is a header with `%s` for the token of the delivery, or "". `content_type`: the
    body's header, with its line ending. `unsubscribe_domain`: if it is the sender's domain, emails
    to the return path unsubscribe, which List-Unsubscribe then offers, too.
    """

    def __init__(
        self,
        *,
        signer: Signer,
        sender_name: str,
        sender_address: str,
        reply_to: str,
        campaign_public_id: str,
        list_names: Mapping[int, str],
        use_return_path: bool,
        echoed_header: str,
        one_click: bool,
        unsubscribe_domain: str,
        content_type: bytes,
    ) -> None:
        self._signer, self._list_names = signer, list_names
        self._use_return_path, self._echoed_header = use_return_path, echoed_header
        self._sender, self._domain = _wire_address(sender_address)
        self._takes_email = unsubscribe_domain == self._domain
        self._campaign = campaign_public_id.encode()
        self._list_ids: dict[int, bytes] = {}
        self._date = (_EPOCH, _EPOCH, b"")
        self._token = (0, "")
        self._first = [message.mailbox("From", sender_name, self._sender)]
        if reply_to:
            self._first.append(message.mailbox("Reply-To", "", _wire_address(reply_to)[0]))
        campaign = message.clean(campaign_public_id, 64).replace(":", "")
        sender_id = hashlib.sha256(self._domain.encode()).hexdigest()[:12]
        self._last = [
            f"Feedback-ID: {campaign}:campaigns:bulk:{sender_id}\r\n".encode("ascii", "replace"),
            b"Precedence: bulk\r\n",
            b"MIME-Version: 1.0\r\n",
            content_type,
        ]
        if one_click:
            self._last.insert(0, b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")

    def lines(
        self,
        recipient: Recipient,
        *,
        subject: str,
        unsubscribe_url: str,
        now: datetime,
        message_id_domain: str | None,
    ) -> list[bytes]:
        """Return the headers for one recipient, with line endings. `subject` must be clean."""
        return [
            *self._first,
            message.mailbox("To", recipient.name, recipient.address),
            message.unstructured("Subject", subject),
            self._date_line(now),
            self._message_id(recipient, now, message_id_domain or self._domain),
            self._list_ids.get(recipient.list_id) or self._list_id(recipient.list_id),
            self._list_unsubscribe(unsubscribe_url, recipient.delivery_id),
            *self._token_lines(recipient.delivery_id),
            *self._last,
        ]

    def return_path(self, delivery_id: int) -> str:
        """Return the envelope sender of a delivery."""
        if delivery_id and self._use_return_path:
            return f"b+{self._token_of(delivery_id)}@{self._domain}"
        return self._sender

    def _token_of(self, delivery_id: int) -> str:
        """Return the token of a delivery; that of the last one is kept, as it is used twice."""
        known_id, token = self._token
        if known_id != delivery_id:
            token = delivery_token(self._signer, delivery_id)
            self._token = (delivery_id, token)
        return token

    def _list_unsubscribe(self, url: str, delivery_id: int) -> bytes:
        """Return the List-Unsubscribe header (RFC 2369), the preferred way first."""
        if not (delivery_id and self._takes_email):
            return f"List-Unsubscribe: <{url}>\r\n".encode("ascii")
        address = f"b+{self._token_of(delivery_id)}@{self._domain}"
        way = f" <mailto:{address}?subject=unsubscribe>"
        return f"List-Unsubscribe: <{url}>,\r\n{way}\r\n".encode("ascii")

    def _token_lines(self, delivery_id: int) -> Sequence[bytes]:
        """Return the header from which the provider copies the token into its webhooks."""
        if not (delivery_id and self._echoed_header):
            return ()
        return (f"{self._echoed_header % self._token_of(delivery_id)}\r\n".encode("ascii"),)

    def _date_line(self, now: datetime) -> bytes:
        """Return the Date header, cached for a second."""
        begin, end, line = self._date
        if not begin <= now < end:
            begin = now.replace(microsecond=0)
            line = f"Date: {format_datetime(now.astimezone(UTC))}\r\n".encode("ascii")
            self._date = (begin, begin + _SECOND, line)
        return line

    def _message_id(self, recipient: Recipient, now: datetime, domain: str) -> bytes:
        """Return an id that is the same for every attempt of a delivery; unique for test emails.

        It contains the token of the delivery: many returned emails quote nothing else of ours.
        """
        if recipient.delivery_id:
            unique = self._token_of(recipient.delivery_id)
        else:
            payload = f"{recipient.address} {now.isoformat()}".encode("utf-8", "replace")
            unique = self._signer.signature("message_id", payload + self._campaign).hex()
        return f"Message-ID: <{unique}@{domain}>\r\n".encode("ascii", "ignore")

    def _list_id(self, list_id: int) -> bytes:
        name = self._list_names.get(list_id, "")
        line = self._list_ids[list_id] = message.list_id(name, list_id, self._domain)
        return line
