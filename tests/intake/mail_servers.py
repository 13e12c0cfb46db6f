"""A Postfix and a Dovecot of a test's own, on loopback.

Postfix delivers everything for example.org to Dovecot, which knows the mailboxes of USERS. Emails
to others bounce to their return path. Needs root, as both change users.
"""

import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USERS = ("b", "reader", "other")
PASSWORD = "tea"

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
recipient_delimiter = +
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
mail_uid = {uid}
mail_gid = {gid}
default_internal_user = dovecot
default_login_user = dovenull
auth_username_format = %n
auth_mechanisms = plain xoauth2
lmtp_save_to_detail_mailbox = no
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain
  args = scheme=plain {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
"""

_OAUTH2 = """
introspection_url = http://127.0.0.1:{tokens}/introspect
introspection_mode = auth
username_attribute = username
active_attribute = active
active_value = true
"""

_MAIN = """
compatibility_level = 3.7
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination = alias.example.org
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = example.org
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
transport_maps = inline:{{
  {{ intake.example.org = lmtp:inet:127.0.0.1:{intake} }} {{ pipe.example.org = campaigns: }} }}
relay_domains = intake.example.org pipe.example.org
default_transport = error:5.1.2 no such domain
recipient_delimiter = +
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps = texthash:{folder}/aliases
alias_database =
default_privs = mail
local_recipient_maps =
"""

_MASTER = """
127.0.0.1:{smtp} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
local unix - n n - - local
campaigns unix - n n - 1 pipe flags=q user=mail null_sender=
  argv={folder}/pipe/campaigns intake --pipe --to ${{recipient}} --from ${{sender}}
relay unix - - n - - smtp
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


_ALIASES = """
b "|{folder}/pipe/campaigns intake --pipe --to \\"$RECIPIENT\\" --from \\"$SENDER\\""
"""


@dataclass(frozen=True, slots=True)
class MailServers:
    """Their ports.

    `intake`: where Postfix delivers the emails for intake.example.org. Those for pipe.example.org
    and for b at alias.example.org go to the program `pipe/campaigns` in `folder`.
    """

    folder: Path
    smtp: int
    imap: int
    pop3: int
    intake: int
    tokens: dict[str, str]
    """Access tokens that Dovecot accepts, and their users."""

    def flush(self) -> None:
        """Let Postfix try again now what is in its queue."""
        _postfix(self.folder, "flush")


def are_installed() -> bool:
    """Return whether both programs are here, and this user may start them."""
    found = shutil.which("postfix", path=_PATH) and shutil.which("dovecot", path=_PATH)
    return bool(found) and os.geteuid() == 0


_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def mail_servers(folder: Path) -> Iterator[MailServers]:
    """Run both until the end of the block."""
    import pwd

    smtp, imap, pop3, lmtp, intake, introspection = _free_ports(6)
    postfix = pwd.getpwnam("postfix")
    mail = pwd.getpwnam("mail")
    folder.chmod(0o755)
    for name in ("run", "mail", "queue", "data", "conf", "pipe"):
        (folder / name).mkdir()
    os.chown(folder / "mail", mail.pw_uid, mail.pw_gid)
    os.chown(folder / "data", postfix.pw_uid, postfix.pw_gid)
    values = {
        "folder": folder, "smtp": smtp, "imap": imap, "pop3": pop3, "lmtp": lmtp,
        "intake": intake, "tokens": introspection, "uid": mail.pw_uid, "gid": mail.pw_gid,
    }  # fmt: skip
    lines = [f"{user}:{{PLAIN}}{PASSWORD}:{mail.pw_uid}:{mail.pw_gid}::::" for user in USERS]
    (folder / "users").write_text("\n".join(lines) + "\n")
    (folder / "dovecot.conf").write_text(_DOVECOT.format(**values))
    (folder / "oauth2.conf").write_text(_OAUTH2.format(**values))
    (folder / "aliases").write_text(_ALIASES.format(**values))
    (folder / "conf" / "main.cf").write_text(_MAIN.format(**values))
    (folder / "conf" / "master.cf").write_text(_MASTER.format(**values))
    tokens: dict[str, str] = {}
    with _introspecting(introspection, tokens), _running_dovecot(folder):
        _postfix(folder, "start")
        try:
            wait_for(smtp, imap, pop3, lmtp)
            yield MailServers(folder, smtp, imap, pop3, intake, tokens)
        finally:
            _postfix(folder, "stop")


@contextmanager
def _running_dovecot(folder: Path) -> Iterator[None]:
    dovecot = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")])
    try:
        yield
    finally:
        dovecot.terminate()
        dovecot.wait(10)


@contextmanager
def _introspecting(port: int, tokens: dict[str, str]) -> Iterator[None]:
    """Tell Dovecot whose access tokens are valid (RFC 7662)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            user = tokens.get(token)
            said = {"active": True, "username": user} if user else {"active": False}
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _postfix(folder: Path, command: str) -> None:
    done = subprocess.run(
        ["/usr/sbin/postfix", "-c", str(folder / "conf"), command],
        check=False, timeout=60, capture_output=True, text=True,
    )  # fmt: skip
    log = folder / "postfix.log"
    assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")


def _free_ports(count: int) -> Sequence[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(*ports: int, seconds: float = 30) -> None:
    """Return once something listens on each of these ports."""
    until = time.monotonic() + seconds
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until, f"nothing listens on port {port}"
                time.sleep(0.05)
