"""Tests reading sources.yml: its content, and place and text of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotify_pipeline.errors import SourcesFileError
from spotify_pipeline.settings import PROJECT_ROOT
from spotify_pipeline.sources import Source, SourceKind, load_sources

A, B = "0TnOYISbd1XYRBk9myaseg", "1TnOYISbd1XYRBk9myaseg"
HEAD = "version: 1\nsources:\n"
GOOD = f"""\
version: 1
sources:
  - name: stars   # a comment
    kind: artist
    ids: [{A}, "spotify:artist:{B}"]
  - {{name: records, kind: album, ids: [https://open.spotify.com/album/4aawyAB9vmqN3uQ7FjRGTy]}}
  - name: found
    kind: search
    queries:
      - 1999
      - artist:pitbull
      - yes
    types: [track, album]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sources.yml"


def test_each_kind_is_read_with_its_defaults(file: Path) -> None:
    file.write_text(GOOD)
    assert load_sources(file) == [
        Source("stars", SourceKind.ARTIST, (A, B), ("album", "single"), line=3),
        Source("records", SourceKind.ALBUM, ("4aawyAB9vmqN3uQ7FjRGTy",), line=6),
        Source(
            "found",
            SourceKind.SEARCH,
            queries=("1999", "artist:pitbull", "yes"),
            types=("track", "album"),
            max_results=100,
            line=7,
        ),
    ]


def test_sources_of_a_user_are_read(file: Path) -> None:
    file.write_text(
        HEAD
        + f"  - {{name: lists, kind: playlist, ids: [spotify:playlist:{A}]}}\n"
        + f"  - {{name: songs, kind: track, ids: [{A}]}}\n"
        + "  - {name: saved, kind: saved_tracks, user: anna}\n"
        + "  - {name: top, kind: top_tracks, time_ranges: [long_term]}\n"
        + "  - {name: top-all, kind: top_tracks}\n"
        + "  - {name: plays, kind: recently_played}\n"
        + "  - {name: top-artists, kind: top_artists, time_ranges: [short_term], max_results: 5}\n"
        + "  - {name: followed, kind: followed_artists}\n"
    )
    assert load_sources(file) == [
        Source("lists", SourceKind.PLAYLIST, (A,), line=3),
        Source("songs", SourceKind.TRACK, (A,), line=4),
        Source("saved", SourceKind.SAVED_TRACKS, user="anna", line=5),
        Source("top", SourceKind.TOP_TRACKS, max_results=50, time_ranges=("long_term",), line=6),
        Source(
            "top-all",
            SourceKind.TOP_TRACKS,
            max_results=50,
            time_ranges=("short_term", "medium_term", "long_term"),
            line=7,
        ),
        Source("plays", SourceKind.RECENTLY_PLAYED, line=8),
        Source("top-artists", SourceKind.TOP_ARTISTS, max_results=5, time_ranges=("short_term",), line=9),
        Source("followed", SourceKind.FOLLOWED_ARTISTS, line=10),
    ]


def test_the_project_s_own_list_is_valid() -> None:
    kinds = {source.kind for source in load_sources(PROJECT_ROOT / "include" / "sources.yml")}
    assert kinds == {kind for kind in SourceKind if not kind.needs_login}


def test_the_example_of_the_documentation_is_valid(file: Path) -> None:
    page = (PROJECT_ROOT / "docs" / "sources.md").read_text()
    file.write_text(page.split("```yaml\n")[1].split("```")[0])
    (file.parent / "favourites.txt").write_text("4aawyAB9vmqN3uQ7FjRGTy\n")
    assert {source.kind for source in load_sources(file)} == set(SourceKind)


def test_another_notation_of_the_same_list_has_the_same_hashes(file: Path) -> None:
    file.write_text(GOOD)
    before = [source.definition_sha256 for source in load_sources(file)]
    file.write_text("\ufeff# moved\n" + GOOD.replace("[", "[ ").replace(f'"spotify:artist:{B}"', B))
    assert [source.definition_sha256 for source in load_sources(file)] == before


def test_an_id_of_digits_is_read_as_text(file: Path) -> None:
    file.write_text(f"{HEAD}  - {{name: 2021, kind: artist, ids: [0123456789012345678901, {'7' * 22}]}}\n")
    assert load_sources(file)[0].ids == ("0123456789012345678901", "7" * 22)
    assert load_sources(file)[0].name == "2021"


def test_ids_can_come_from_another_file(file: Path) -> None:
    file.write_text(f"{HEAD}  - name: stars\n    kind: artist\n    ids_file: lists/stars.txt\n")
    listed = file.parent / "lists" / "stars.txt"
    listed.parent.mkdir()
    listed.write_text(f"# stars\r\n{A}  # Pitbull\r\n\r\nspotify:artist:{B}\r\n")
    assert load_sources(file)[0].ids == (A, B)
    listed.write_text(f"{A}\n\n  spotify:album:{B}\n")
    with pytest.raises(SourcesFileError, match=r"stars\.txt:3:3: .*address of an album"):
        load_sources(file)
    listed.write_text("# nothing yet\n")
    with pytest.raises(SourcesFileError, match=r"sources\.yml:5:15: .*stars\.txt lists no id"):
        load_sources(file)
    listed.unlink()
    with pytest.raises(SourcesFileError, match=r"sources\.yml:5:15: .*stars\.txt does not exist"):
        load_sources(file)


SOURCE = "  - name: a\n    kind: artist\n    ids: [" + A + "]\n"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "1:1", "the file is empty"),
        ("# only a comment\n", "1:1", "the file is empty"),
        ("just words\n", "1:1", "the file must be keys with values, not 'just words'"),
        ("version: 1\n", "1:1", "the file needs 'sources'"),
        ("sources: []\nversion: 1\n", "1:10", "'sources' is empty"),
        ("version: 2\nsources:\n" + SOURCE, "1:10", "'version' is 2; allowed: 1"),
        ("version: 1\nsources:\n", "2:9", "'sources' must be a list, not nothing"),
        (HEAD + "  - words\n", "3:5", "source number 1 must be keys with values, not 'words'"),
        (
            HEAD + SOURCE + "    idz: [x]\n",
            "6:5",
            "'idz' is not a key here; allowed: ids, ids_file, include_groups, kind",
        ),
        (HEAD + "  - name: a\n    ids: [x]\n", "3:5", "source number 1 needs 'kind'"),
        (
            HEAD + "  - name: a\n    kind: artst\n    ids: [x]\n",
            "4:11",
            "'artst' is not allowed as 'kind'; allowed: artist, album",
        ),
        (
            HEAD + SOURCE.replace("name: a", "name: Big Stars"),
            "3:11",
            "'Big Stars' cannot be used as 'name'; allowed: a name",
        ),
        (HEAD + SOURCE.replace("name: a", "name: " + "a" * 64), "3:11", "cannot be used as 'name'"),
        (HEAD + SOURCE + SOURCE.replace(A, B), "6:11", "the name 'a' is used twice, first in line 3"),
        (HEAD + SOURCE + "    kind: album\n", "6:5", "'kind' is given twice, first in line 4"),
        (
            HEAD + SOURCE.replace(A, f"{A}, spotify:artist:{A}"),
            "5:35",
            f"the id {A} is listed twice, first in line 5",
        ),
        (HEAD + SOURCE.replace(A, "nonsense"), "5:11", "'nonsense' is not a Spotify artist id; allowed: 22"),
        (HEAD + SOURCE.replace(A, f"spotify:album:{A}"), "5:11", "is the address of an album"),
        (
            HEAD + "  - name: a\n    kind: artist\n",
            "3:5",
            "source number 1 lists no ids: give ids or ids_file",
        ),
        (HEAD + SOURCE + "    ids_file: x\n", "3:5", "gives both ids and ids_file"),
        (HEAD + SOURCE.replace(f"[{A}]", "[]"), "5:10", "'ids' is empty"),
        (HEAD + SOURCE.replace(f"[{A}]", A), "5:10", "'ids' must be a list"),
        (
            HEAD + "  - name: a\n    kind: artist\n    ids:\n      -\n",
            "6:8",
            "an entry of 'ids' must be text, not nothing",
        ),
        (
            HEAD + SOURCE + "    include_groups: [album, ep]\n",
            "6:29",
            "an entry of 'include_groups'; allowed: album, single, appears_on, compilation",
        ),
        (HEAD + SOURCE + "    include_groups: [album, album]\n", "6:29", "'album' is listed twice"),
        (
            HEAD + SOURCE.replace("artist", "album") + "    include_groups: [album]\n",
            "6:5",
            "'include_groups' is only for sources of kind artist",
        ),
        (HEAD + SOURCE + "    queries: [x]\n", "6:5", "'queries' is only for sources of kind search"),
        (HEAD + "  - {name: a, kind: search}\n", "3:5", "source number 1 needs 'queries'"),
        (HEAD + "  - {name: a, kind: playlist}\n", "3:5", "source number 1 lists no ids"),
        (
            HEAD + f"  - {{name: a, kind: album, ids: [{A}], user: anna}}\n",
            "3:59",
            "'user' is only for sources of kind playlist, saved_tracks,",
        ),
        (HEAD + "  - {name: a, kind: saved_tracks, user: Anna}\n", "3:41", "'Anna' cannot be used as 'user'"),
        (HEAD + "  - {name: a, kind: saved_tracks, ids: [x]}\n", "3:35", "'ids' is only for sources of kind"),
        (
            HEAD + "  - {name: a, kind: track, ids: [x], time_ranges: [long_term]}\n",
            "3:38",
            "'time_ranges' is only for sources of kind top_tracks",
        ),
        (
            HEAD + "  - {name: a, kind: top_tracks, time_ranges: [weekly]}\n",
            "3:47",
            "'weekly' is not allowed as an entry of 'time_ranges'; allowed: short_term, medium_term, lo",
        ),
        (
            HEAD + "  - {name: a, kind: search, queries: [' ']}\n",
            "3:39",
            "cannot be used as an entry of 'queries'",
        ),
        (
            HEAD + "  - {name: a, kind: search, queries: [x], types: [show]}\n",
            "3:51",
            "'show' is not allowed as an entry of 'types'; allowed: track, album, artist",
        ),
        (
            HEAD + "  - {name: a, kind: search, queries: [x], max_results: 1001}\n",
            "3:56",
            "'max_results' is 1001; allowed: 1 to 1000",
        ),
        (
            HEAD + "  - {name: a, kind: search, queries: [x], max_results: many}\n",
            "3:56",
            "'max_results' must be a whole number, not 'many'",
        ),
        (
            HEAD + "  - {name: a, kind: search, queries: [x], ids: [x]}\n",
            "3:43",
            "'ids' is only for sources of kind artist, album, track or playlist",
        ),
        (HEAD + "\t- name: a\n", "3:1", "a tab is used for indentation"),
        (HEAD + "  - name: a\n   kind: artist\n", "4:4", "expected"),
        (HEAD + "  - name: [a\n", "4:1", "expected"),
        (HEAD + SOURCE + "---\nversion: 1\n", "6:1", "a second document starts"),
        (HEAD + "  - &x {name: a}\n  - *x\n", "3:5", "anchors and aliases"),
        (HEAD + "  - !!python/object:os.system {}\n", "3:5", "the tag"),
        (HEAD + "  - ? [a]\n    : b\n", "3:7", "a key must be a word"),
        (HEAD + "  - " + "[" * 40, "3:19", "nested more than 16 deep"),
        (HEAD + "  - name: a\x07b\n", "3:12", "character U+0007 is not allowed"),
    ],
)
def test_every_mistake_is_named_with_its_place(file: Path, text: str, place: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(SourcesFileError) as error:
        load_sources(file)
    assert str(error.value).startswith(f"{file}:{place}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_first_mistake_is_named_and_the_others_counted(file: Path) -> None:
    file.write_text(HEAD + SOURCE.replace("name: a", "name: A") + "    include_groups: [ep]\n    x: y\n")
    with pytest.raises(SourcesFileError, match=r":3:11: 'A' cannot be used as 'name'.* \(and 2 more\)$"):
        load_sources(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourcesFileError, match="does not exist: create it, or set SPOTIFY_PIPELINE_SOURCES"):
        load_sources(tmp_path / "absent.yml")
    with pytest.raises(SourcesFileError, match=r"cannot be read \(Is a directory\)"):
        load_sources(tmp_path)


def test_a_file_that_is_not_utf8_names_the_byte(file: Path) -> None:
    file.write_bytes(HEAD.encode() + b"  - name: caf\xe9\n")
    with pytest.raises(SourcesFileError, match=r":3:14: byte 0xe9 is not UTF-8"):
        load_sources(file)


def test_a_huge_file_is_refused_before_it_is_parsed(file: Path) -> None:
    file.write_bytes(b"#" * (5 * 2**20))
    with pytest.raises(SourcesFileError, match=r"larger than 4194304 bytes: .* ids_file"):
        load_sources(file)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_file_gives_sources_or_one_clear_error(file: Path, data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = (
            text[:start]
            + data.draw(st.text(max_size=6) | st.sampled_from(["\t", "- ", ": ", "{", "]", "&", "1"]))
            + text[end:]
        )
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        sources = load_sources(file)
    except SourcesFileError as error:
        message = str(error)
    else:
        assert len({source.name for source in sources}) == len(sources) > 0
        return
    assert message.startswith(str(file))
    assert "\n" not in message
