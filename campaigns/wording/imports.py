"""Reasons why a file, its columns or one of its rows cannot be imported."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    # The file
    "import_file.archive": N_("This is an archive. Unpack it and upload the CSV file inside."),
    "import_file.compressed": N_(
        "This file is compressed. Unpack it and upload the CSV file inside."
    ),
    "import_file.database": N_("This is a database. Export the addresses as CSV."),
    "import_file.disk_full": N_(
        "The server’s disk has no room for this file, so none of it was saved."
        " Free some space, or split the file into smaller ones."
    ),
    "import_file.empty": N_("The file is empty. Choose another one."),
    "import_file.excel": N_(
        "This is an Excel file. In Excel, choose “Save as”, then “CSV UTF-8”, and upload that file."
    ),
    "import_file.gone": N_(
        "The uploaded file is no longer there. Everyone imported so far is on the list."
        " Upload the file again for the rest; nobody is added twice."
    ),
    "import_file.image": N_("This is an image. Export the addresses as CSV."),
    "import_file.libreoffice": N_(
        "This is a LibreOffice file. In LibreOffice, choose “Save as”, then “Text CSV”,"
        " and upload that file."
    ),
    "import_file.missing": N_(
        "The uploaded file is no longer there. Discard this import and upload the file again."
    ),
    "import_file.not_readable": N_("The uploaded file cannot be read (%(detail)s). Try again."),
    "import_file.not_stored": N_(
        "The file could not be stored (%(detail)s), so none of it was saved. Try again."
    ),
    "import_file.not_suppressions": N_(
        "This is not an export of the suppression list. Its columns are %(columns)s."
        " Use “campaigns import” for other files."
    ),
    "import_file.not_text": N_("This is not a text file. Export the addresses as CSV."),
    "import_file.pdf": N_("This is a PDF. Export the addresses as CSV and upload that file."),
    "import_file.utf_32": N_(
        "This file is written in UTF-32. Save it as “CSV UTF-8” and upload that file."
    ),
    "import_file.web_page": N_("This is a web page. Export the addresses as CSV."),
    # Its columns
    "import_mapping.attribute_twice": N_(
        "The attribute “%(name)s” is chosen for more than one column."
    ),
    "import_mapping.bad_attribute_name": N_(
        "“%(name)s” cannot be the name of an attribute. Use lower-case letters, digits and _,"
        " start with a letter, and use at most %(most)s characters."
    ),
    "import_mapping.first_name_twice": N_("“First name” is chosen for more than one column."),
    "import_mapping.last_name_twice": N_("“Last name” is chosen for more than one column."),
    "import_mapping.name_twice": N_("“Name” is chosen for more than one column."),
    "import_mapping.no_dialect": N_("Choose an encoding and a delimiter."),
    "import_mapping.no_list": N_("Choose the list to import these people into."),
    "import_mapping.not_previewed": N_("The file is read differently now. Check the columns."),
    "import_mapping.one_address": N_("Choose exactly one column that holds the email address."),
    "import_mapping.reserved_attribute": N_(
        "“%(name)s” is a built-in merge tag. Choose another name for the attribute."
    ),
    "import_mapping.too_many_attributes": N_(
        "At most %(most)s columns can become attributes. Leave some out."
    ),
    "import_mapping.too_many_status_values": N_(
        "The column “%(title)s” has too many different values for a status."
        " Import it as an attribute, or do not import it."
    ),
    "import_mapping.unclear_notation": N_(
        "The values of the column “%(title)s” can be read in two ways. Choose how they are written."
    ),
    "import_mapping.unclear_empty_cells": N_(
        "Choose what empty cells of the column “%(title)s” mean."
    ),
    "import_mapping.unclear_values": N_(
        "Choose what these values of the column “%(title)s” mean: %(values)s."
    ),
    "import_mapping.unclear_values_and_empty_cells": N_(
        "Choose what empty cells and these values of the column “%(title)s” mean: %(values)s."
    ),
    "import_mapping.unknown_role": N_("Choose what to do with each column."),
    # A row
    "import_row.attribute_too_long": N_(
        "“%(name)s” is too long. It can have at most %(most)s characters."
    ),
    "import_row.bad_time": N_("“%(value)s” is not a time. Write it as 2024-02-01T09:00:00+00:00."),
    "import_row.bad_value": N_("The value does not fit “%(label)s”: %(problem)s"),
    "import_row.broken_quote": N_(
        "A quotation mark is in the wrong place. Write quotation marks inside a cell twice."
    ),
    "import_row.name_too_long": N_(
        "The name is too long. It can have at most %(most)s characters."
    ),
    "import_row.no_address": N_("The row has no address."),
    "import_row.nul_bytes": N_("The row contains NUL bytes, so the file may be damaged here."),
    "import_row.open_quote": N_("A quotation mark is opened in this row and never closed."),
    "import_row.pending": N_(
        "This person was asked to confirm and has not done so. An import cannot confirm for them."
    ),
    "import_row.suppressed_complaint": N_(
        "This address is on the suppression list (spam complaint), so it was not added."
    ),
    "import_row.suppressed_erased": N_(
        "This address is on the suppression list (asked to be forgotten), so it was not added."
    ),
    "import_row.suppressed_hard_bounce": N_(
        "This address is on the suppression list (hard bounce), so it was not added."
    ),
    "import_row.suppressed_manual": N_(
        "This address is on the suppression list (added manually), so it was not added."
    ),
    "import_row.too_long": N_("The row is longer than a megabyte."),
    "import_row.too_many_cells": N_(
        "The row has %(cells)s cells where %(expected)s are expected."
        " Put a cell that contains the delimiter in quotation marks."
    ),
    "import_row.unknown_status": N_(
        "“%(value)s” in the column “%(title)s” is not a known status."
        " Import this row again and choose what it means."
    ),
    "import_row.unknown_suppression": N_("“%(value)s” is not a reason for a suppression."),
    "import_row.unsubscribed": N_(
        "This person unsubscribed from the list. Only they can come back."
    ),
    "import_row.wrong_encoding": N_(
        "The row contains characters that are not %(encoding)s. Check the encoding of the file."
    ),
    "import_row.wrong_number_of_cells": N_("The row has %(cells)s cells instead of %(expected)s."),
}
