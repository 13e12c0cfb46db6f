"""About a thousand plausible subscribers, the same ones at every start."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

GIVEN = (  # noqa: SIM905  (far shorter to read than a list)
    "Ada Alma Amir Anouk Arda Astrid Aylin Beatriz Bela Björn Caio Camille Chiara Clara Daan "
    "Dalia Daniel Delphine Diego Dorota Edda Elif Elin Emil Emre Enzo Ewa Fatima Femke Finn "
    "Florence Frida Gabriel Giulia Greta Hamza Hana Hanna Hugo Ida Ilse Imani Ines Ingrid Iris "
    "Ismael Jana Jasper Joana Jonas Josefine Jules Kaan Karin Katya Kenji Kofi Lara Lars Leila "
    "Lena Leo Lina Linus Liv Lotte Lucia Luka Mads Maja Malik Malin Mara Marek Mateo Maya Mei "
    "Mila Milan Mina Miro Nadia Nils Noa Noor Nora Olga Oskar Otto Pablo Pauline Pia Piotr "
    "Quentin Rania Ravi Rosa Ruben Runa Sami Sara Selma Simone Sofia Stella Sven Tara Teo Thea "
    "Tilda Tom Uma Vera Victor Wanda Yara Yuki Zeynep Zora"
).split()
FAMILY = (  # noqa: SIM905  (far shorter to read than a list)
    "Abel Adler Almeida Andersson Arslan Bakker Baranowski Bauer Becker Berg Bianchi Brandt "
    "Bruun Castro Costa Dahl Demir Dubois Eriksen Falk Faure Fischer Fontana Fuchs Garnier "
    "Gomez Haas Hansen Hartmann Hoffmann Holm Horvat Ivanova Jansen Jensen Kaya Keller Koch "
    "Kowalska Kraus Lambert Lang Larsen Lehmann Lindqvist Lopez Marin Martens Mendes Meyer "
    "Moreau Moretti Nagy Nielsen Novak Okafor Olsen Ortega Ozturk Petrov Pereira Peters Quist "
    "Rahman Ramos Richter Rossi Roux Sahin Santos Sato Schmitt Silva Simon Sorensen Stein "
    "Sundberg Tanaka Torres Ulrich Vargas Vermeer Vidal Voigt Wagner Weber Winther Wolf Yilmaz "
    "Zimmer"
).split()
DOMAINS = (
    ("gmailish.example", 34),
    ("outlooking.example", 18),
    ("yahoolike.example", 9),
    ("icloudish.example", 8),
    ("webpost.example", 8),
    ("freemail.example", 7),
    ("northlight-studio.example", 4),
    ("bakery-lund.example", 3),
    ("hafenstrasse.example", 3),
    ("atelier-roux.example", 3),
    ("city-library.example", 3),
)
MAILBOX_GROUPS = {
    "gmailish.example": "google",
    "outlooking.example": "outlook",
    "yahoolike.example": "yahoo",
    "icloudish.example": "apple",
}
CITIES = ("Hamburg", "Copenhagen", "Rotterdam", "Antwerp", "Gdansk", "Malmö", "Bremen", "Lisbon")
FAVOURITES = ("espresso", "filter", "cold brew", "decaf", "cappuccino")
PLANS = ("none", "none", "none", "monthly bag", "monthly bag", "two bags a month")


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A subscriber of the demo."""

    address: str
    domain: str
    first_name: str
    last_name: str
    attributes: dict[str, Any]
    joined_at: datetime


def people(count: int, *, now: datetime, seed: int = 7) -> Iterator[DemoPerson]:
    """Return this many people with distinct addresses, who joined in the last two years."""
    chance = random.Random(seed)  # noqa: S311  (sample data, not secrets)
    others = random.Random(seed)  # noqa: S311
    born = datetime(1948, 1, 1, tzinfo=now.tzinfo)
    domains, weights = zip(*DOMAINS, strict=True)
    taken: set[str] = set()
    while len(taken) < count:
        given, family = chance.choice(GIVEN), chance.choice(FAMILY)
        domain = chance.choices(domains, weights)[0]
        local = _plain(f"{given}.{family}")
        address = f"{local}@{domain}"
        if address in taken:
            address = f"{local}{chance.randint(2, 99)}@{domain}"
        if address in taken:
            continue
        taken.add(address)
        attributes = {
            "city": chance.choice(CITIES),
            "favourite": chance.choice(FAVOURITES),
            "subscription": chance.choice(PLANS),
            "orders": min(40, int(chance.expovariate(0.25))),
        }
        joined = now - timedelta(days=chance.uniform(1, 720))
        # One in twelve never gave a name: campaigns need their fallbacks.
        names = ("", "") if chance.random() < 1 / 12 else (given, family)
        if others.random() < 2 / 3:
            attributes["birthday"] = f"{born + timedelta(days=others.randrange(20_000)):%Y-%m-%d}"
        yield DemoPerson(address, domain, *names, attributes, joined)


_LETTERS = str.maketrans("äöüåøéèñç", "aouaoeenc")


def _plain(text: str) -> str:
    return text.lower().replace("æ", "ae").replace("ß", "ss").translate(_LETTERS)
