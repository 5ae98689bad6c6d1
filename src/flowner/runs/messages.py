"""What is left in a run's inbox for whoever works on it: answers, and the wish to stop."""

from __future__ import annotations

import msgspec

from flowner.runs.commands import Failure, Outcome, Success
from flowner.values import Json, JsonObject


class Answered(msgspec.Struct, tag="answer"):
    """An inbox message: what an action that waits was answered."""

    path: str
    status: int
    body: object = None
    has_body: bool = False
    headers: dict[str, object] = {}
    code: str = ""
    message: str = ""
    child: int = 0
    """The run that answered; 0: it was none."""
    noted: dict[str, object] = {}
    """What the record of who acted says besides: who answered."""

    def outcome(self) -> Outcome:
        """Return the answer as the planner reads it: a failure where it carries a code."""
        if self.code:
            return Failure(code=self.code, message=self.message, status=self.status)
        body: Json = self.body  # type: ignore[assignment] # decoded from JSON
        headers: JsonObject = self.headers  # type: ignore[assignment] # decoded from JSON
        return Success(status=self.status, headers=headers, body=body, has_body=self.has_body)


class SignedIn(msgspec.Struct, tag="signed-in"):
    """An inbox message: somebody has done what the action at ``path`` waits for; try again."""

    path: str


class CancelAsked(msgspec.Struct, tag="cancel"):
    """An inbox message: somebody wants the run stopped."""

    by: str
    reason: str = ""


Message = Answered | SignedIn | CancelAsked
ENCODER = msgspec.json.Encoder()
DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
