"""What comes out of a package, and what never gets in."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from definitions.written import (
    BUTTON,
    GUID,
    MAIL,
    OTHER_GUID,
    ROWS,
    api,
    bare,
    folder_files,
    legacy,
    legacy_files,
    put,
    row_trigger,
    solution,
    solution_files,
    template,
    workflow_xml,
    zipped,
)
from flowner.definitions import archives
from flowner.definitions.codec import write_flow
from flowner.definitions.flow import Format
from flowner.definitions.packages import (
    Skipped,
    read_files,
    read_package,
    survey_files,
    survey_package,
)
from flowner.definitions.problems import InvalidDefinition
from flowner.definitions.solutions import (
    DeclaredReference,
    DeclaredVariable,
    Solution,
    VariableType,
)
from flowner.errors import Code, Invalid

FLOW = f"Workflows/Lateloans-{GUID}.json"
LIBRARY = Solution(unique_name="Library", version="1.2.0.3", managed=True)
DESK = Skipped(name="On my desk", why="is a desktop flow (category 6)")


def test_a_solution():
    package = read_package(zipped(solution_files()), file="library.zip")
    (flow,) = package.flows
    assert (flow.name, flow.guid, flow.format) == ("Late loans", GUID.lower(), Format.SOLUTION)
    assert write_flow(flow) == solution()
    assert package.skipped == (
        DESK,
        Skipped(name="A rule", why="is a business rule (category 2)"),
    )
    assert package.references == (
        DeclaredReference(logical_name="lib_rows", connector=ROWS, display_name="Library rows"),
    )
    assert package.variables == (
        DeclaredVariable(
            schema_name="lib_Shelf",
            display_name="lib_Shelf",
            type=VariableType.STRING,
            default="Fiction",
            value=None,
        ),
        DeclaredVariable(
            schema_name="lib_Grace",
            display_name="Days of grace",
            type=VariableType.NUMBER,
            default="14",
            value="21",
        ),
    )
    assert package.solutions == (LIBRARY,)


def test_the_value_of_a_variable_is_not_printed():
    package = read_package(zipped(solution_files()), file="library.zip")
    assert "Fiction" not in repr(package.variables)
    assert "21" not in repr(package.variables[1])


def test_an_unpacked_solution():
    package = read_files(folder_files())
    (flow,) = package.flows
    assert (flow.name, flow.guid) == ("Late loans", GUID.lower())
    assert write_flow(flow) == solution()
    assert package.skipped == (DESK,)
    assert [reference.logical_name for reference in package.references] == ["lib_rows"]
    assert package.solutions == (LIBRARY,)


def test_a_legacy_package():
    package = read_package(zipped(legacy_files()), file="late.zip")
    (flow,) = package.flows
    assert (flow.name, flow.guid, flow.format) == ("Late loans", GUID.lower(), Format.LEGACY)
    assert write_flow(flow) == legacy()
    assert (package.skipped, package.references, package.solutions) == ((), (), ())


@pytest.mark.parametrize(
    ("document", "file", "name", "written"),
    [
        pytest.param(bare(), "ask-slack.json", "ask-slack", Format.BARE, id="a definition"),
        pytest.param(solution(), FLOW, "Lateloans", Format.SOLUTION, id="a solution's file"),
        pytest.param(legacy(), "definition.json", "Late loans", Format.LEGACY, id="a package's"),
        pytest.param(template(), "azure/t.json", "t", Format.ARM, id="a template"),
        pytest.param(bare(), "post/workflow.json", "post", Format.BARE, id="a project's folder"),
        pytest.param(bare(), "no-extension", "no-extension", Format.BARE, id="no extension"),
    ],
)
def test_a_single_file(document, file, name, written):
    package = read_package(json.dumps(document, indent=2).encode(), file=file)
    (flow,) = package.flows
    assert (flow.name, flow.format) == (name, written)
    assert write_flow(flow) == document


def test_a_folder_with_one_file():
    (flow,) = read_files({"ask-slack.json": json.dumps(bare()).encode()}).flows
    assert flow.name == "ask-slack"
    with pytest.raises(Invalid, match="is not a flow"):
        read_files({"settings.json": b"{}"})


def test_a_folder_of_single_files():
    files = {
        "b.json": json.dumps(bare()).encode(),
        "a.json": json.dumps(solution()).encode(),
        "card.json": b'{"type": "AdaptiveCard", "actions": []}',
        "list.json": b"[]",
        "notes.txt": b"{",
    }
    package = read_files(files)
    assert [flow.name for flow in package.flows] == ["a", "b"]
    assert {skipped.name for skipped in package.skipped} == {"card.json", "list.json"}


def test_a_package_of_solutions():
    inner = zipped(solution_files())
    middle = zipped({"PkgAssets\\library.zip": inner, "PkgAssets/ImportConfig.xml": "<x/>"})
    package = read_package(zipped({"package.zip": middle, "logo.png": "x"}), file="outer.zip")
    assert [flow.name for flow in package.flows] == ["Late loans"]
    assert package.solutions == (LIBRARY,)


def test_paths_may_be_written_with_backslashes():
    files = {name.replace("/", "\\"): content for name, content in solution_files().items()}
    package = read_package(zipped(files), file="library.zip")
    assert [flow.name for flow in package.flows] == ["Late loans"]
    assert DESK in package.skipped


def test_a_logic_app_shipped_beside_a_solution_is_read_too():
    files = {**solution_files(), "azure/template.json": json.dumps(template()), "x.json": "{"}
    package = read_package(zipped(files), file="library.zip")
    assert [flow.format for flow in package.flows] == [Format.SOLUTION, Format.ARM]


def test_a_solution_without_flows_is_a_package():
    package = read_package(zipped({"solution.xml": solution_files()["solution.xml"]}), file="l.zip")
    assert (package.flows, package.solutions) == ((), (LIBRARY,))


def test_a_workflow_that_nothing_describes_is_told_by_its_looks():
    files = {FLOW: json.dumps(solution()), "Workflows/Macro.json": '{"steps": []}'}
    package = read_package(zipped(files), file="l.zip")
    assert [flow.name for flow in package.flows] == ["Lateloans"]
    assert package.skipped == (Skipped(name="Macro", why="is no cloud flow"),)


def with_file(path, content):
    return zipped({**solution_files(), path: content})


def with_flow(document):
    return with_file(FLOW, json.dumps(document))


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><x>&b;</x>'
READER = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'


@pytest.mark.parametrize(
    ("data", "code", "file", "pointer", "says"),
    [
        pytest.param(
            b"GIF89a", "InvalidPackage", "p.zip", None, "is not a zip archive", id="a picture"
        ),
        pytest.param(b"", "InvalidPackage", "p.zip", None, "is not a zip archive", id="nothing"),
        pytest.param(
            zipped(solution_files())[:-40],
            "InvalidPackage",
            "p.zip",
            None,
            "is a damaged zip archive",
            id="an archive cut short",
        ),
        pytest.param(
            zipped({"readme.md": "hello", "x.json": "[]"}),
            "InvalidPackage",
            "p.zip",
            None,
            "holds neither a flow nor a solution",
            id="an archive of something else",
        ),
        pytest.param(
            with_file(FLOW, '{"properties": {,}}'),
            "InvalidJson",
            FLOW,
            None,
            "line 1, column 17",
            id="broken JSON",
        ),
        pytest.param(
            with_file(FLOW, "[1]"), "InvalidJson", FLOW, "", "holds an array", id="a JSON array"
        ),
        pytest.param(
            with_flow(solution(triggers={"a": BUTTON, "b": BUTTON})),
            "InvalidWorkflowDefinition",
            FLOW,
            "/properties/definition/triggers",
            "has 2 triggers",
            id="two triggers",
        ),
        pytest.param(
            with_flow(put(solution(), f"properties>connectionReferences>{MAIL}", ...)),
            "UnknownConnectionReferenceKey",
            FLOW,
            "/properties/definition/actions/Is it late?/actions/Remind/inputs/host/connectionName",
            f"connection `{MAIL}`",
            id="an unknown binding",
        ),
        pytest.param(
            with_flow(solution(triggers={"T": row_trigger(runas=4)})),
            "InvalidRunAs",
            FLOW,
            "/properties/definition/triggers/T/inputs/parameters/subscriptionRequest~1runas",
            "`4` is not a Run as",
            id="Run as 4",
        ),
        pytest.param(
            with_flow(
                solution(
                    actions={
                        "A": {"type": "Compose", "runAfter": {"B": ["Succeeded"]}},
                        "B": {"type": "Compose", "runAfter": {"A": ["Succeeded"]}},
                    }
                )
            ),
            "InvalidWorkflowDefinition",
            FLOW,
            "/properties/definition/actions/A/runAfter",
            "in a circle",
            id="a circle",
        ),
        pytest.param(
            with_flow({}),
            "InvalidWorkflowDefinition",
            FLOW,
            "",
            "is not a flow",
            id="a cloud flow that is none",
        ),
        pytest.param(
            zipped({k: v for k, v in solution_files().items() if k != FLOW}),
            "InvalidPackage",
            FLOW.lower(),
            None,
            "flow `Late loans` is declared",
            id="a flow without its file",
        ),
        pytest.param(
            with_file("customizations.xml", "<a><b></a>"),
            "InvalidPackage",
            "customizations.xml",
            None,
            "is not XML",
            id="broken XML",
        ),
        pytest.param(
            with_file("customizations.xml", BOMB),
            "InvalidPackage",
            "customizations.xml",
            None,
            "document type",
            id="an XML bomb",
        ),
        pytest.param(
            with_file("solution.xml", READER),
            "InvalidPackage",
            "solution.xml",
            None,
            "document type",
            id="XML that reads a file",
        ),
        pytest.param(
            with_file("customizations.xml", workflow_xml("x", "y").replace("5<", "five<")),
            "InvalidPackage",
            "customizations.xml",
            None,
            "`five` is not the category",
            id="an odd category",
        ),
        pytest.param(
            with_file(
                "e/environmentvariabledefinition.xml", "<e schemaname='x'><type>9</type></e>"
            ),
            "InvalidPackage",
            "e/environmentvariabledefinition.xml",
            None,
            "declares a variable `x` of type `9`",
            id="an odd variable",
        ),
        pytest.param(
            zipped({"a.zip": zipped({"b.zip": "PK"})}),
            "InvalidPackage",
            "a.zip/b.zip",
            None,
            "is not a zip archive",
            id="an archive that is none, deep inside",
        ),
        pytest.param(
            zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({})})})}),
            "InvalidPackage",
            "a.zip/b.zip/c.zip",
            None,
            "nested deeper than 3 levels",
            id="archives without end",
        ),
        *(
            pytest.param(
                with_file(path, "{}"),
                "InvalidPackage",
                "p.zip",
                None,
                "unsafe path",
                id=f"{path!r}",
            )
            for path in (
                "../escape.json",
                "Workflows/../../escape.json",
                "Workflows\\..\\escape.json",
                "/etc/escape.json",
                "C:\\escape.json",
                "new\nline.json",
            )
        ),
    ],
)
def test_a_bad_package_is_refused(data, code, file, pointer, says):
    with pytest.raises(Invalid) as caught:
        read_package(data, file="p.zip")
    error = caught.value
    assert (error.code, error.file, error.pointer) == (code, file, pointer)
    assert says in error.message


def test_broken_json_has_a_position():
    with pytest.raises(Invalid) as caught:
        read_package(with_file(FLOW, '{"properties": {,}}'), file="p.zip")
    assert caught.value.position == 16


def test_one_bad_flow_refuses_the_package_and_all_problems_are_told():
    other = f"Workflows/Other-{OTHER_GUID}.json"
    third = "Workflows/Third.json"
    files = {
        **solution_files(),
        FLOW: json.dumps(solution(triggers={"T": row_trigger(runas=4)})),
        other: json.dumps(solution(triggers={"a": BUTTON, "b": BUTTON})),
        third: '{"definition": }',
    }
    with pytest.raises(InvalidDefinition) as caught:
        read_package(zipped(files), file="library.zip")
    assert [(problem.file, problem.code) for problem in caught.value.problems] == [
        (FLOW, Code.INVALID_RUN_AS),
        (other, Code.INVALID_DEFINITION),
        (third, Code.INVALID_JSON),
    ]
    assert "and 2 more" in caught.value.message


def test_a_file_that_stands_twice_is_refused():
    with pytest.raises(Invalid, match=r"holds `Workflows/a\.json` twice"):
        read_package(zipped({"Workflows/a.json": "{}", "Workflows\\a.json": "{}"}), file="p.zip")


def test_an_encrypted_file_is_refused():
    data = bytearray(zipped({"a.json": "{}"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    with pytest.raises(Invalid, match="encrypted"):
        read_package(bytes(data), file="p.zip")


def test_an_unusual_compression_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.json", "{}")
    with pytest.raises(Invalid, match="in a way other than deflate"):
        read_package(buffer.getvalue(), file="p.zip")


@pytest.mark.parametrize(
    ("limit", "value", "says"),
    [
        pytest.param("MAX_ARCHIVE_BYTES", 100, "bytes; at most 100", id="a large archive"),
        pytest.param("MAX_ENTRIES", 3, "more than 3 entries", id="many entries"),
        pytest.param("MAX_ENTRY_BYTES", 50, "unpacks to more than 50", id="a large entry"),
        pytest.param("MAX_UNPACKED_BYTES", 900, "unpacks to more than 900", id="large in all"),
    ],
)
def test_an_archive_has_bounds(monkeypatch, limit, value, says):
    monkeypatch.setattr(archives, limit, value)
    with pytest.raises(Invalid, match=says):
        read_package(zipped(solution_files()), file="p.zip")
    if limit in ("MAX_ENTRIES", "MAX_UNPACKED_BYTES"):
        with pytest.raises(Invalid, match=says):
            read_files(folder_files())


def test_a_bomb_costs_no_more_than_its_bound():
    bomb = zipped({"Workflows/boom.json": b"0" * (archives.MAX_ENTRY_BYTES + 1)})
    assert len(bomb) < 100_000
    with pytest.raises(Invalid, match="unpacks to more than"):
        read_package(bomb, file="p.zip")


def test_a_survey_goes_on_after_a_bad_flow():
    files = solution_files() | {
        f"Workflows/Bad-{OTHER_GUID}.json": json.dumps(solution(triggers={})),
        "Workflows/Broken.json": "{",
    }
    survey = survey_package(zipped(files), file="library.zip")
    assert [(flow.name, flow.file) for flow in survey.package.flows] == [("Late loans", FLOW)]
    assert [(fault.file, fault.code, fault.pointer) for fault in survey.faults] == [
        (
            f"Workflows/Bad-{OTHER_GUID}.json",
            Code.INVALID_DEFINITION,
            "/properties/definition/triggers",
        ),
        ("Workflows/Broken.json", Code.INVALID_JSON, ""),
    ]
    with pytest.raises(InvalidDefinition):
        read_package(zipped(files), file="library.zip")


@pytest.mark.parametrize(
    ("data", "file", "code"),
    [
        pytest.param(b"Rar!", "a.zip", Code.INVALID_PACKAGE, id="not a zip"),
        pytest.param(b"PK\x03\x04", "a.zip", Code.INVALID_PACKAGE, id="a damaged zip"),
        pytest.param(b"[]", "a.json", Code.INVALID_JSON, id="no object"),
    ],
)
def test_a_survey_of_what_is_no_package(data, file, code):
    survey = survey_package(data, file=file)
    assert (survey.package.flows, survey.recognised) == ((), True)
    assert [(fault.file, fault.code) for fault in survey.faults] == [(file, code)]


def test_a_survey_of_an_archive_of_other_things():
    survey = survey_package(zipped({"data.json": "[1]"}), file="data.zip")
    assert (survey.package.flows, survey.faults, survey.recognised) == ((), (), False)
    with pytest.raises(Invalid, match="holds neither a flow nor a solution"):
        read_package(zipped({"data.json": "[1]"}), file="data.zip")


def connection(title: str, kind: str = "connections") -> dict[str, object]:
    return {"type": f"Microsoft.PowerApps/apis/{kind}", "details": {"displayName": title}}


@pytest.mark.parametrize(
    ("resource", "account"),
    [
        pytest.param(connection("ada@library.example"), "ada@library.example", id="a name"),
        pytest.param(connection("My blog"), None, id="a title"),
        pytest.param(connection("ada@library.example", "x"), None, id="another resource"),
        pytest.param("ada@library.example", None, id="no object"),
    ],
)
def test_the_accounts_that_a_legacy_package_names(resource, account):
    folder = f"Microsoft.Flow/flows/{OTHER_GUID}"
    files = legacy_files() | {
        "manifest.json": json.dumps({"resources": {"r1": resource}}),
        f"{folder}/connectionsMap.json": json.dumps({ROWS: "r1", MAIL: "r2"}),
    }
    (flow,) = read_package(zipped(files), file="late.zip").flows
    assert [flow.bindings[key].account for key in (ROWS, MAIL)] == [account, None]
    assert write_flow(flow) == legacy()
    unpacked = {path: text.encode() for path, text in files.items()}
    assert survey_files(unpacked).package.flows == (flow,)


def test_the_account_in_the_title_of_a_reference():
    files = solution_files()
    files["customizations.xml"] = str(files["customizations.xml"]).replace(
        "Library rows", "Rows as ada@library.example"
    )
    (flow,) = read_package(zipped(files), file="library.zip").flows
    assert flow.bindings[ROWS].account == "ada@library.example"


@pytest.mark.parametrize(
    ("entry", "account"),
    [
        ({"connectionName": "shared-office365-ada@library.example"}, "ada@library.example"),
        ({"connectionName": "shared-office365-1f0a"}, None),
        ({"connectionName": "@parameters('a@b.example')"}, None),
        ({"displayName": "Ada <ada@library.example>"}, "ada@library.example"),
        ({"connection": {"displayName": "ada@library.example"}}, "ada@library.example"),
        ({"connectionName": "x" * 100_000 + "@"}, None),
    ],
)
def test_the_account_in_the_name_of_a_connection(entry, account):
    document = put(legacy(), f"properties>connectionReferences>{MAIL}", {"id": api(MAIL), **entry})
    (flow,) = read_package(json.dumps(document).encode(), file="late.json").flows
    assert flow.bindings[MAIL].account == account
