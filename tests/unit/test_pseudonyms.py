"""Pseudonyms keep joins and forms, and give nothing away."""

import itertools
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strict_cassettes.drawing import LETTERS
from strict_cassettes.pseudonyms import LONGEST_HTML, MARKUP, Pseudonyms
from strict_cassettes.scenarios import load_matrix

RULES = load_matrix().rules
ONE, OTHER = Pseudonyms("one key", RULES), Pseudonyms("another key", RULES)

LIVE_IDS = st.integers(10**18, 2**63 - 1).map(str)
SMALL_IDS = st.integers(1, 10**12).map(str)
LABELS = st.from_regex(r"[a-z]{2,8}", fullmatch=True)


@given(st.lists(LIVE_IDS, min_size=2, max_size=5, unique=True))
def test_19_digits_stay_19_digits_and_keep_their_order(ids: list[str]) -> None:
    made = [ONE.identity(identity) for identity in sorted(ids)]
    assert made == sorted(set(made))
    assert {len(identity) for identity in made} == {19}


@given(st.integers(10**18, 2**63 - 60))
def test_ids_that_follow_each_other_stay_apart_and_in_order(first: int) -> None:
    made = [int(ONE.identity(str(first + step))) for step in range(50)]
    assert all(one < next_ for one, next_ in itertools.pairwise(made))


@given(SMALL_IDS)
def test_a_small_id_keeps_its_number_of_digits(identity: str) -> None:
    assert re.fullmatch(rf"[1-9]\d{{{len(identity) - 1}}}", ONE.identity(identity))


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_no_two_small_ids_get_the_same_pseudonym(digits: int) -> None:
    ids = [str(number) for number in range(10 ** (digits - 1), 10**digits)]
    assert sorted(map(ONE.identity, ids), key=int) == ids


@given(LABELS, LABELS)
def test_an_e_mail_stays_one_at_example_com(name: str, host: str) -> None:
    made = ONE.email(f"{name}@{host}.test")
    assert re.fullmatch(rf"[{LETTERS}]+@example\.com", made)


@given(st.from_regex(r"[A-Z]{2,6}(-[A-Z]{1,2})?-[1-9][0-9]{0,4}", fullmatch=True))
def test_a_reference_number_keeps_its_form(reference: str) -> None:
    made = ONE.reference(reference)
    shapes = [re.sub("[0-9]", "0", re.sub("[A-Z]", "A", text)) for text in (reference, made)]
    assert shapes[0] == shapes[1]
    # One letter is a kind of record, and stays; more may be anything.
    assert re.findall(r"-([A-Z])-", made) == re.findall(r"-([A-Z])-", reference)


def test_an_address_keeps_its_form_and_maps_what_stands_in_it_as_it_is_mapped_elsewhere() -> None:
    identity, reference = "7210000000000010001", "DEMO-I-12"
    made = ONE.url(
        f"https://customer.aha.io/api/v1/ideas/{identity}/comments?after_id={identity}&page=2&token=s3cret#top"
    )
    assert made.startswith(f"https://company.aha.io/api/v1/ideas/{ONE.identity(identity)}/comments?")
    assert f"after_id={ONE.identity(identity)}&page=2&token=" in made
    assert "s3cret" not in made
    assert ONE.url(f"https://customer.aha.io/ideas/ideas/{reference}").endswith(
        f"/{ONE.reference(reference)}"
    )
    assert re.fullmatch(r"https://[a-z]+\.example\.com/spec", ONE.url("https://wiki.customer.test/spec"))


def test_an_address_of_somebody_else_keeps_no_port_and_no_number() -> None:
    made = ONE.url("https://crm.customer.test:18443/tickets/8642?page=8642&q=true")
    assert re.fullmatch(r"https://[a-z]+\.example\.com/[a-z]+/[0-9]{4}\?page=[0-9]{4}&q=[a-z]+", made)
    assert not [number for number in ("18443", "8642") if number in made]


def test_what_stands_in_html_is_mapped_as_it_is_mapped_elsewhere() -> None:
    made = ONE.html(
        "Ask <b>Ada</b> at ada@customer.test about DEMO-I-12 (7210000000000010001), see "
        '<a class="Ada" href="https://customer.aha.io/ideas/ideas/DEMO-I-12">this</a>'
    )
    for original in (
        ONE.email("ada@customer.test"),
        ONE.reference("DEMO-I-12"),
        ONE.identity("7210000000000010001"),
    ):
        assert original in made
    assert f'href="https://company.aha.io/ideas/ideas/{ONE.reference("DEMO-I-12")}"' in made
    assert not {"Ada", "Ask", "about", "see", "this", "class"} & set(re.findall(r"\w+", made))


HTML = st.lists(
    st.sampled_from(["<p>", "</p>", "<ul>", "<li>", "</ul>", "<br/>", "&amp;", "<b>", "</b>"])
    | st.text("abc xyz<>&", max_size=12),
    max_size=8,
).map("".join)


@given(HTML)
def test_free_text_keeps_its_tags_and_the_class_of_its_length(text: str) -> None:
    made = ONE.html(text)

    def tags(value: str) -> list[str]:
        return [found["tag"].lower() for found in MARKUP.finditer(value) if found["tag"]]

    assert tags(made) == tags(text)
    assert len(made) <= 2 * len(text) + 8 * (len(tags(text)) + 2)


@given(st.integers(1, 3000))
def test_a_text_stays_in_its_class_of_length(length: int) -> None:
    made = len(ONE.text("x" * length))
    size = 8
    while size < min(length, 2048):
        size *= 2
    assert size // 2 < made <= size or made == 6


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda pseudonyms: pseudonyms.identity, "7210000000000010001"),
        (lambda pseudonyms: pseudonyms.identity, "721001"),
        (lambda pseudonyms: pseudonyms.name, "Ada Bell"),
        (lambda pseudonyms: pseudonyms.email, "ada@customer.test"),
        (lambda pseudonyms: pseudonyms.text, "a plan"),
        (lambda pseudonyms: pseudonyms.reference, "DEMO-I-12"),
    ],
)
def test_a_pseudonym_depends_on_the_key_and_on_nothing_else(
    make: Callable[[Pseudonyms], Callable[[str], str]], value: str
) -> None:
    assert make(ONE)(value) == make(Pseudonyms("one key", RULES))(value)
    assert make(ONE)(value) not in (value, make(OTHER)(value))


@pytest.mark.parametrize("letters", [1, 2, 3])
def test_no_two_prefixes_get_the_same_pseudonym(letters: int) -> None:
    prefixes = ["".join(found) for found in itertools.product("ABCDEFGHIJKLMNOPQRSTUVWXYZ", repeat=letters)]
    assert sorted(ONE.reference(f"{prefix}-1").rpartition("-")[0] for prefix in prefixes) == prefixes


def test_a_sentences_end_is_no_part_of_an_address() -> None:
    assert ONE.html("write to ada@x.y.").endswith(f"{ONE.email('ada@x.y')}.")
    address = "https://acme.aha.io/ideas/ideas/ADA-I-12"
    assert ONE.html(f"see {address}.").endswith(f"{ONE.url(address)}.")
    assert ONE.url("mailto:ada@x.y") == f"mailto:{ONE.email('ada@x.y')}"


@pytest.mark.parametrize("length", [39, 40, 41, 45, 400, 5000])
def test_a_number_of_any_length_is_another_of_that_length(length: int) -> None:
    for made in (ONE.identity("9" * length), ONE.number("9" * length), ONE.number(f"-0.{'3' * length}")):
        assert re.fullmatch(rf"(-0\.)?[0-9]{{{length}}}", made)
        assert set(made) - {"9"}


@given(st.integers(10**18, 10**18 + 10**6) | LIVE_IDS.map(int))
def test_no_long_id_stands_for_itself(identity: int) -> None:
    assert ONE.identity(str(identity)) != str(identity)


@given(
    st.from_regex(r"-?[0-9]{1,6}(\.[0-9]{1,3})?", fullmatch=True).filter(
        lambda text: re.search("[1-9]", text)
    )
)
def test_no_number_stands_for_itself(number: str) -> None:
    made = ONE.number(number)
    assert made != number
    assert re.sub("[0-9]", "9", made) == re.sub("[0-9]", "9", number)


@pytest.mark.parametrize("text", ["٠٥٥١٢٣٤٥٦٧", "९८७६५४३२१०", "٣.٥", "१२"])
def test_digits_of_another_script_are_a_text(text: str) -> None:
    for rule in ("number", "id", "text", "html", "reference", "name"):
        assert re.fullmatch(rf"[{LETTERS} ]+", ONE.of(rule, text).lower())


def test_a_word_that_somebody_wrote_is_drawn_again() -> None:
    plain = Pseudonyms("one key", RULES)
    drawn = plain.text("a plan"), plain.name("Ada Bell"), plain.email("ada@customer.test")
    wary = Pseudonyms("one key", RULES)
    wary.originals = {word for made in drawn for word in re.findall(r"[A-Za-z]{6,}", made)} - {"example"}
    again = wary.text("a plan"), wary.name("Ada Bell"), wary.email("ada@customer.test")
    assert not wary.originals & {word for made in again for word in re.findall(r"[A-Za-z]+", made)}
    assert all(one != other for one, other in zip(drawn, again, strict=True))


def test_a_text_without_end_is_cut_and_a_text_without_space_is_no_trap() -> None:
    assert len(ONE.html("<p>one</p>" * 10_000)) < 2 * LONGEST_HTML
    assert ONE.html("x" * 1_000_000)


def test_a_word_stays_a_word_of_its_own_beside_an_address() -> None:
    made = ONE.html("<p>Please write to ada@customer.test for details</p>")
    assert re.fullmatch(rf"<p>[{LETTERS} ]+ [{LETTERS}]+@example\.com [{LETTERS} ]+</p>", made)
    made = ONE.html("see=https://customer.test/x?token=a1b2c3d4, or not")
    assert re.fullmatch(
        rf"[{LETTERS}]+ https://[{LETTERS}]+\.example\.com/\w+\?token=[{LETTERS}]+, [{LETTERS}]+", made
    )
