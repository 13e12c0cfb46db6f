"""Files that others wrote, to be saved and never shown by the browser."""

import io

from flask import Response, send_file

DOWNLOAD_CSP = "default-src 'none'; sandbox"


def download(content: bytes, name: str, content_type: str = "application/octet-stream") -> Response:
    """Return the content as a file to save."""
    answer = send_file(
        io.BytesIO(content), mimetype=content_type, as_attachment=True, download_name=name
    )
    answer.headers["Content-Security-Policy"] = DOWNLOAD_CSP
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
