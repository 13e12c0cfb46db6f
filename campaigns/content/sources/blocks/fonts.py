"""The fonts of a brand, as families that recipients have."""

FONTS = {
    "sans": "-apple-system,'Segoe UI',Roboto,Arial,sans-serif",
    "serif": "Georgia,Cambria,'Times New Roman',serif",
    "mono": "SFMono-Regular,Menlo,Consolas,'Courier New',monospace",
    "arial": "Arial,Helvetica,sans-serif",
    "georgia": "Georgia,serif",
    "verdana": "Verdana,Geneva,sans-serif",
    "trebuchet": "'Trebuchet MS',Helvetica,sans-serif",
    "times": "'Times New Roman',Times,serif",
    "courier": "'Courier New',Courier,monospace",
}

OUTLOOK_FONTS = FONTS | {
    "sans": "'Segoe UI',Arial,sans-serif",
    "mono": "Consolas,'Courier New',monospace",
}
"""The same for Outlook, which takes Times for a family whose first font it does not have."""
