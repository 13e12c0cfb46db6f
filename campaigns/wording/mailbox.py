"""Why the built-in mailbox cannot be opened or read."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "mailbox_error.busy": N_("Another program is using the mailbox file %(path)s. Try again soon."),
    "mailbox_error.cannot_listen": N_(
        "The mailbox cannot listen on %(host)s:%(port)s (%(error)s). Use 127.0.0.1 and set"
        " MAILBOX_PORT to a free port."
    ),
    "mailbox_error.cannot_write": N_(
        "The mailbox file %(path)s cannot be written (%(error)s). Set DATA_DIR to another folder."
    ),
    "mailbox_error.damaged": N_(
        "The mailbox file %(path)s is damaged. It holds only captured emails. Stop the mailbox,"
        " delete %(name)s, %(name)s-wal and %(name)s-shm, then start it again."
    ),
    "mailbox_error.disk_full": N_(
        "The disk with the mailbox file %(path)s is full. Free some space, then try again."
    ),
    "mailbox_error.other_version": N_(
        "The mailbox file %(path)s was made by another version of Campaigns (format %(found)s; this"
        " version reads %(known)s). It holds only captured emails. Stop the mailbox, delete"
        " %(name)s, %(name)s-wal and %(name)s-shm, then start it again."
    ),
    "mailbox_error.port_privileged": N_(
        "Port %(port)s needs root privileges. Set MAILBOX_PORT to a port above 1023."
    ),
    "mailbox_error.port_taken": N_(
        "Port %(port)s on %(host)s is taken, so the mailbox cannot open. Set MAILBOX_PORT to"
        " another port, or stop the program that uses this one."
    ),
    "mailbox_error.unusable": N_("The mailbox file %(path)s cannot be used: %(error)s."),
}
