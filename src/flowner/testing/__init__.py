"""Test a flow: run it in memory, on the server's own planner, and ask who did what.

    from flowner.testing import simulate

    record = (
        simulate("Workflows/Greet.json")
        .as_user("bob")
        .with_trigger(body={"text": "hello"})
        .with_mock("Send_greeting", body={"id": 1})
        .run()
    )
    assert record.status == "Succeeded"
    assert record.action("Send_greeting").acted_as == "bob"

No server, no database, no network; time does not wait. Connections are taken to be bound, lent and
signed in to: what a directory would refuse is not seen here (`flowner who` asks it).
"""

from flowner.testing.recorded import ActionRun, Recorded
from flowner.testing.simulating import Simulation, simulate

__all__ = ["ActionRun", "Recorded", "Simulation", "simulate"]
