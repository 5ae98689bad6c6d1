"""What a maker chooses from: tables, and the columns of one."""

from __future__ import annotations

from typing import Any

import pytest

from flowner.flows.choices import Choices
from flowner.rows.catalogue import Type
from worlds.living import Living


@pytest.fixture(scope="module")
def choices(living: Living, run: Any) -> Choices:
    house = living.house
    columns = {"lib_days": Type.WHOLE, "accountid": Type.LOOKUP}
    made = house.metadata.create_table(
        "lib_loan", set_name="lib_loans", primary_name="lib_name", columns=columns
    )
    run(made)
    return Choices(house.database, house.store.catalogue)


def test_tables_are_found_by_a_part_of_their_name(choices: Choices, run: Any) -> None:
    assert [one.value for one in run(choices.tables("LOAN"))] == ["lib_loans"]
    assert next(iter(run(choices.tables("")))).value == "lib_loans", "people's own come first"
    assert run(choices.tables("nothing")) == []


def test_columns_are_those_that_can_be_written(choices: Choices, run: Any) -> None:
    names = [one.value for one in run(choices.columns("lib_loans"))]
    assert {"lib_name", "lib_days", "statecode"} <= set(names)
    assert not {"createdon", "lib_loanid", "versionnumber"} & set(names)
    assert [one.value for one in run(choices.columns("lib_loan", "days"))] == ["lib_days"]
    assert run(choices.columns("nothing")) == []


def test_columns_are_named_as_they_are_read(choices: Choices, run: Any) -> None:
    read = [one.value for one in run(choices.column_names("lib_loans"))]
    assert {"lib_name", "_accountid_value", "createdon", "lib_loanid"} <= set(read)
    assert "accountid" not in read
    named = [one.value for one in run(choices.column_names("lib_loan", "account", named=True))]
    assert named == ["accountid"], "as a row trigger names it"
    assert run(choices.column_names("nothing")) == []
    assert [one.value for one in run(choices.tables("loan", named=True))] == ["lib_loan"]
