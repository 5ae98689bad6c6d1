"""SQL in every place where a client writes a text: it stays a text, or is refused.

Nothing is read that is not open, nothing is changed, and the database never gets a statement that
it does not understand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest

from webapi.conftest import Door, column, label, lookup, one_to_many
from webapi.fuzz import Client
from webapi.random_requests import Asked
from worlds.complaints import Complaints

SECRET: Final = "zq-nobody-else-reads-this"
ATTEMPTS: Final = (
    "'", '"', "\\", "''", "\\'", "`", ";", "--", "/*", "*/", "%", "%s", "%(id)s", "{}", "{0}", "$1",
    "$$", ":x", "?", "'; DROP TABLE rows.account; --", '"; DROP TABLE rows.contact CASCADE; --',
    "\\'; DELETE FROM rows.account; --", "' OR '1'='1", "1) OR (1=1", "1 OR 1=1", "1; SELECT 1",
    "' UNION SELECT encode(tokenhash,'hex') FROM rows.accesstoken --",
    "x' AND (SELECT count(*) FROM rows.accesstoken)>0 AND 'x'='x", "'||pg_sleep(9)||'",
    "(SELECT name FROM rows.account LIMIT 1)", "name; SELECT pg_sleep(9)", "name::text",
    "r.name", "name,ownerid", 'name"', "name'", "E'\\x27'", "$x$;DROP SCHEMA rows CASCADE;$x$",
    "accountid) FROM rows.account; DROP TABLE rows.account --", "ʼ OR 1=1", "'\u200b;",
    "COPY rows.account TO PROGRAM 'true'", "current_user", "version()", "x" * 64 + "'",
)  # fmt: skip
GUID: Final = "00000000-0000-0000-0000-00000000000a"
COOKIE: Final = '<cookie pagenumber="2" pagingcookie="{}" istracking="False" />'

LISTS: Final = [
    "accounts?$filter={x}", "accounts?$filter=name eq {x}", "accounts?$filter={x} eq 'a'",
    "accounts?$filter=contains(name,{x})", "accounts?$filter=primarycontactid/{x} eq 'a'",
    "accounts?$filter=account_parent_account/any({x}:{x}/name eq 'a')",
    "accounts?$filter=Microsoft.Dynamics.CRM.{x}(PropertyName='name')",
    "accounts?$filter=name eq @p&@p={x}", "accounts?$filter=name in ({x})", "accounts?{x}=1",
    "accounts?$orderby={x}", "accounts?$orderby=name {x}", "accounts?$select={x}",
    "accounts?$select=name,{x}", "accounts?$expand={x}", "accounts?$top={x}", "accounts?$count={x}",
    "accounts?$expand=primarycontactid($select={x})", "accounts?$skiptoken={x}",
    "accounts?$expand=primarycontactid($filter={x} eq 'a')",
    "accounts?$expand=account_parent_account($orderby={x})",
    "accounts?$apply={x}", "accounts?$apply=groupby(({x}))", "accounts?$apply=filter({x})",
    "accounts?$apply=aggregate(revenue with sum as {x})",
    "accounts?$apply=aggregate({x} with sum as s)", "accounts?$apply=aggregate(revenue with {x} as s)",
    "accounts?$apply=groupby((primarycontactid/{x}))", "accounts/$count?$filter={x}",
    "accounts?fetchXml={x}", "accounts?sql={x}", "accounts?sql=SELECT {x} FROM account",
    "accounts?sql=SELECT name FROM {x}", "accounts?sql=SELECT name FROM account WHERE {x}",
    "accounts?sql=SELECT name FROM account WHERE name = {x}",
    "accounts?sql=SELECT name FROM account ORDER BY {x}", "{x}", "accounts({x})",
    "accounts(accountnumber={x})", "accounts({x}=1)", "accounts({id})/{x}", "accounts/{x}",
    "accounts({id})/{x}/$ref", "accounts({id})/{x}/$value", "EntityDefinitions({x})", "$metadata?{x}",
    "EntityDefinitions(LogicalName={x})", "EntityDefinitions(LogicalName='account')/{x}",
    "EntityDefinitions(LogicalName='account')/Attributes(LogicalName={x})",
    "EntityDefinitions?$filter=LogicalName eq {x}", "EntityDefinitions?$select={x}",
    "GlobalOptionSetDefinitions(Name={x})", "RelationshipDefinitions?$filter={x}",
    "sdkmessagefilters?$filter={x}", "systemusers({x})", "systemusers?$filter=fullname eq {x}",
    "systemusers({me})/Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target=@p)?@p={x}",
    "systemusers({me})/Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target={x})",
    "systemusers({me})/Microsoft.Dynamics.CRM.{x}(Target=@p)?@p=1",
    "RetrieveSharedPrincipalsAndAccess(Target=@p)?@p={x}",
    "RetrieveTotalRecordCount(EntityNames=[{x}])", "RetrieveTotalRecordCount(EntityNames={x})",
    "teams?$filter=teammembership_association/any({x}:{x}/fullname eq 'a')",
    "teams?$expand=teammembership_association($filter={x})", "roles?$filter=name eq {x}",
    "systemusers({me})/teammembership_association?$filter={x}",
    "WhoAmI({x})", "RetrieveMetadataChanges(Query=@p)?@p={x}",
]  # fmt: skip
"""Each attempt is put in as it is and, with its quotes doubled, as a text."""
FETCHES: Final = [
    "<fetch {x}><entity name='account'/></fetch>", "<fetch><entity name='{x}'/></fetch>",
    "<fetch top='{x}'><entity name='account'/></fetch>",
    "<fetch count='2' page='2' paging-cookie='{x}'><entity name='account'/></fetch>",
    "<fetch><entity name='account'><attribute name='{x}'/></entity></fetch>",
    "<fetch><entity name='account'><attribute name='name' alias='{x}'/></entity></fetch>",
    "<fetch><entity name='account'><order attribute='{x}'/></entity></fetch>",
    "<fetch aggregate='true'><entity name='account'><attribute name='revenue' alias='{x}'"
    " aggregate='sum'/></entity></fetch>",
    "<fetch aggregate='true'><entity name='account'><attribute name='revenue' alias='s'"
    " aggregate='{x}'/></entity></fetch>",
    "<fetch aggregate='true'><entity name='account'><attribute name='name' alias='{x}'"
    " groupby='true'/></entity></fetch>",
    "<fetch><entity name='account'><filter type='{x}'><condition attribute='name' operator='null'"
    "/></filter></entity></fetch>",
    *(f"<fetch><entity name='account'><filter><condition {one}/></filter></entity></fetch>" for one in
      ("attribute='{x}' operator='null'", "attribute='name' operator='{x}' value='a'",
       "attribute='name' operator='eq' value='{x}'", "attribute='name' operator='like' value='{x}'",
       "attribute='revenue' operator='eq' value='{x}'", "attribute='name' operator='eq' valueof='{x}'",
       "attribute='accountid' operator='eq' value='{x}'",
       "attribute='createdon' operator='last-x-days' value='{x}'")),
    "<fetch><entity name='account'><filter><condition attribute='name' operator='in'><value>{x}</value>"
    "</condition></filter></entity></fetch>",
    *(f"<fetch><entity name='account'><link-entity {one}/></entity></fetch>" for one in
      ("name='{x}' from='contactid' to='primarycontactid'",
       "name='contact' from='{x}' to='primarycontactid'", "name='contact' from='contactid' to='{x}'",
       "name='contact' from='contactid' to='primarycontactid' alias='{x}'",
       "name='contact' from='contactid' to='primarycontactid' link-type='{x}'")),
]  # fmt: skip
HEADERS: Final = ("MSCRMCallerID", "CallerObjectId", "If-Match", "If-None-Match", "Prefer", "Accept",
                  "Authorization", "MSCRM.SolutionUniqueName", "Consistency")  # fmt: skip
BODIES: Final[list[tuple[str, str, Callable[[str], Any]]]] = [
    ("POST", "accounts", lambda x: {x: "a"}),
    ("POST", "accounts", lambda x: {f"{x}@odata.bind": "/contacts(1)"}),
    ("POST", "accounts", lambda x: {"primarycontactid@odata.bind": x}),
    ("POST", "accounts", lambda x: {"primarycontactid@odata.bind": f"/contacts({x})"}),
    ("POST", "accounts", lambda x: {"ownerid@odata.bind": f"/systemusers({x})"}),
    ("POST", "accounts", lambda x: {"ownerid": x}),
    ("POST", "accounts", lambda x: {"accountid": x}),
    ("POST", "accounts", lambda x: {"revenue": x}),
    ("POST", "accounts", lambda x: {"lastonholdtime": x}),
    ("POST", "accounts", lambda x: {"industrycode": x}),
    ("POST", "accounts", lambda x: {"new_interests": x}),
    ("PATCH", "accounts({id})", lambda x: {x: 1}),
    ("PUT", "accounts({id})/revenue", lambda x: {"value": x}),
    ("POST", "accounts({id})/primarycontactid/$ref", lambda x: {"@odata.id": x}),
    ("PUT", "accounts({id})/primarycontactid/$ref", lambda x: {"@odata.id": f"contacts({x})"}),
    ("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", lambda x: {"Targets": [{x: 1}]}),
    ("POST", "accounts/Microsoft.Dynamics.CRM.UpsertMultiple",
     lambda x: {"Targets": [{"@odata.id": f"accounts({x})"}]}),
    ("POST", "accounts/Microsoft.Dynamics.CRM.UpdateMultiple",
     lambda x: {"Targets": [{"accountid": x}]}),
    ("POST", "BulkDelete", lambda x: {"QuerySet": [{"EntityName": x, "Criteria": {}}]}),
    ("POST", "BulkDelete", lambda x: {"QuerySet": [{"EntityName": "account", "Criteria": {
        "Conditions": [{"AttributeName": x, "Operator": "Equal", "Values": []}]}}]}),
    ("POST", "BulkDelete", lambda x: {"QuerySet": [{"EntityName": "account", "Criteria": {
        "Conditions": [{"AttributeName": "name", "Operator": "Equal",
                        "Values": [{"Value": f"no such {x}"}]}]}}]}),
    ("POST", "GrantAccess", lambda x: {"Target": {"accountid": x, "@odata.type": x}}),
    ("POST", "GrantAccess", lambda x: {"Target": {"@odata.id": "accounts({id})"},
        "PrincipalAccess": {"AccessMask": x, "Principal": {"@odata.id": "systemusers({me})"}}}),
    ("POST", "ModifyAccess", lambda x: {"Target": {"@odata.id": "accounts({id})"},
        "PrincipalAccess": {"AccessMask": "ReadAccess", "Principal": {"@odata.id": x}}}),
    ("POST", "ModifyAccess", lambda x: {"Target": {"@odata.id": "accounts({id})"}, "PrincipalAccess":
        {"AccessMask": "ReadAccess", "Principal": {"systemuserid": x, "@odata.type": "systemuser"}}}),
    ("POST", "RevokeAccess", lambda x: {"Target": {"@odata.id": f"accounts({x})"}, "Revokee": x}),
    ("POST", "systemusers({me})/teammembership_association/$ref", lambda x: {"@odata.id": x}),
    ("POST", "systemusers({me})/teammembership_association/$ref",
     lambda x: {"@odata.id": f"teams({x})"}),
]  # fmt: skip
TABLES: Final[list[tuple[str, Callable[[str], Any]]]] = [
    ("EntityDefinitions", lambda x: {"SchemaName": x, "Attributes": [
        column("String", "name", IsPrimaryName=True)]}),
    ("EntityDefinitions", lambda x: {"SchemaName": "inj", "EntitySetName": f"inj{x}",
        "Attributes": [column("String", "name", IsPrimaryName=True)]}),
    ("EntityDefinitions", lambda x: {"SchemaName": "inj", "Attributes": [
        column("String", x, IsPrimaryName=True)]}),
    ("EntityDefinitions(LogicalName='account')/Attributes", lambda x: column("String", x)),
    ("EntityDefinitions(LogicalName='account')/Attributes", lambda x: column("String", f"new_{x}")),
    ("EntityDefinitions(LogicalName='account')/Keys",
     lambda x: {"SchemaName": x, "KeyAttributes": ["name"]}),
    ("EntityDefinitions(LogicalName='account')/Keys",
     lambda x: {"SchemaName": "inj_key", "KeyAttributes": [x]}),
    ("RelationshipDefinitions",
     lambda x: one_to_many("inj_rel", "contact", "account", Lookup=lookup(x))),
    ("RelationshipDefinitions", lambda x: one_to_many("inj_rel", x, "account", Lookup=lookup("inj"))),
    ("RelationshipDefinitions", lambda x: one_to_many("inj_rel", "contact", x, Lookup=lookup("inj"))),
    ("RelationshipDefinitions", lambda x: {
        "@odata.type": "Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata", "SchemaName": "inj_nn",
        "IntersectEntityName": x, "Entity1LogicalName": "account", "Entity2LogicalName": "contact"}),
    ("RelationshipDefinitions", lambda x: {
        "@odata.type": "Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata", "SchemaName": x,
        "IntersectEntityName": "inj_nn", "Entity1LogicalName": x, "Entity2LogicalName": "contact"}),
    ("InsertOptionValue", lambda x: {"EntityLogicalName": x, "AttributeLogicalName": "industrycode",
        "Value": 9, "Label": label(x)}),
    ("InsertOptionValue", lambda x: {"EntityLogicalName": "account", "AttributeLogicalName": x,
        "Value": 9, "Label": label(x)}),
    ("InsertOptionValue", lambda x: {"OptionSetName": x, "Value": 9, "Label": label(x)}),
    ("CreateEntities", lambda x: {"Entities": [{"SchemaName": x}]}),
    ("GlobalOptionSetDefinitions", lambda x: {"Name": x, "Options": []}),
]  # fmt: skip


@pytest.fixture(scope="module")
def mine(door: Door) -> str:
    """Ann's account; Ben has one that only he reads."""
    door.make("accounts", "ben", name=SECRET, telephone1=SECRET)
    return door.make("accounts", name="mine")


@pytest.fixture(autouse=True)
def unharmed(door: Door, mine: str, run: Callable[..., Any]) -> Any:
    """Before and after: the same tables, columns, people and rows of others."""
    assert mine
    before, complaints = run(_state(door)), run(Complaints.of(door.house.database))
    yield
    assert run(_state(door)) == before
    assert complaints.mistakes() == []


async def _state(door: Door) -> list[Any]:
    async with door.house.database.transaction() as t:
        statements = (
            "SELECT count(*) AS n FROM information_schema.columns WHERE table_schema = 'rows'",
            "SELECT md5(string_agg(s::text, '' ORDER BY systemuserid)) AS n FROM rows.systemuser s",
            "SELECT md5(string_agg(s::text, '' ORDER BY roleassignmentid)) AS n"
            " FROM rows.roleassignment s",
            "SELECT md5(string_agg(s::text, '' ORDER BY accountid)) AS n FROM rows.account s"
            f" WHERE telephone1 = '{SECRET}' OR name = 'mine'",
            "SELECT count(*) AS n FROM rows.accesstoken",
        )
        return [(await (await t.execute(one.encode())).fetchone())["n"] for one in statements]  # type: ignore[index]


Send = Callable[..., str]


@pytest.fixture(scope="module")
def send(door: Door, run: Callable[..., Any]) -> Iterator[Send]:
    """Sends an attempt on a connection that is kept; returns what was answered."""
    client = Client("127.0.0.1", int(door.address.rpartition(":")[2]))

    def sent(method: str, path: str, who: str | None = "ann", body: Any = b"", **more: str) -> str:
        headers = dict(more)
        if who is not None:
            headers["Authorization"] = f"Bearer {door.tokens[who]}"
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        began = time.monotonic()
        asked = Asked(method, path, "", body=content)
        status, _, answer = run(client.ask(asked, headers))
        text: str = answer.decode()
        assert status < 500, (method, path, body, text)
        assert SECRET not in text or who == "admin", (method, path, body, text)
        assert time.monotonic() - began < 5, "it slept"
        if status >= 400:
            assert set(json.loads(text)) == {"error"}
        return text

    yield sent
    run(client.close())


def some(at: int) -> tuple[str, ...]:
    """Return every third attempt: all of them, over three places of a kind."""
    return ATTEMPTS[at % 3 :: 3]


def forms(attempt: str) -> tuple[str, ...]:
    doubled = attempt.replace("'", "''")
    return attempt, f"'{doubled}'", f"a' or {attempt}"


@pytest.mark.parametrize("at", range(len(LISTS)))
def test_an_address_stays_a_text(door: Door, send: Send, mine: str, at: int) -> None:
    place = LISTS[at].replace("{id}", mine).replace("{me}", door.people["ann"])
    for attempt in some(at):
        for form in forms(attempt):
            whole = place.replace("{x}", form)
            send("GET", quote(whole, safe="/?$&=(),@"))


@pytest.mark.parametrize("at", range(len(FETCHES)))
def test_fetch_xml_stays_a_text(send: Send, at: int) -> None:
    text = FETCHES[at]
    for attempt in some(at):
        escaped = attempt.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
        for form in (escaped, attempt):
            send("GET", f"accounts?fetchXml={quote(text.replace('{x}', form), safe='')}")


@pytest.mark.parametrize("at", [0, 1])
def test_a_paging_cookie_stays_a_text(send: Send, at: int) -> None:
    for attempt in ATTEMPTS:
        values = [quote(attempt, safe="") if one == at else quote(GUID) for one in (0, 1)]
        marks = "".join(f'<last at="{one}" value="{value}"/>' for one, value in enumerate(values))
        inner = quote(quote(f'<cookie page="1">{marks}</cookie>', safe=""), safe="")
        token = quote(COOKIE.format(inner), safe="")
        for order in ("name", "revenue", "createdon"):
            send("GET", f"accounts?$orderby={order}&$skiptoken={token}")


@pytest.mark.parametrize("at", range(len(HEADERS)))
def test_a_header_stays_a_text(send: Send, mine: str, at: int) -> None:
    name = HEADERS[at]
    for attempt in some(at):
        value = attempt if name != "Authorization" else f"Bearer flw_{attempt}"
        who = None if name == "Authorization" else "proxy"
        send("GET", "accounts", who, **{name: value})
        send("PATCH", f"accounts({mine})", who, {}, **{name: value})


@pytest.mark.parametrize("at", range(len(BODIES)))
def test_a_body_stays_a_text(door: Door, send: Send, mine: str, at: int) -> None:
    method, path, body = BODIES[at]
    for attempt in some(at):
        text = json.dumps([path, body(attempt)])
        path_now, body_now = json.loads(
            text.replace("{id}", mine).replace("{me}", door.people["ann"])
        )
        send(method, path_now, body=body_now)


@pytest.mark.parametrize("at", range(len(TABLES)))
def test_a_name_of_a_table_stays_a_name(send: Send, at: int) -> None:
    path, body = TABLES[at]
    for attempt in some(at):
        if attempt != "current_user":  # which is a name that a table may have
            send("POST", path, "admin", body(attempt))


def test_texts_come_back_as_they_were(door: Door) -> None:
    for attempt in ATTEMPTS[::2]:
        id = door.make("accounts", name=attempt)
        assert door.get(f"accounts({id})").json()["name"] == attempt
        found = door.value(f"accounts?$select=name&$filter={quote(f'accountid eq {id} and name eq ')}"
                           + quote("'" + attempt.replace("'", "''") + "'"))  # fmt: skip
        assert [row["name"] for row in found] == [attempt]
        assert door.ask("DELETE", f"accounts({id})").status_code == 204


def test_a_file_name_stays_a_text(door: Door, send: Send) -> None:
    path = "EntityDefinitions(LogicalName='contact')/Attributes"
    made = door.ask("POST", path, "admin", json=column("File", "new_paper"))
    assert made.status_code == 204, made.text
    contact = door.make("contacts", fullname="Ada")
    for attempt in ATTEMPTS[::2]:
        name = quote(attempt, safe="")
        place = f"contacts({contact})/new_paper"
        send("PATCH", place, body=b"x", **{"x-ms-file-name": name})
        assert door.get(f"{place}/$value").headers["x-ms-file-name"] == name
        chunk = {"x-ms-file-name": "a", "Content-Range": "bytes 0-0/1"}
        send("PATCH", f"{place}?sessiontoken={name}", body=b"x", **chunk)
    gone = door.ask("DELETE", f"{path}(LogicalName='new_paper')", "admin")
    assert gone.status_code == 204, gone.text


def test_labels_and_options_stay_texts(door: Door) -> None:
    path = "EntityDefinitions(LogicalName='contact')/Attributes"
    for attempt in ATTEMPTS[::4]:
        options = {"Options": [{"Value": 1, "Label": label(attempt)}]}
        body = column("Picklist", "new_inj", OptionSet=options) | {
            "DisplayName": label(attempt), "Description": label(attempt)}  # fmt: skip
        assert door.ask("POST", path, "admin", json=body).status_code == 204
        place = f"{path}(LogicalName='new_inj')"
        said = door.get(
            f"{place}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$expand=OptionSet"
        )
        assert json.dumps(attempt)[1:-1] in json.dumps(said.json())
        assert door.ask("DELETE", place, "admin").status_code == 204


def test_a_part_of_a_batch_stays_a_text(send: Send, mine: str) -> None:
    for attempt in ATTEMPTS:
        for line in (f"GET accounts({attempt}) HTTP/1.1", f"GET accounts?$filter={attempt} HTTP/1.1",
                     f"{attempt} accounts HTTP/1.1", f"DELETE {attempt} HTTP/1.1"):  # fmt: skip
            text = (
                f"--b\r\nContent-Type: application/http\r\nContent-ID: {attempt}\r\n\r\n{line}\r\n"
            )
            body = f"{text}MSCRMCallerID: {attempt}\r\n\r\n\r\n--b--\r\n".encode()
            said = send("POST", "$batch", body=body,
                        **{"Content-Type": "multipart/mixed; boundary=b"})  # fmt: skip
            assert "HTTP/1.1 5" not in said, said
    assert mine
