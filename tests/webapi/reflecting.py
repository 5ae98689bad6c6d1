"""What a client does that reads ``$metadata`` and nothing else; run in a process of its own."""

from __future__ import annotations

import os
import sys

import requests  # type: ignore[import-untyped, unused-ignore]
from odata.flags import ODataServerFlags  # type: ignore[import-not-found]
from odata.service import ODataService  # type: ignore[import-not-found]


def told(what: object) -> None:
    sys.stdout.write(f"{what}\n")


session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
service = ODataService(
    f"{os.environ['BASE_URL']}/api/data/v9.2/",
    session=session,
    extra_headers={"Prefer": "return=representation"},
    reflect_entities=True,
    quiet_progress=True,
    server_flags=ODataServerFlags(skip_null_properties=True),
)
Account = service.entities["accounts"]

account = Account()
account.name = "Reflected"
account.numberofemployees = 7
service.save(account)
told("made" if account.accountid else account)

query = service.query(Account)
found = query.filter(Account.name == "Reflected").first()
told("found" if found.accountid == account.accountid else found)

account.name = "Changed"
service.save(account)
told("changed" if service.query(Account).get(account.accountid).name == "Changed" else account)

told("followed" if account.createdby.systemuserid else account.createdby)

service.actions["PublishAllXml"]()
service.functions["RetrieveVersion"]()
told("called")

service.delete(account)
query = service.query(Account)
left = query.filter(Account.name == "Changed").all()
told(left or "deleted")
