"""Made-up names for the generated catalogue, from word lists; they name no real artist."""

from __future__ import annotations

from spotify_sandbox.ids import Draw

_ADJECTIVES = (
    "Amber", "Brittle", "Cobalt", "Distant", "Electric", "Feral", "Gilded", "Hollow", "Idle",
    "Jagged", "Kindred", "Lunar", "Mellow", "Nocturnal", "Ochre", "Paper", "Quiet", "Restless",
    "Salted", "Tidal", "Upward", "Velvet", "Wandering", "Young", "Zinc", "Borrowed", "Crooked",
    "Drowsy", "Frosted", "Tender",
)  # fmt: skip
_NOUNS = (
    "Antenna", "Beacon", "Canal", "Drifter", "Ember", "Ferry", "Glacier", "Harbour", "Island",
    "Junction", "Kettle", "Lantern", "Meadow", "Needle", "Orchard", "Pylon", "Quarry", "River",
    "Signal", "Teacup", "Umbrella", "Viaduct", "Window", "Yard", "Zeppelin", "Causeway", "Foundry",
    "Gasworks", "Lighthouse", "Tramway",
)  # fmt: skip
_VERBS = (
    "Carry", "Follow", "Forget", "Hold", "Leave", "Mend", "Outrun", "Paint", "Remember",
    "Swim Past", "Trade", "Unfold", "Wait For", "Wake", "Whisper To", "Call",
)  # fmt: skip
_GIVEN = (
    "Adaeze", "Björn", "Chloé", "Dörte", "Eirlys", "Fenna", "Günay", "Héctor", "Ilse", "Jiří",
    "Kōji", "Łucja", "Małgosia", "Núria", "Øyvind", "Påvel", "Renée", "Søren", "Tomáš", "Ülo",
    "Vígdis", "Wéi", "Ximena", "Zoë",
)  # fmt: skip
_FAMILY = (
    "Abernott", "Blåkulla", "Crânhill", "Dvořinský", "Eßlinghof", "Fjärdqvist", "Grześkowy",
    "Hvítadal", "Ibarrondo", "Jõgevest", "Kőszegvári", "Lindquell", "Müntzberg", "Næstholm",
    "Oyelarin", "Pąkówna", "Quintaval", "Şahintepe", "Tŷcoed", "Ünalmiş", "Vaňkovec",
    "Wrzosek-Holt", "Yildiran", "Žižkovar",
)  # fmt: skip
_OTHER_SCRIPTS = (
    "夜の踏切", "灰色電車", "Тихий Перрон", "Сонячна Крапля", "Νυχτερινό Πλοίο", "קרון אחרון", "قطار الفجر",
    "푸른 정류장", "雨后车站", "สถานีฝน", "Գարնան Կայարան", "წვიმის სადგური",
)  # fmt: skip
_SUFFIXES = ("Song", "Theme", "Blues", "No. 2", "at Night", "Élégie", "“Ōta”")
_OCCASIONS = ("Mornings", "Mix", "Evenings", "Runs", "Kitchen", "Train Rides")
_VERSIONS = ("Live", "Acoustic", "Remastered", "Radio Edit", "Instrumental", "Demo")
GENRES = (
    "harbour pop", "tram jazz", "granular folk", "canal house", "paper punk", "northern drill",
    "slow disco", "chamber noise", "tea-room soul", "gravel country", "polder techno",
    "fjord metal", "kettle blues", "rain ambient",
)  # fmt: skip
LABELS = ("Crooked Pylon Records", "Ochre Tramway", "Salted Lantern Music", "Number Nine Quay", "Own release")


def artist_name(draw: Draw) -> str:
    """Return the name of a band or a person; one in twelve in another script, many with diacritics."""
    style = draw.below(12)
    if style == 0:
        return f"{draw.pick(_OTHER_SCRIPTS)} {draw.between(1, 99)}"
    if style <= 5:
        return person_name(draw)
    if style <= 8:
        return f"The {draw.pick(_ADJECTIVES)} {draw.pick(_NOUNS)}s"
    if style == 9:
        return f"DJ {draw.pick(_NOUNS)} & {draw.pick(_GIVEN)}"
    return f"{draw.pick(_ADJECTIVES)} {draw.pick(_NOUNS)}"


def person_name(draw: Draw) -> str:
    """Return a given and a family name."""
    return f"{draw.pick(_GIVEN)} {draw.pick(_FAMILY)}"


def playlist_name(draw: Draw) -> str:
    """Return a title of a playlist."""
    return f"{draw.pick(_ADJECTIVES)} {draw.pick(_OCCASIONS)}"


def album_name(draw: Draw) -> str:
    """Return a title of an album."""
    style = draw.below(5)
    if style == 0:
        return f"{draw.pick(_ADJECTIVES)} {draw.pick(_NOUNS)}, Vol. {draw.between(1, 4)}"
    if style == 1:
        return f"{draw.pick(_VERBS)} the {draw.pick(_NOUNS)}"
    if style == 2:
        return f"{draw.pick(_OTHER_SCRIPTS)}"
    return f"{draw.pick(_ADJECTIVES)} {draw.pick(_NOUNS)}"


def track_name(draw: Draw) -> str:
    """Return a title of a track; one in ten is a version."""
    title = (
        f"{draw.pick(_VERBS)} the {draw.pick(_ADJECTIVES)} {draw.pick(_NOUNS)}"
        if draw.chance(0.5)
        else f"{draw.pick(_NOUNS)} {draw.pick(_SUFFIXES)}"
    )
    return f"{title} - {draw.pick(_VERSIONS)}" if draw.chance(0.1) else title


def compilation_name(draw: Draw) -> str:
    """Return a title of a compilation."""
    return f"{draw.pick(GENRES).title()} {draw.between(1970, 2025)}"
