"""The words of letters to those who are asked. What a flow's author wrote is made harmless."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from flowner.approvals.links import Links
from flowner.approvals.markdown import to_html
from flowner.approvals.shapes import People
from flowner.identity.world import Principal
from flowner.rows.approvals import Approval, Request
from flowner.rows.asked import AskedSignIn

_BUTTON = (
    "display:inline-block;margin:0 8px 8px 0;padding:8px 16px;border-radius:4px;"
    "border:1px solid #0f6cbd;color:#0f6cbd;text-decoration:none;font-weight:600"
)
_PAGE = (
    "<div style=\"font:14px/20px 'Segoe UI',system-ui,sans-serif;color:#242424;max-width:640px\">"
    "{}</div>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A letter as it is sent."""

    to: str
    subject: str
    body: str
    """HTML."""


def write_about_approval(
    approval: Approval, request: Request, person: Principal, people: People, links: Links
) -> Written:
    """Ask somebody to answer: a link for each answer that is theirs alone, and one to the page."""
    asks = people.name(approval.requestor or approval.owner)
    buttons = "".join(
        f'<a style="{_BUTTON}" href="{escape(links.make(request.id, person.id, one))}">'
        f"{escape(one)}</a>"
        for one in approval.options
    )
    group = ""
    if request.holder != person.id:
        group = f" It is asked of {escape(people.name(request.holder))}, which you are in."
    foot = (
        f"These links are for {escape(person.name)} alone: do not forward this mail. Nothing is"
        " answered before you have confirmed it."
        f' <a href="{escape(links.page(approval.id))}">Open it in Flowner</a>'
    )
    parts = [
        f"<h2>{escape(approval.title)}</h2>",
        f"<p><b>{escape(asks)}</b> asks you, by <b>{escape(approval.flow_name)}</b>.{group}</p>",
        to_html(approval.details),
        f"<p>{_item(approval)}</p>" if approval.link.startswith(("http://", "https://")) else "",
        f"<p>{buttons}</p>",
        f'<p style="color:#616161">{foot}</p>',
    ]
    return Written(
        to=person.mail, subject=f"Approval: {approval.title}", body=_PAGE.format("\n".join(parts))
    )


def write_about_sign_in(asked: AskedSignIn, person: Principal, links: Links) -> Written:
    """Ask somebody to choose a connection that a run in their name waits for."""
    where = escape(links.consent(asked.flow))
    why = (
        f"A run of the flow <b>{escape(asked.flow_name)}</b> is in your name, and needs a"
        f" connection of yours: <b>{escape(asked.key)}</b>. Nobody else's will do."
    )
    parts = [
        f"<h2>{escape(asked.flow_name)} waits for you</h2>",
        f"<p>{why}</p>",
        f"<p>It waits until {asked.due:%d %B %Y, %H:%M} UTC.</p>",
        f'<p><a style="{_BUTTON}" href="{where}">Choose a connection</a></p>',
    ]
    return Written(
        to=person.mail,
        subject=f"{asked.flow_name} waits for you to sign in",
        body=_PAGE.format("\n".join(parts)),
    )


def _item(approval: Approval) -> str:
    text = escape(approval.link_text or approval.link)
    return f'<a href="{escape(approval.link)}">{text}</a>'
