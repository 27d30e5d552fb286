"""The document of the tables says all that is declared, and nothing else."""

import tomllib

import pytest

from connector.tables import TABLES
from scripts.generate_tables_doc import COMMAND, MEANINGS, OUTPUT, generate, meaning_of
from scripts.merge.generated import find_fault

SAID = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_every_table_has_a_meaning(table: str) -> None:
    told = [meaning_of(table, field.name, SAID) for field in TABLES[table].schema]
    assert all(text.endswith(".") for text in told)


def test_no_meaning_is_that_of_a_column_that_does_not_exist() -> None:
    columns = {field.name for table in TABLES.values() for field in table.schema}
    assert set(SAID["all"]) <= columns
    for name, own in SAID.items():
        if name != "all":
            assert set(own) <= set(TABLES[name].schema.names), name


def test_the_committed_document_is_the_one_that_its_sources_make() -> None:
    assert find_fault(OUTPUT, generate(), COMMAND) is None


def test_a_column_without_a_meaning_fails() -> None:
    with pytest.raises(KeyError):
        meaning_of("ideas", "nobody_said", SAID)


@pytest.mark.parametrize("table", TABLES)
def test_the_document_tells_of_each_table_its_note_and_what_it_needs(table: str) -> None:
    text, declared = generate(), TABLES[table]
    assert f"\n## {declared.name}\n\n{declared.note}\n" in text
    assert not declared.requires or f"- Needs: {declared.requires}." in text
