"""However a document is damaged: it is read and written as it is, or refused in our own words."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from definitions.written import (
    bare,
    changes,
    copy,
    folder_files,
    legacy,
    row_trigger,
    solution,
    solution_files,
    template,
    zipped,
)
from flowner.definitions.checks import problems
from flowner.definitions.codec import read_flow, write_flow
from flowner.definitions.edit import with_binding_source, with_impersonation, with_run_as
from flowner.definitions.flow import RunAs, Source
from flowner.definitions.packages import read_files, read_package
from flowner.errors import FlownerError

DOCUMENTS = [
    solution(),
    solution(triggers={"T": row_trigger(runas=1, filteringattributes="a,b")}),
    legacy(),
    bare(),
    template(),
]
WORDS = [
    *(
        "",
        "actions",
        "else",
        "cases",
        "case",
        "default",
        "type",
        "If",
        "Switch",
        "Scope",
        "foreach",
    ),
    *(
        "inputs",
        "host",
        "connection",
        "connectionName",
        "name",
        "runAfter",
        "Succeeded",
        "triggers",
    ),
    *("definition", "properties", "connectionReferences", "$connections", "value", "invoker", "id"),
    *(
        "runtimeSource",
        "impersonation",
        "source",
        "api",
        "/apis/",
        "metadata",
        "parameters",
        "kind",
    ),
    *(
        "Request",
        "OpenApiConnection",
        "ApiConnection",
        "Recurrence",
        "resources",
        "@",
        "~",
        "/",
        "'",
    ),
    "@parameters('$connections')['x']['connectionId']",
    "subscriptionRequest/runas",
    "Microsoft.Logic/workflows",
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 8)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=3),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS), children, max_size=4)
    ),
    max_leaves=6,
)


def holders(node):
    """Yield every object and array of a document that holds something."""
    if isinstance(node, dict | list) and node:
        yield node
        for child in node.values() if isinstance(node, dict) else node:
            yield from holders(child)


@st.composite
def damaged(draw):
    document = copy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 4))):
        places = list(holders(document))
        if not places:
            break
        damage(draw, draw(st.sampled_from(places)), document)
    return document


def damage(draw, holder, document):
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key = draw(st.sampled_from(keys))
    kind = draw(st.sampled_from(["drop", "replace", "rename", "transplant", "add"]))
    if kind == "drop":
        del holder[key]
    elif kind == "replace" or isinstance(holder, list):
        holder[key] = draw(values)
    elif kind == "rename":
        holder[draw(st.sampled_from(WORDS))] = holder.pop(key)
    elif kind == "transplant":
        holder[key] = copy(draw(st.sampled_from(list(holders(document)))))
    else:
        holder[draw(st.sampled_from(WORDS))] = draw(values)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=damaged())
@example(document={"definition": {"triggers": {"T": {"type": "Request"}}}})
def test_a_damaged_document_is_read_as_it_is_or_refused(document):
    flow = outcome(document)
    if isinstance(flow, FlownerError):
        assert flow.file == "f.json"
        assert flow.pointer is not None
        assert leads_somewhere(document, flow.pointer)
        return
    assert list(changes(document, write_flow(flow))) == []
    assert all(isinstance(problem.pointer, str) for problem in problems(flow))
    for key, binding in flow.bindings.items():
        with suppress(FlownerError):
            other = Source.INVOKER if binding.source is Source.EMBEDDED else Source.EMBEDDED
            assert with_binding_source(flow, key, other).bindings[key].source is other
            marked = with_impersonation(flow, key, not binding.impersonates)
            assert marked.bindings[key].impersonates is not binding.impersonates
    with suppress(FlownerError):
        with_run_as(flow, RunAs.ROW_OWNER)


@settings(max_examples=200, deadline=None)
@given(value=values)
def test_anything_at_all_is_refused_in_our_own_words(value):
    with suppress(FlownerError):
        read_flow(value, name="x")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_refused_in_our_own_words(data):
    whole = data.draw(st.sampled_from(WHOLE))
    at = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.sampled_from([1, 1, 2, 8, 400]))
    replacement = data.draw(st.binary(max_size=length))
    with suppress(FlownerError):
        read_package(whole[:at] + replacement + whole[at + length :], file="p.zip")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_folders_are_refused_in_our_own_words(data):
    files = dict(folder_files())
    path = data.draw(st.sampled_from(sorted(files)))
    at = data.draw(st.integers(0, len(files[path])))
    files[path] = files[path][:at] + data.draw(st.binary(max_size=4)) + files[path][at + 1 :]
    if data.draw(st.booleans()):
        files[data.draw(st.text(max_size=8))] = files.pop(path)
    with suppress(FlownerError):
        read_files(files)


WHOLE = [zipped(solution_files()), json.dumps(solution()).encode(), json.dumps(bare()).encode()]


def outcome(document):
    try:
        return read_flow(document, name="x", file="f.json")
    except FlownerError as error:
        return error


def leads_somewhere(document, pointer):
    """Say whether a pointer names a place, or what is missing there with what it stands in."""
    tokens = [t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:]]
    for index, token in enumerate(tokens):
        if isinstance(document, list):
            document = document[int(token)]
        elif isinstance(document, dict) and token in document:
            document = document[token]
        else:
            return index >= len(tokens) - 2
    return True
