"""What is wrong with a brand, and which of its texts are hard to read."""

from campaigns.wording.messages import N_, Message

SENTENCES: dict[str, Message] = {
    "brand_form.bad_colour": N_("Enter a color such as #4338ca."),
    "brand_form.bad_font": N_("Choose a font from the list."),
    "brand_form.bad_link": N_("Enter a web address such as https://www.example.com/."),
    "brand_form.bad_logo": N_(
        "Enter the web address of an image, such as https://www.example.com/logo.png."
    ),
    "brand_form.bad_number": N_("Enter a number from %(least)s to %(most)s."),
    "brand_form.dark_button_faint": N_(
        "Dark mode: the text of buttons is hard to read on the accent color (contrast %(ratio)s:1,"
        " should be 4.5:1)."
    ),
    "brand_form.dark_footer_faint": N_(
        "Dark mode: the footer is hard to read on the outer background (contrast %(ratio)s:1,"
        " should be 4.5:1)."
    ),
    "brand_form.dark_heading_faint": N_(
        "Dark mode: headings are hard to read on the email background (contrast %(ratio)s:1,"
        " should be 4.5:1)."
    ),
    "brand_form.dark_link_faint": N_(
        "Dark mode: links in the accent color are hard to read on the email background"
        " (contrast %(ratio)s:1, should be 4.5:1)."
    ),
    "brand_form.dark_text_faint": N_(
        "Dark mode: text is hard to read on the email background (contrast %(ratio)s:1,"
        " should be 4.5:1)."
    ),
    "brand_form.light_button_faint": N_(
        "Light mode: the text of buttons is hard to read on the accent color (contrast %(ratio)s:1,"
        " should be 4.5:1)."
    ),
    "brand_form.light_footer_faint": N_(
        "Light mode: the footer is hard to read on the outer background (contrast %(ratio)s:1,"
        " should be 4.5:1)."
    ),
    "brand_form.light_heading_faint": N_(
        "Light mode: headings are hard to read on the email background (contrast %(ratio)s:1,"
        " should be 4.5:1)."
    ),
    "brand_form.light_link_faint": N_(
        "Light mode: links in the accent color are hard to read on the email background"
        " (contrast %(ratio)s:1, should be 4.5:1)."
    ),
    "brand_form.light_text_faint": N_(
        "Light mode: text is hard to read on the email background (contrast %(ratio)s:1,"
        " should be 4.5:1)."
    ),
    "brand_form.sender_missing": N_("This sender address was deleted. Choose another one."),
    "brand_form.too_long": N_("The text is too long. Use at most %(most)s characters."),
}
